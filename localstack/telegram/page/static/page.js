// The chat page: what a person of the simulator sees and does.
import { $, el, api, attempt, toast, dialog, menu, item, closeMenu, size, clock, time, avatar, money } from "./dom.js";
import { formatted, copy } from "./text.js";
import { media, visual, record } from "./media.js";
import { Drawer } from "./drawer.js";

const state = { seq: 0, users: new Map(), bots: new Map(), chats: new Map(), faults: [], limits: {} };
const seen = { me: 0, peer: 0, start: "", messages: new Map(), unread: new Map(), commands: [], reply: null, edit: null };
const actions = new Map(); // chat key -> {text, until}
const drawer = new Drawer(state, seen, reload);

const me = () => state.users.get(seen.me);
const key = (peer = seen.peer) => peer > 0 ? `${peer}:${seen.me}` : String(peer);
const chat = () => state.chats.get(key());
const place = (fields = {}) => ({ user: seen.me, chat: seen.peer, ...fields });
const nameOf = (id) => {
  const user = state.users.get(id);
  return user ? [user.first_name, user.last_name].filter(Boolean).join(" ") : state.bots.get(id)?.first_name || String(id);
};

// ---- Start and live events -------------------------------------------------

async function reload() {
  const fresh = await api("state");
  state.seq = fresh.seq;
  state.faults = fresh.faults;
  state.limits = fresh.limits;
  for (const [map, list, id] of [[state.users, fresh.users, "id"], [state.bots, fresh.bots, "id"], [state.chats, fresh.chats, "key"]]) {
    map.clear();
    for (const one of list) map.set(one[id], one);
  }
  const wanted = new URLSearchParams(location.hash.slice(1));
  seen.me = Number(wanted.get("user")) || Number(localStorage.getItem("me")) || seen.me;
  if (!state.users.has(seen.me)) seen.me = fresh.users[0]?.id || 0;
  drawPeople();
  drawChats();
  drawer.draw();
  const peer = Number(wanted.get("chat")) || seen.peer;
  await open(state.bots.has(peer) || state.chats.has(String(peer)) ? peer : 0, wanted.get("start") || "");
  if (!seen.me) addPerson();
}

let stream = null;
function listen() {
  stream?.close();
  stream = new EventSource(`/control/events?after=${state.seq}`);
  stream.onmessage = (message) => {
    const event = JSON.parse(message.data);
    state.seq = Math.max(state.seq, event.seq);
    happen(event);
  };
}

function happen(event) {
  const body = event.body;
  switch (event.type) {
    case "message": arrived(body); break;
    case "chat": state.chats.set(body.key, body); drawChats(); if (body.key === key()) drawFoot(); break;
    case "user": state.users.set(body.id, body); drawPeople(); break;
    case "bot": state.bots.set(body.id, body); drawChats(); if (body.id === seen.peer) drawHead(); drawer.draw(); break;
    case "action": acts(event.chat, body); break;
    case "answer": break; // Shown by whoever pressed the button.
    case "call": case "update": case "webhook": drawer.add(event); break;
    case "faults": attempt(async () => { state.faults = (await api("state")).faults; drawer.draw(); }); break;
    case "reset": attempt(reload); break;
  }
}

function acts(chatKey, { bot, action }) {
  const words = { typing: "typing", record_voice: "recording voice", upload_voice: "sending a voice message", upload_photo: "sending a photo", upload_video: "sending a video", upload_document: "sending a file", choose_sticker: "choosing a sticker" };
  const until = Date.now() + 5000;
  actions.set(chatKey, { text: (chatKey.includes(":") ? "" : nameOf(bot) + " is ") + (words[action] || action.replaceAll("_", " ")) + "…", until });
  drawStatus();
  drawChats();
  setTimeout(() => { if (actions.get(chatKey)?.until === until) { actions.delete(chatKey); drawStatus(); drawChats(); } }, 5000);
}

// ---- People and chats ------------------------------------------------------

function drawPeople() {
  const person = me();
  $("me").replaceChildren(...(person
    ? [avatar(person.first_name, person.id, true), el("span", {}, el("b", {}, nameOf(person.id)), el("small", {}, `${person.language_code || "en"} · ⭐ ${person.stars} · ${person.id}`))]
    : ["Add a person"]));
}

$("me").onclick = () => {
  const list = [...state.users.values()].map((user) => el("button", { role: "menuitem", class: "entry", "data-testid": `person-option-${user.id}`, onclick: () => { closeMenu(); become(user.id); } },
    avatar(user.first_name, user.id, true), el("span", {}, el("b", {}, nameOf(user.id)), el("br"), el("span", { class: "dim" }, `${user.language_code || "en"} · ⭐ ${user.stars}`))));
  menu($("me"), ...list, item("+ New person…", addPerson, "person-new"));
};

$("add").onclick = () => menu($("add"), item("New person…", addPerson, "person-new"), item("Bot with a token…", addBot, "bot-new"), item("New group…", addGroup, "group-new"));

function become(id) {
  seen.me = id;
  localStorage.setItem("me", id);
  seen.unread.clear();
  drawPeople();
  drawChats();
  open(seen.peer);
}

function field(label, attributes, ...options) {
  const input = el(options.length ? "select" : "input", attributes, ...options);
  return [el("label", { class: attributes.type === "checkbox" ? "check" : "" }, ...(attributes.type === "checkbox" ? [input, label] : [label, input])), input];
}

function addPerson() {
  const [first, firstInput] = field("Name", { "data-testid": "person-name", placeholder: "Ayu", required: true });
  const [username, usernameInput] = field("Username", { placeholder: "ayu (optional)" });
  const [language, languageInput] = field("Language of the app", { "data-testid": "person-language" }, el("option", { value: "id" }, "Indonesia (id)"), el("option", { value: "en" }, "English (en)"));
  const [premium, premiumInput] = field("Telegram Premium", { type: "checkbox" });
  dialog("New person", el("div", { class: "form" }, first, username, language, premium), [{ text: "Cancel" }, { text: "Create", primary: true, testid: "person-create", run: async () => {
    const made = await attempt(() => api("users", { first_name: firstInput.value.trim(), username: usernameInput.value.trim(), language_code: languageInput.value, is_premium: premiumInput.checked }));
    if (!made) return false;
    state.users.set(made.id, made);
    become(made.id);
  } }]);
}

function addBot() {
  const [token, tokenInput] = field("Token (leave empty to have one made)", { "data-testid": "bot-token", placeholder: "123456:ABC-DEF…", autocomplete: "off" });
  const [username, usernameInput] = field("Username", { "data-testid": "bot-username", placeholder: "my_test_bot" });
  const [name, nameInput] = field("Name", { "data-testid": "bot-name", placeholder: "My test bot" });
  const hint = el("p", { class: "dim" }, `Point any Bot API library at ${location.origin} in place of https://api.telegram.org.`);
  dialog("Bot with a token", el("div", { class: "form" }, token, username, name, hint), [{ text: "Cancel" }, { text: "Register", primary: true, testid: "bot-create", run: async () => {
    const made = await attempt(() => api("bots", { token: tokenInput.value.trim(), username: usernameInput.value.trim().replace(/^@/, ""), first_name: nameInput.value.trim() }));
    if (!made) return false;
    state.bots.set(made.id, made);
    drawChats();
    open(made.id);
    toast(`Token: ${made.token}`);
  } }]);
}

function addGroup() {
  const [title, titleInput] = field("Title", { "data-testid": "group-title", placeholder: "Friends" });
  const [type, typeInput] = field("Type", {}, el("option", { value: "supergroup" }, "Group"), el("option", { value: "channel" }, "Channel"));
  const boxes = [...state.users.values(), ...state.bots.values()].map((one) => { const [label, box] = field(nameOf(one.id), { type: "checkbox", value: String(one.id) }); box.checked = one.id === seen.me; return [label, box]; });
  dialog("New group", el("div", { class: "form" }, title, type, ...boxes.map(([label]) => label)), [{ text: "Cancel" }, { text: "Create", primary: true, testid: "group-create", run: async () => {
    const members = {};
    for (const [, box] of boxes) if (box.checked) members[box.value] = Number(box.value) === seen.me ? "creator" : state.bots.has(Number(box.value)) ? "administrator" : "member";
    const made = await attempt(() => api("groups", { title: titleInput.value.trim(), type: typeInput.value, members }));
    if (!made) return false;
    state.chats.set(made.key, made);
    open(made.id);
  } }]);
}

function drawChats() {
  const filter = $("filter").value.trim().toLowerCase();
  const rows = [];
  for (const bot of state.bots.values()) rows.push({ peer: bot.id, name: bot.first_name, chat: state.chats.get(key(bot.id)) });
  for (const one of state.chats.values()) if (one.type !== "private" && one.members?.includes(seen.me)) rows.push({ peer: one.id, name: one.title, chat: one });
  rows.sort((a, b) => (b.chat?.last_date || 0) - (a.chat?.last_date || 0));
  $("chats").replaceChildren(...rows.filter((row) => row.name.toLowerCase().includes(filter)).map(({ peer, name, chat: one }) => {
    const unread = seen.unread.get(key(peer));
    const action = actions.get(key(peer));
    return el("button", { class: "entry", "data-testid": `chat-${peer}`, "aria-current": peer === seen.peer ? "true" : null, onclick: () => open(peer) },
      avatar(name, peer),
      el("span", { class: "body" },
        el("span", { class: "line" }, el("b", {}, name), one?.last_date && el("span", { class: "dim" }, time(one.last_date))),
        el("span", { class: "line" }, el("span", { class: "dim last" }, action?.text || (one?.blocked ? "Blocked" : one?.last_text) || (peer > 0 ? "Press Start to begin" : "No messages yet")), unread && el("span", { class: "badge", "aria-label": `${unread} unread` }, String(unread)))));
  }));
}

$("filter").oninput = drawChats;

// ---- One chat --------------------------------------------------------------

async function open(peer, start = "") {
  seen.peer = peer;
  seen.start = start;
  seen.messages.clear();
  seen.commands = [];
  setContext(null);
  const shown = Boolean(peer && seen.me);
  for (const id of ["head", "foot"]) $(id).hidden = !shown;
  $("empty").hidden = shown;
  $("app").classList.toggle("open", shown);
  $("messages").replaceChildren();
  if (seen.me) history.replaceState(null, "", peer ? `#user=${seen.me}&chat=${peer}${start ? "&start=" + encodeURIComponent(start) : ""}` : "#user=" + seen.me);
  if (!shown) { drawChats(); return; }
  seen.unread.delete(key());
  await attempt(async () => {
    const opened = key();
    const [messages, info] = await Promise.all([api(`messages?user=${seen.me}&chat=${peer}`), peer > 0 ? api(`commands?user=${seen.me}&chat=${peer}`) : {}]);
    if (opened !== key()) return;
    Object.assign(seen, { commands: info.commands || [], info });
    for (const message of messages) seen.messages.set(message.message_id, message);
    drawMessages();
  });
  drawHead();
  drawChats();
  drawFoot();
  drawer.draw();
}

function drawHead() {
  if (!seen.peer) return;
  const name = seen.peer > 0 ? seen.info?.name || nameOf(seen.peer) : chat()?.title || "";
  $("title").textContent = name;
  $("peer-avatar").replaceChildren(avatar(name, seen.peer, true));
  document.title = `${name} — Telegram simulator`;
  drawStatus();
}

function drawStatus() {
  const action = actions.get(key());
  $("status").classList.toggle("active", Boolean(action));
  $("status").textContent = action?.text || (seen.peer > 0 ? `bot · @${state.bots.get(seen.peer)?.username || ""}` : `${chat()?.members?.length || 0} members`);
}

function drawFoot() {
  const one = chat();
  const fresh = seen.peer > 0 && !one?.started;
  const blocked = Boolean(one?.blocked);
  const linked = Boolean(seen.start);
  $("start").hidden = blocked || !(fresh || linked);
  $("start").textContent = seen.start ? `START · ${seen.start}` : "START";
  $("unblock").hidden = !blocked;
  $("composer").hidden = blocked || fresh || linked;
  $("block").hidden = seen.peer < 0 || fresh;
  $("block").textContent = blocked ? "Unblock" : "Block";
  $("menu").hidden = !seen.commands.length && seen.info?.menu_button?.type !== "web_app";
  $("menu-text").textContent = seen.info?.menu_button?.text || "Menu";
  drawKeyboard(one);
  drawSend();
}

function drawKeyboard(one) {
  const keyboard = one?.keyboard;
  $("keys").hidden = !keyboard;
  if (!keyboard) { $("keyboard").hidden = true; $("keyboard").dataset.shown = ""; return; }
  const text = JSON.stringify(keyboard);
  if ($("keyboard").dataset.shown !== text) { $("keyboard").hidden = false; $("keyboard").dataset.shown = text; }
  $("text").placeholder = keyboard.input_field_placeholder || "Message";
  $("keyboard").replaceChildren(...keyboard.keyboard.map((row) => el("div", { class: "row" }, ...row.map((button) => el("button", { "data-testid": "keyboard-button", onclick: () => useKey(button) }, button.text || button)))));
}

async function useKey(button) {
  const text = button.text || button;
  if (button.request_contact) {
    dialog("Share your phone number?", el("p", {}, "The bot asks for your contact."), [{ text: "Cancel" }, { text: "Share", primary: true, testid: "share-contact", run: () => attempt(() => api("contact", place({ phone_number: "+628" + String(seen.me).padStart(9, "0") }))) }]);
  } else if (button.request_location) await attempt(() => api("location", place({ latitude: -6.2, longitude: 106.8166 })));
  else if (button.web_app) await openApp(button.web_app.url);
  else await sendText(text);
}

$("keys").onclick = () => { $("keyboard").hidden = !$("keyboard").hidden; };
$("back").onclick = () => open(0);
$("block").onclick = () => attempt(() => api("block", place({ blocked: !chat()?.blocked })));
$("unblock").onclick = () => attempt(() => api("block", place({ blocked: false })));
$("start").onclick = () => attempt(async () => {
  const parameter = seen.start;
  seen.start = "";
  history.replaceState(null, "", `#user=${seen.me}&chat=${seen.peer}`);
  await api("start", place({ parameter }));
  drawFoot();
});
$("more").onclick = () => drawer.toggle();
$("drawer-close").onclick = () => drawer.toggle();

// ---- Messages --------------------------------------------------------------

function arrived(message) {
  const one = state.chats.get(message.chat);
  const [bot, user] = message.chat.includes(":") ? message.chat.split(":").map(Number) : [0, 0];
  const known = one || { key: message.chat, type: "private", bot, user };
  if (!message.deleted && !message.edit_date) Object.assign(known, { last_text: message.text || message.kind, last_date: message.date });
  state.chats.set(message.chat, known);
  if (message.chat !== key()) {
    if (!message.edit_date && !message.deleted && message.from !== seen.me) seen.unread.set(message.chat, (seen.unread.get(message.chat) || 0) + 1);
    drawChats();
    return;
  }
  const before = seen.messages.get(message.message_id);
  seen.messages.set(message.message_id, message);
  if (message.from_bot) { actions.delete(message.chat); drawStatus(); }
  const box = $("messages");
  const near = box.scrollHeight - box.scrollTop - box.clientHeight < 120;
  const old = box.querySelector(`[data-id="${message.message_id}"]`);
  const node = draw(message, old);
  if (old) old.replaceWith(node);
  else { placeDay(message); box.querySelector(".about")?.remove(); box.append(node); }
  if (before && !message.deleted && before.edit_date !== message.edit_date || before && before.text !== message.text) node.querySelector(".bubble")?.classList.add("flash");
  if (message.deleted) setTimeout(() => node.remove(), 1500);
  if (near || message.from === seen.me && !before) toEnd(); else if (!before) $("down").hidden = false;
  drawPinned();
  drawChats();
}

function drawMessages() {
  const box = $("messages");
  box.replaceChildren();
  const all = [...seen.messages.values()].filter((message) => !message.deleted);
  if (!all.length) {
    const text = seen.info?.description;
    box.append(el("div", { class: "about", "data-testid": "about" }, el("div", { class: "big", "aria-hidden": "true" }, seen.peer > 0 ? "🤖" : "👥"), el("b", {}, seen.peer > 0 ? "What can this bot do?" : "No messages yet"), el("p", {}, text || (seen.peer > 0 ? "Press Start to find out." : "Say hello."))));
  }
  for (const message of all) { placeDay(message); box.append(draw(message)); }
  drawPinned();
  toEnd();
}

function placeDay(message) {
  const day = new Date(message.date * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  const last = [...document.querySelectorAll(".day")].pop();
  if (last?.textContent !== day) $("messages").append(el("div", { class: "day" }, day));
}

function toEnd() { const box = $("messages"); box.scrollTop = box.scrollHeight; $("down").hidden = true; }
let height = 0;
new ResizeObserver(() => { // The keyboard or the composer took room: the newest message stays in sight.
  const box = $("messages");
  if (box.scrollHeight - box.scrollTop - height < 60) toEnd();
  height = box.clientHeight;
}).observe($("messages"));
$("down").onclick = toEnd;
$("messages").onscroll = () => { const box = $("messages"); if (box.scrollHeight - box.scrollTop - box.clientHeight < 60) $("down").hidden = true; };
$("messages").addEventListener("load", () => { const box = $("messages"); if (box.scrollHeight - box.scrollTop - box.clientHeight < 500) toEnd(); }, true);

function drawPinned() {
  const pinned = [...seen.messages.values()].filter((message) => message.pinned && !message.deleted).pop();
  $("pinned").hidden = !pinned;
  if (pinned) $("pinned").textContent = `📌 ${pinned.text || pinned.kind}`;
}

function draw(message, old) {
  const out = message.from === seen.me;
  const attributes = { "data-id": message.message_id, "data-testid": `message-${message.message_id}`, "data-kind": message.kind, "data-from": message.from, "data-edited": message.edit_date ? "true" : null };
  if (message.deleted) return el("div", { ...attributes, class: `message gone ${out ? "out" : ""}` }, el("div", { class: "bubble" }, "deleted"));
  if (message.kind === "payment") return el("div", { ...attributes, class: "service" }, paymentText(message));
  const isVisual = visual(message.file) && message.kind !== "sticker";
  const rows = message.buttons || [];
  const bubble = el("div", { class: `bubble${isVisual ? " visual" : ""}${rows.length ? " has-buttons" : ""}` },
    seen.peer < 0 && !out && el("div", { class: "sender" }, nameOf(message.from)),
    message.forward_from !== undefined && el("div", { class: "forward" }, `Forwarded from ${message.forward_from || "somebody"}`),
    message.reply_to && quote(message.reply_to), fileNode(message, old), message.invoice && invoice(message), special(message),
    message.text && el("div", { class: `text${message.edit_date ? " long-meta" : ""}`, "data-testid": "message-text" }, ...formatted(message.text, message.entities, tapped)),
    meta(message, out), reactions(message));
  const tools = el("button", { class: "tools icon", "aria-label": "Actions of the message", "data-testid": "message-tools", onclick: () => offer(message, tools) }, "⋯");
  const node = el("div", { ...attributes, class: `message${out ? " out" : ""}` }, bubble, keyboardOf(message, rows), tools);
  node.addEventListener("contextmenu", (event) => { event.preventDefault(); offer(message, tools); });
  return node;
}

/** The file's node, the same one as before if the file did not change, so
 *  that a sound plays on through an edit of its caption. */
function fileNode(message, old) {
  if (!message.file) return null;
  const kept = old?.querySelector(`[data-file="${CSS.escape(message.file.url)}"]`);
  if (kept) return kept;
  const node = media(message.file);
  node.dataset.file = message.file.url;
  return node;
}

function special(message) {
  const raw = message.raw || {};
  if (raw.contact) return el("div", { class: "doc" }, el("span", { class: "glyph", "aria-hidden": "true" }, "☎"), el("span", {}, el("b", {}, raw.contact.first_name), raw.contact.phone_number));
  if (raw.location) return el("div", { class: "doc" }, el("span", { class: "glyph", "aria-hidden": "true" }, "⌖"), el("span", {}, el("b", {}, "Location"), `${raw.location.latitude}, ${raw.location.longitude}`));
  return null;
}

function paymentText({ payment }) {
  const sum = money(payment.currency, payment.total_amount);
  return payment.refunded ? `↩ ${sum} was refunded` : `✅ You paid ${sum}`;
}

function invoice(message) {
  return el("div", { class: "invoice", "data-testid": "invoice" }, el("h3", {}, message.invoice.title), el("div", {}, message.invoice.description), el("div", { class: "price" }, money(message.invoice.currency, message.invoice.total_amount)));
}

function quote(id) {
  const target = seen.messages.get(id);
  return el("button", { class: "reply", onclick: () => document.querySelector(`[data-id="${id}"]`)?.scrollIntoView({ block: "center", behavior: "smooth" }) }, target && !target.deleted ? `${nameOf(target.from)}: ${target.text || target.kind}` : "Deleted message");
}

function meta(message, out) {
  const edited = message.edit_date ? el("span", { "data-testid": "edited", title: `${message.history?.length || 1} edits` }, "edited") : null;
  return el("div", { class: message.text ? "meta" : "meta alone" }, message.protected && el("span", { title: "Protected content" }, "🔒"), edited, el("time", { datetime: new Date(message.date * 1000).toISOString() }, time(message.date)), out && el("span", { "aria-label": "sent" }, "✓"));
}

function reactions(message) {
  const list = Object.values(message.reactions || {});
  return list.length ? el("div", { class: "reactions", "data-testid": "reactions" }, ...list.map((emoji) => el("span", {}, emoji))) : null;
}

function keyboardOf(message, rows) {
  if (!rows.length) return null;
  return el("div", { class: "buttons", "data-testid": "buttons" }, ...rows.map((row) => el("div", { class: "row" }, ...row.map((button) => {
    const corner = button.url ? "↗" : button.web_app ? "▣" : button.copy_text ? "⧉" : "";
    const node = el("button", { class: button.style || "", "data-testid": "message-button", "data-callback": button.callback_data || null, onclick: () => press(message, button, node) }, button.text, corner && el("span", { class: "corner", "aria-hidden": "true" }, corner));
    return node;
  }))));
}

async function press(message, button, node) {
  if (button.url) { if (!tapped("url", button.url)) confirmLink(button.url); return; }
  if (button.copy_text) { await copy(button.copy_text.text); return; }
  if (button.web_app) { await openApp(button.web_app.url); return; }
  if (button.pay) { pay(message.invoice, { message_id: message.message_id }); return; }
  if (node.classList.contains("busy")) return;
  node.classList.add("busy");
  const answer = await attempt(() => api("press", place({ message_id: message.message_id, data: button.callback_data, wait_ms: 15000 })));
  node.classList.remove("busy");
  if (!answer) return;
  if (!answer.answered) toast("The bot did not answer the button within 15 seconds", true);
  if (answer.url && !tapped("url", answer.url)) confirmLink(answer.url);
  if (!answer.text) return;
  if (answer.show_alert) dialog("", el("p", { "data-testid": "alert" }, answer.text), [{ text: "OK", primary: true, testid: "alert-ok" }]);
  else toast(answer.text);
}

function confirmLink(url) {
  if (!/^https?:/i.test(url)) { toast(`The page does not open ${url}`, true); return; }
  dialog("Open this link?", el("p", { class: "token" }, url), [{ text: "Cancel" }, { text: "Open", primary: true, run: () => { window.open(url, "_blank", "noopener"); } }]);
}

function pay(bill, target) {
  const sum = money(bill.currency, bill.total_amount);
  const balance = bill.currency === "XTR" ? `You have ⭐ ${me().stars}.` : "The provider is a stand-in; no card is asked for.";
  dialog("Confirm the purchase", el("p", {}, `Buy “${bill.title}” for ${sum}?\n${balance}`), [{ text: "Cancel", testid: "pay-cancel" }, { text: `Pay ${sum}`, primary: true, testid: "pay-confirm", run: async () => {
    const result = await attempt(() => api("pay", place(target)));
    if (result && result.status !== "paid") toast(result.error || `The payment failed: ${result.status}`, true);
    if (result?.status === "paid") toast("Paid");
  } }]);
}

async function openApp(url) {
  const opened = await attempt(() => api("webapp", place({ url })));
  if (opened) dialog("", el("iframe", { src: opened.url, title: "Mini App", "data-testid": "webapp" }), [{ text: "Close" }], true);
}

/** Handles a tap on a marked part of a text; says whether it was handled. */
function tapped(kind, value) {
  if (kind === "bot_command") { sendText(value); return true; }
  const link = /^(?:https?:\/\/)?t\.me\/(\$?[A-Za-z0-9_]+)(?:\?start=([^&]*))?/i.exec(value);
  if (kind !== "url" || !link) return false;
  if (link[1].startsWith("$")) { pay({ title: "the invoice behind the link", currency: "XTR", total_amount: "" }, { link: value }); return true; }
  const bot = [...state.bots.values()].find((one) => one.username.toLowerCase() === link[1].toLowerCase());
  if (bot) open(bot.id, link[2] || "");
  return Boolean(bot);
}

function offer(message, anchor) {
  const own = message.from === seen.me;
  const entries = [item("↩ Reply", () => setContext({ kind: "reply", message }), "action-reply")];
  if (own && (message.text || message.file)) entries.push(item("✎ Edit", () => setContext({ kind: "edit", message }), "action-edit"));
  if (message.text) entries.push(item("⧉ Copy text", () => copy(message.text), "action-copy"));
  if (!message.protected && message.kind !== "invoice") entries.push(item("↪ Forward…", () => forward(message), "action-forward"));
  if (message.history?.length) entries.push(item(`⟲ ${message.history.length} earlier versions`, () => history_(message), "action-history"));
  entries.push(item("🗑 Delete", () => attempt(() => api("delete", place({ message_id: message.message_id }))), "action-delete"));
  const mine = message.reactions?.[seen.me];
  const faces = el("div", { class: "emoji" }, ...["👍", "❤", "🔥", "🎉", "👎"].map((emoji) => item(emoji, () => attempt(() => api("react", place({ message_id: message.message_id, emoji: mine === emoji ? "" : emoji }))), "action-react")));
  menu(anchor, faces, ...entries);
}

function history_(message) {
  dialog("Earlier versions", el("div", { class: "list" }, ...message.history.map((old) => el("div", {}, el("span", {}, old.text || "(no text)"), el("span", { class: "dim" }, time(old.date))))), [{ text: "Close" }]);
}

function forward(message) {
  const targets = [...state.bots.values()].map((bot) => ({ id: bot.id, name: bot.first_name })).concat([...state.chats.values()].filter((one) => one.type !== "private" && one.members?.includes(seen.me)).map((one) => ({ id: one.id, name: one.title })));
  const from = seen.peer;
  const close = dialog("Forward to…", el("div", {}, ...targets.map((target) => el("button", { class: "entry", onclick: async () => {
    close();
    await attempt(() => api("forward", { user: seen.me, chat: target.id, from_chat: from, message_id: message.message_id }));
    open(target.id);
  } }, avatar(target.name, target.id, true), el("b", {}, target.name)))), [{ text: "Cancel" }]);
}

// ---- Writing ---------------------------------------------------------------

function setContext(context) {
  seen.context = context;
  $("context").hidden = !context;
  if (!context) return;
  $("context-text").textContent = `${context.kind === "edit" ? "✎ Edit" : "↩ Reply to " + nameOf(context.message.from)}: ${context.message.text || context.message.kind}`;
  if (context.kind === "edit") $("text").value = context.message.text;
  $("text").focus();
  grow();
}
$("context-close").onclick = () => setContext(null);

async function sendText(text) {
  const context = seen.context;
  setContext(null);
  if (context?.kind === "edit") return attempt(() => api("edit", place({ message_id: context.message.message_id, text })));
  return attempt(() => api("text", place({ text, reply_to: context?.message.message_id || 0 })));
}

async function submit() {
  const text = $("text").value;
  if (!text.trim()) return;
  $("text").value = "";
  grow();
  drawCommands();
  drawSend();
  if (!await sendText(text) && !$("text").value) { $("text").value = text; grow(); drawSend(); }
}

function drawSend() {
  const empty = !$("text").value.trim();
  $("send").hidden = empty;
  $("record").hidden = !empty;
}

function grow() { const box = $("text"); box.style.height = "auto"; box.style.height = box.scrollHeight + "px"; }

$("send").onclick = submit;
$("text").oninput = () => { grow(); drawSend(); drawCommands(); };
$("text").onkeydown = (event) => {
  const list = [...$("commands").querySelectorAll("button")];
  const at = list.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (!$("commands").hidden && ["ArrowDown", "ArrowUp", "Tab"].includes(event.key)) {
    event.preventDefault();
    const next = (at + (event.key === "ArrowUp" ? -1 : 1) + list.length) % list.length;
    list.forEach((one, i) => one.setAttribute("aria-selected", i === next ? "true" : "false"));
    list[next].scrollIntoView({ block: "nearest" });
    return;
  }
  if (event.key === "Escape") { $("commands").hidden = true; setContext(null); }
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!$("commands").hidden && at >= 0) list[at].click(); else submit();
};

function drawCommands(all = false) {
  const typed = $("text").value;
  const fits = all ? seen.commands : typed.startsWith("/") && !typed.includes(" ") ? seen.commands.filter((one) => ("/" + one.command).startsWith(typed.toLowerCase())) : [];
  $("commands").hidden = !fits.length;
  $("commands").replaceChildren(...fits.map((one) => el("button", { role: "option", "aria-selected": "false", "data-testid": `command-${one.command}`, onclick: () => { $("commands").hidden = true; $("text").value = ""; drawSend(); sendText("/" + one.command); } }, el("b", {}, "/" + one.command), el("span", { class: "dim" }, one.description))));
}

$("menu").onclick = () => {
  if (seen.info?.menu_button?.type === "web_app") { openApp(seen.info.menu_button.web_app.url); return; }
  if ($("commands").hidden) drawCommands(true); else $("commands").hidden = true;
};

// ---- Files and voice -------------------------------------------------------

const kinds = [["photo", "🖼 Photo", "image/*"], ["video", "🎬 Video", "video/*"], ["audio", "🎵 Music", "audio/*"], ["voice", "🎤 Voice message", "audio/*"], ["document", "📄 File", ""]];

$("attach").onclick = () => menu($("attach"), ...kinds.map(([kind, title, accept]) => item(title, () => {
  $("file").accept = accept;
  $("file").dataset.kind = kind;
  $("file").value = "";
  $("file").click();
}, `attach-${kind}`)));

$("file").onchange = () => choose([...$("file").files], $("file").dataset.kind || "document");

function guess(file) {
  const family = file.type.split("/")[0];
  if (family === "image" && !file.type.includes("svg")) return "photo";
  if (family === "audio") return /ogg|opus/.test(file.type) || /\.(oga|ogg|opus)$/.test(file.name) ? "voice" : "audio";
  return family === "video" ? "video" : "document";
}

/** Asks how to send files, and with which caption. */
function choose(files, kind) {
  if (!files.length || $("composer").hidden) return;
  const [as, asInput] = field("Send as", { "data-testid": "send-as" }, ...kinds.map(([value, title]) => el("option", { value, selected: value === kind }, title)));
  const [caption, captionInput] = field("Caption", { "data-testid": "caption", placeholder: "optional" });
  const preview = files.length === 1 && files[0].type.startsWith("image/") ? el("img", { src: URL.createObjectURL(files[0]), alt: "" }) : null;
  dialog(files.length > 1 ? `Send ${files.length} files` : "Send a file", el("div", { class: "form" }, preview, el("div", { class: "list" }, ...files.map((file) => el("div", {}, el("span", {}, file.name), el("span", { class: "dim" }, size(file.size))))), as, caption), [{ text: "Cancel" }, { text: "Send", primary: true, testid: "send-file", run: () => {
    files.reduce((before, file) => before.then(() => upload(file, file.name, { kind: asInput.value, caption: captionInput.value })), Promise.resolve());
  } }]);
}

function upload(blob, name, fields) {
  const form = new FormData();
  for (const [field_, value] of Object.entries(place({ reply_to: seen.context?.message.message_id || 0, ...fields }))) form.append(field_, value);
  form.append("file", blob, name);
  setContext(null);
  const bar = el("i");
  const note = el("div", { class: "message out", "data-testid": "uploading" }, el("div", { class: "bubble" }, `Sending ${name} (${size(blob.size)})`, el("div", { class: "progress" }, bar)));
  $("messages").append(note);
  toEnd();
  return new Promise((resolve) => {
    const request = new XMLHttpRequest(); // fetch does not tell how far an upload is.
    request.open("POST", "/control/file");
    request.upload.onprogress = (event) => { bar.style.width = `${event.loaded / event.total * 100}%`; };
    request.onloadend = () => {
      note.remove();
      if (request.status !== 200) {
        let text = "the simulator could not be reached";
        try { text = JSON.parse(request.responseText).error; } catch { /* No answer: the text above holds. */ }
        toast(`${name} was not sent: ${text}`, true);
      }
      resolve();
    };
    request.send(form);
  });
}

const dropping = (event) => !$("composer").hidden && !$("foot").hidden && [...event.dataTransfer.types].includes("Files");
$("chat").ondragover = (event) => { if (dropping(event)) { event.preventDefault(); $("drop").hidden = false; } };
$("chat").ondragleave = (event) => { if (!$("chat").contains(event.relatedTarget)) $("drop").hidden = true; };
$("chat").ondrop = (event) => { event.preventDefault(); $("drop").hidden = true; const files = [...event.dataTransfer.files]; if (files.length) choose(files, guess(files[0])); };
document.onpaste = (event) => { const files = [...event.clipboardData.files]; if (files.length && seen.peer) { event.preventDefault(); choose(files, guess(files[0])); } };

let recording = null;
const setRecording = (now) => { recording = now; $("recording").hidden = !now; $("composer").hidden = Boolean(now); };
$("record").onclick = async () => {
  try { setRecording(await record()); } catch (error) { toast(`No microphone: ${error.message}. A sound file can be attached as a voice message.`, true); }
};
$("record-cancel").onclick = async () => { await recording?.cancel(); setRecording(null); };
$("record-stop").onclick = async () => {
  const { blob, seconds, name } = await recording.stop();
  setRecording(null);
  await upload(blob, name, { kind: "voice", duration: seconds });
};

window.addEventListener("hashchange", () => attempt(reload));
attempt(reload).then(listen);
