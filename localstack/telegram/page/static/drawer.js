// The developer drawer: traffic between bots and the simulator, faults on
// demand, and the bot's address, webhook and limits.
import { $, el, api, attempt, toast } from "./dom.js";
import { copy } from "./text.js";

const most = 300;

export class Drawer {
  constructor(state, seen, reload) {
    Object.assign(this, { state, seen, reload });
    for (const tab of document.querySelectorAll("[data-tab]")) tab.onclick = () => this.show(tab.dataset.tab);
    $("clear-log").onclick = () => $("log").replaceChildren();
    $("only-bot").onchange = () => this.filter();
    this.shown = "calls";
  }

  toggle() {
    const box = $("drawer");
    box.hidden = !box.hidden;
    $("app").classList.toggle("with-drawer", !box.hidden);
    if (!this.opened) this.earlier();
    this.draw();
  }

  /** Lists the calls that were made before the page was opened. */
  earlier() {
    this.opened = true;
    attempt(async () => {
      const shown = new Set([...$("log").children].map((row) => row.dataset.seq));
      const calls = (await api("calls")).slice(-most).filter((call) => !shown.has(String(call.seq)));
      const newer = [...$("log").children];
      $("log").replaceChildren();
      for (const call of calls) this.add({ type: "call", body: call });
      $("log").prepend(...newer);
    });
  }

  show(name) {
    this.shown = name;
    for (const tab of document.querySelectorAll("[data-tab]")) tab.setAttribute("aria-selected", tab.dataset.tab === name ? "true" : "false");
    for (const one of ["calls", "faults", "bot"]) $("tab-" + one).hidden = one !== name;
    this.draw();
  }

  draw() {
    if ($("drawer").hidden) return;
    this.filter();
    if (this.shown === "faults") this.drawFaults();
    if (this.shown === "bot") this.drawBot();
  }

  filter() {
    for (const row of $("log").children) row.hidden = $("only-bot").checked && this.seen.peer > 0 && Number(row.dataset.bot) !== this.seen.peer;
  }

  /** Adds a call, an update or a webhook failure to the list. */
  add(event) {
    const { type, body } = event;
    let label, tag, kind, detail;
    if (type === "call") {
      label = body.method;
      tag = body.status || "dropped";
      kind = body.status === 200 ? "good" : "bad";
      detail = { params: body.params, response: body.response, took_ms: body.took_ms, problems: body.problems, fault: body.fault };
    } else if (type === "update") {
      label = Object.keys(body.update).find((name) => name !== "update_id");
      tag = "update";
      kind = "up";
      detail = body.update;
    } else {
      label = body.error || (body.url ? "webhook set" : "webhook removed");
      tag = "webhook";
      kind = body.error ? "bad" : "good";
      detail = body;
    }
    const pre = el("pre");
    const row = el("details", { class: "log", "data-bot": body.bot, "data-seq": body.seq, "data-testid": `log-${type}`, ontoggle: () => { if (row.open) pre.textContent = JSON.stringify(detail, null, 1); } },
      el("summary", {}, el("span", { "aria-hidden": "true" }, type === "call" ? "→" : "←"), el("b", {}, label), body.problems && el("span", { class: "tag bad", title: body.problems.join("\n") }, "unknown field"), el("span", { class: `tag ${kind}` }, String(tag))), pre);
    row.hidden = $("only-bot").checked && this.seen.peer > 0 && body.bot !== this.seen.peer;
    $("log").prepend(row);
    while ($("log").children.length > most) $("log").lastChild.remove();
  }

  async fault(fault) {
    await attempt(async () => {
      await api("faults", { bot: this.seen.peer > 0 ? this.seen.peer : 0, ...fault });
      toast("The fault waits for its calls");
    });
  }

  drawFaults() {
    const ready = [
      ["Next send: 429, 3 s", { method: "sendMessage", kind: "error", status: 429, retry_after: 3 }],
      ["Next 3 calls: 500", { kind: "error", status: 500, count: 3 }],
      ["Next send: lost before", { method: "sendMessage", kind: "drop_before" }],
      ["Next send: lost after", { method: "sendMessage", kind: "drop_after" }],
      ["Next edit: 429, 3 s", { method: "editMessageText", kind: "error", status: 429, retry_after: 3 }],
      ["Next 5 calls: 3 s late", { kind: "delay", delay_ms: 3000, count: 5 }],
      ["Next file: cut short", { method: "file", kind: "cut" }],
      ["Next call: garbage", { kind: "garbage" }],
    ];
    const input = (label, name, attributes = {}) => el("label", {}, label, el("input", { name, ...attributes }));
    const form = el("form", { class: "form", "data-testid": "fault-form", onsubmit: (event) => {
      event.preventDefault();
      const values = Object.fromEntries(new FormData(form));
      for (const name of ["status", "retry_after", "count", "delay_ms"]) values[name] = Number(values[name]);
      this.fault(values);
    } },
      el("div", { class: "two" }, input("Method (empty: any)", "method", { placeholder: "sendMessage" }),
        el("label", {}, "What happens", el("select", { name: "kind" }, ...["error", "drop_before", "drop_after", "garbage", "cut", "delay"].map((kind) => el("option", {}, kind))))),
      el("div", { class: "two" }, input("Status", "status", { type: "number", value: "500" }), input("retry_after, s", "retry_after", { type: "number", value: "0" })),
      el("div", { class: "two" }, input("Calls", "count", { type: "number", value: "1" }), input("Delay, ms", "delay_ms", { type: "number", value: "0" })),
      el("button", { class: "primary", "data-testid": "fault-add" }, "Add"));
    const list = this.state.faults.map((fault) => el("div", { "data-testid": "fault" }, el("span", {}, `${fault.method || "any call"}: ${fault.kind} ${fault.status || ""} ×${fault.count === -1 ? "∞" : fault.count - (fault.spoiled || 0)}`), el("button", { class: "pill", onclick: () => attempt(() => api(`faults?id=${fault.id}`, undefined, { method: "DELETE" })) }, "Remove")));
    $("tab-faults").replaceChildren(
      el("div", { class: "row" }, ...ready.map(([text, fault]) => el("button", { class: "pill", "data-testid": "fault-ready", onclick: () => this.fault(fault) }, text))),
      el("h3", {}, "Waiting"), list.length ? el("div", { class: "list" }, ...list) : el("p", { class: "dim" }, "None."),
      el("h3", {}, "Another"), form,
      el("h3", {}, "Updates"), el("div", { class: "row" }, el("button", { class: "pill", "data-testid": "repeat-updates", onclick: () => this.repeat(5, false) }, "Send the last 5 again"), el("button", { class: "pill", onclick: () => this.repeat(5, true) }, "…in reverse order")));
  }

  repeat(count, reverse) {
    attempt(async () => toast(`${(await api("updates", { bot: this.seen.peer, repeat: count, reverse })).queued} updates queued`));
  }

  async drawBot() {
    const fresh = await attempt(() => api("state"));
    const bot = fresh?.bots.find((one) => one.id === this.seen.peer);
    if (!bot) { $("tab-bot").replaceChildren(el("p", { class: "dim" }, "Open the chat with a bot.")); return; }
    const hook = bot.webhook;
    const limits = fresh.limits;
    const number = (label, name, step = "1") => el("label", {}, label, el("input", { name, type: "number", step, min: "0", value: String(limits[name]) }));
    const form = el("form", { class: "form", onsubmit: (event) => {
      event.preventDefault();
      const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, Number(value)]));
      attempt(async () => { await api("limits", values); toast("The limits hold from now on"); });
    } },
      el("div", { class: "two" }, number("Messages/s in a chat", "chat_per_second", "0.1"), number("…at once", "chat_burst")),
      el("div", { class: "two" }, number("Messages/min in a group", "group_per_minute"), number("Messages/s of a bot", "bot_per_second")),
      number("Paid messages/s of a bot", "paid_per_second"), el("button", { class: "primary" }, "Set the limits (0 is none)"));
    $("tab-bot").replaceChildren(
      el("h3", {}, "Address"), el("p", {}, el("code", {}, `${location.origin}/bot${bot.token}/`)),
      el("div", { class: "row" }, el("button", { class: "pill", onclick: () => copy(bot.token) }, "Copy the token"), el("button", { class: "pill", onclick: () => copy(location.origin) }, "Copy the server")),
      el("h3", {}, "Webhook"),
      el("p", { class: "token" }, hook.url || "none: the bot asks with getUpdates"),
      el("p", {}, `${hook.pending} waiting · ${hook.delivered} delivered · ${hook.failed} failed`), el("p", { class: "dim" }, hook.last_error || "No failure so far."),
      el("h3", {}, "Stars"), el("p", {}, `⭐ ${bot.stars || 0}`),
      el("h3", {}, "Flood limits of all bots"), form,
      el("h3", {}, "Forget"), el("div", { class: "row" },
        el("button", { class: "pill", onclick: () => { if (confirm("Forget all messages? People and bots stay.")) attempt(() => api("reset", { keep_people_and_bots: true })); } }, "All messages"),
        el("button", { class: "pill", onclick: () => { if (confirm(`Remove ${bot.first_name}?`)) attempt(() => api(`bots/${bot.id}`, undefined, { method: "DELETE" })); } }, "This bot")));
  }
}
