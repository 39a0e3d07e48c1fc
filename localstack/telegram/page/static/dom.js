// Small helpers to build the page. Everything that a bot or a person wrote
// goes in as text, never as markup.

/** Makes an element: el("button", {class: "pill", onclick: f}, "text", node). */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "value") node.value = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

export const $ = (id) => document.getElementById(id);

/** Calls the control API and returns its answer, or throws its error. */
export async function api(path, body, options = {}) {
  const request = body === undefined ? { method: options.method || "GET" }
    : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch("/control/" + path, request);
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error || answer.statusText);
  return result;
}

export function toast(text, bad = false) {
  const node = el("div", { class: bad ? "toast bad" : "toast", "data-testid": "toast", role: "status" }, text);
  $("toasts").append(node);
  setTimeout(() => node.remove(), Math.min(9000, 2600 + text.length * 40));
}

/** Runs something that may fail and shows the failure. */
export async function attempt(work) {
  try { return await work(); } catch (error) { toast(error.message, true); return undefined; }
}

/** Opens the dialog with a content and returns a function that closes it. */
export function dialog(title, content, actions = [], wide = false) {
  const box = $("dialog");
  const close = () => box.close();
  box.className = wide ? "wide-dialog" : "";
  box.replaceChildren(
    ...(title ? [el("h2", {}, title)] : []), content,
    el("div", { class: "actions" }, ...actions.map(({ text, primary, run, testid }) => el("button", {
      class: primary ? "primary" : "", "data-testid": testid, onclick: async () => { if (!run || (await run()) !== false) close(); },
    }, text))));
  if (!box.open) box.showModal();
  return close;
}

/** Opens a small menu next to a node. */
export function menu(anchor, ...items) {
  const box = $("popup");
  box.replaceChildren(...items);
  box.hidden = false;
  const at = anchor.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const top = at.bottom + size.height > innerHeight ? at.top - size.height - 4 : at.bottom + 4;
  box.style.left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8)) + "px";
  box.style.top = Math.max(8, top) + "px";
  box.querySelector("button")?.focus();
}

export const item = (text, run, testid) => el("button", { role: "menuitem", "data-testid": testid, onclick: () => { closeMenu(); run(); } }, text);

export function closeMenu() { $("popup").hidden = true; }

document.addEventListener("pointerdown", (event) => { if (!$("popup").contains(event.target)) closeMenu(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeMenu(); });

export function size(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit++; }
  return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds || 0));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

export const time = (date) => new Date(date * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

export function avatar(name, id, small = false) {
  const letters = (name || "?").trim().split(/\s+/).slice(0, 2).map((word) => [...word][0]).join("").toUpperCase();
  return el("div", { class: `avatar c${Math.abs(id) % 7}${small ? " s" : ""}`, "aria-hidden": "true" }, letters);
}

export const money = (currency, total) => currency === "XTR" ? `⭐ ${total}` : `${currency} ${(total / 100).toFixed(2)}`;
