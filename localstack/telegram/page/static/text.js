// Formatted text: entities count UTF-16 units, as JavaScript strings do.
import { el, toast } from "./dom.js";

/** Returns nodes for a text with entities. act(kind, value) handles taps. */
export function formatted(text, entities, act) {
  return part(text, 0, text.length, [...(entities || [])], act);
}

function part(text, start, end, entities, act) {
  const nodes = [];
  let at = start;
  for (let i = 0; i < entities.length; i++) {
    const entity = entities[i];
    const from = Math.max(entity.offset, at);
    const to = Math.min(entity.offset + entity.length, end);
    if (to <= from) continue;
    if (from > at) nodes.push(text.slice(at, from));
    const block = ["pre", "blockquote", "expandable_blockquote"].includes(entity.type);
    const inner = entities.slice(i + 1).filter((other) => other.offset < to);
    nodes.push(wrap(entity, text.slice(from, to), part(text, from, to, inner, act), act));
    at = block && text[to] === "\n" ? to + 1 : to; // A block ends its line by itself.
  }
  if (at < end) nodes.push(text.slice(at, end));
  return nodes;
}

const plain = { bold: "b", italic: "i", underline: "u", strikethrough: "s" };

function wrap(entity, raw, children, act) {
  if (plain[entity.type]) return el(plain[entity.type], {}, ...children);
  switch (entity.type) {
    case "code": return el("code", { title: "Copy", onclick: () => copy(raw) }, ...children);
    case "pre": return el("pre", { "data-language": entity.language, title: "Copy", onclick: () => copy(raw) }, ...children);
    case "blockquote": return el("blockquote", {}, ...children);
    case "expandable_blockquote": {
      const quote = el("blockquote", { class: "folded", onclick: () => quote.classList.toggle("folded") }, ...children);
      return quote;
    }
    case "spoiler": {
      const spoiler = el("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Hidden text", onclick: () => spoiler.classList.add("shown") }, ...children);
      return spoiler;
    }
    case "text_link": return link(entity.url, children, act);
    case "url": return link(/^[a-z]+:\/\//i.test(raw) ? raw : "http://" + raw, children, act);
    case "email": return link("mailto:" + raw, children, act);
    case "bot_command": case "hashtag": case "mention": case "text_mention":
      return el("a", { href: "#", onclick: (event) => { event.preventDefault(); act(entity.type, raw); } }, ...children);
    default: return el("span", {}, ...children);
  }
}

export function link(url, children, act) {
  const safe = /^(https?|mailto|tg):/i.test(url);
  return el("a", { href: safe ? url : "#", title: url, target: "_blank", rel: "noopener noreferrer",
    onclick: (event) => { if (!safe || act("url", url)) event.preventDefault(); } }, ...children);
}

export async function copy(text) {
  try { await navigator.clipboard.writeText(text); toast("Copied"); } catch { toast("The browser does not allow copying", true); }
}
