// Discord's markdown to DOM nodes. Builds text nodes and known elements only; links are http(s) or stay text.
import { el } from "./dom.js";
import { stamp } from "./clock.js";
import { t } from "./words.js";

const DEPTH = 12; // nested emphasis beyond this is shown as it was typed

/** A fragment for `text`. `names(kind, id)` gives the name behind a mention, or null. */
export function markdown(text, names = () => null) {
  const fragment = document.createDocumentFragment();
  const fence = /```(?:([\w+#-]{0,20})\n)?([\s\S]+?)```/g;
  let from = 0;
  for (const match of text.matchAll(fence)) {
    blocks(text.slice(from, match.index), names, fragment);
    fragment.append(codeBlock(match[2].replace(/^\n|\n$/g, "")));
    from = match.index + match[0].length;
  }
  blocks(text.slice(from), names, fragment);
  return fragment;
}

/** The same text without marks, for announcements and lists. */
export function plain(text) {
  return [...markdown(text).childNodes].map((node) => node.textContent).join(" ").replace(/\s+/g, " ").trim();
}

function codeBlock(code) {
  return el("pre", { class: "code", tabindex: "0" }, el("code", {}, code));
}

function blocks(text, names, into) {
  const lines = text.replace(/^\n+|\n+$/g, "").split("\n");
  if (lines.length === 1 && lines[0] === "") return;
  let paragraph = [];
  const flush = () => {
    while (paragraph.length && paragraph.at(-1) === "") paragraph.pop();
    if (paragraph.length) into.append(el("div", { class: "para" }, inline(paragraph.join("\n"), names)));
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const block = blockAt(lines, at, names);
    if (block) {
      flush();
      into.append(block.node);
      at = block.last;
    } else if (line !== "" || paragraph.length) paragraph.push(line);
    else if (into.lastChild) into.append(el("div", { class: "gap" }));
  }
  flush();
}

function blockAt(lines, at, names) {
  const line = lines[at];
  const heading = /^(#{1,3}) +(\S.*)$/.exec(line);
  if (heading) {
    // A message is not a page: its headings start below the page's own.
    const node = el("div", { class: `h${heading[1].length}`, role: "heading", "aria-level": String(heading[1].length + 2) });
    node.append(inline(heading[2], names));
    return { node, last: at };
  }
  const small = /^-# +(\S.*)$/.exec(line);
  if (small) return { node: el("div", { class: "subtext" }, inline(small[1], names)), last: at };
  if (line.startsWith(">>> ")) {
    const node = el("blockquote", {});
    blocks([line.slice(4), ...lines.slice(at + 1)].join("\n"), names, node);
    return { node, last: lines.length };
  }
  if (/^> /.test(line)) {
    let last = at;
    while (last + 1 < lines.length && /^>( |$)/.test(lines[last + 1])) last += 1;
    const node = el("blockquote", {});
    blocks(lines.slice(at, last + 1).map((item) => item.slice(2)).join("\n"), names, node);
    return { node, last };
  }
  return ITEM.test(line) ? list(lines, at, names) : null;
}

const ITEM = /^( *)([-*]|\d{1,9}\.) +(\S.*)$/;

function list(lines, at, names) {
  const first = ITEM.exec(lines[at]);
  const indent = first[1].length;
  const ordered = /\d/.test(first[2]);
  const node = el(ordered ? "ol" : "ul", ordered ? { start: String(parseInt(first[2], 10)) } : {});
  let last = at - 1;
  while (last + 1 < lines.length) {
    const item = ITEM.exec(lines[last + 1]);
    if (!item || item[1].length < indent) break;
    if (item[1].length < indent + 2 && /\d/.test(item[2]) !== ordered) break;
    if (item[1].length > indent + 1 && node.lastChild) {
      const nested = list(lines, last + 1, names);
      node.lastChild.append(nested.node);
      last = nested.last;
    } else {
      node.append(el("li", {}, inline(item[3], names)));
      last += 1;
    }
  }
  return { node, last };
}

// Each rule: a sticky pattern and what it becomes. `again` parses what stands inside.
const RULES = [
  [/\\([!-/:-@[-`{-~])/y, (m) => m[1]],
  [/(`+)([^`](?:[\s\S]*?[^`])?)\1(?!`)/y, (m) => el("code", { class: "tick" }, m[2].replace(/^ (.+) $/, "$1"))],
  [/<t:(-?\d{1,13})(?::([tTdDfFRsS]))?>/y, (m) => stamp(Number(m[1]), m[2])],
  [/<@!?(\d{1,20})>/y, (m, _, names) => mention(`@${names("person", m[1]) ?? m[1]}`)],
  [/<@&(\d{1,20})>/y, (m) => mention(`@${m[1]}`)],
  [/<#(\d{1,20})>/y, (m, _, names) => mention(`#${names("channel", m[1]) ?? m[1]}`)],
  [/<\/([^:>\n]{1,100}):\d{1,20}>/y, (m) => mention(`/${m[1]}`)],
  [/<a?:(\w{2,32}):\d{1,20}>/y, (m) => `:${m[1]}:`],
  [/<(https?:\/\/[^\s<>]+)>/y, (m) => link(m[1], m[1])],
  [/\[([^[\]\n]{1,500})\]\(<?(https?:\/\/[^\s()<>]+)>?(?: +"[^"\n]*")?\)/y, (m, again) => link(m[2], again(m[1]))],
  [/https?:\/\/[^\s<]*[^\s<.,:;"'`)\]!?*_~|，。；：！？）】」]/y, (m) => link(m[0], m[0])],
  [/\*\*\*(?!\s)([\s\S]+?)\*\*\*/y, (m, again) => el("strong", {}, el("em", {}, again(m[1])))],
  [/\*\*(?=\S)([\s\S]+?)\*\*(?!\*)/y, (m, again) => el("strong", {}, again(m[1]))],
  [/__(?=\S)([\s\S]+?)__(?!_)/y, (m, again) => el("u", {}, again(m[1]))],
  [/~~(?=\S)([\s\S]+?)~~/y, (m, again) => el("s", {}, again(m[1]))],
  [/\|\|(?=\S)([\s\S]+?)\|\|/y, (m, again) => spoiler(again(m[1]))],
  [/\*(?![\s*])((?:[^*]|\*\*)*?[^\s*])\*(?!\*)/y, (m, again) => el("em", {}, again(m[1]))],
  [/(?<![\w])_(?![\s_])([^_]+)_(?!\w)/y, (m, again) => el("em", {}, again(m[1]))],
];

function inline(text, names, depth = 0) {
  const fragment = document.createDocumentFragment();
  if (depth > DEPTH) {
    fragment.append(text);
    return fragment;
  }
  const again = (part) => inline(part, names, depth + 1);
  let pending = "";
  let at = 0;
  while (at < text.length) {
    const hit = ruleAt(text, at);
    if (!hit) {
      pending += text[at];
      at += 1;
      continue;
    }
    if (pending) fragment.append(pending);
    pending = "";
    fragment.append(hit.build(hit.match, again, names));
    at += hit.match[0].length;
  }
  if (pending) fragment.append(pending);
  return fragment;
}

function ruleAt(text, at) {
  if (!/[\\`<[h*_~|]/.test(text[at])) return null;
  for (const [pattern, build] of RULES) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { match, build };
  }
  return null;
}

const mention = (text) => el("span", { class: "mention" }, text);

function link(address, content) {
  return el("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, content);
}

function spoiler(content) {
  return el("span", { class: "spoiler-text", role: "button", tabindex: "0", "aria-label": t("spoiler"), data: { act: "unveil" } }, el("span", {}, content));
}
