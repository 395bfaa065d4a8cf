// Builds and patches DOM nodes. Text always goes in as text nodes: what strangers wrote never becomes markup.

const SVG = "http://www.w3.org/2000/svg";

// Stroke icons on a 24 x 24 grid.
const ICONS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  hash: "M9.5 4L7.5 20M16.5 4l-2 16M4.5 9h16M3.5 15h16",
  attach: "M12 5v14M5 12h14",
  send: "M12 19V5M6 11l6-6 6 6",
  trash: "M4 7h16M10 11v6M14 11v6M6 7l1 13h10l1-13M9 7V4h6v3",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6z",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M12 5v14M6 13l6 6 6-6",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15.5 8.6a1.4 1.4 0 1 1 0 2.8 1.4 1.4 0 0 1 0-2.8z",
  pencil: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  reply: "M10 6L4 12l6 6M4 12h10a6 6 0 0 1 6 6",
  warn: "M12 4l9 16H3zM12 10v5M12 17.6v.4",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  screen: "M3 5h18v11H3zM9 20h6M12 16v4",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** An element. Attributes: `on*` functions listen, `data` and `style` are objects, true/false/null switch an attribute. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "data") {
      for (const [key, item] of Object.entries(value)) if (item !== null && item !== undefined) node.dataset[key] = item;
    } else if (name === "style") {
      for (const [key, item] of Object.entries(value)) node.style.setProperty(key, item);
    } else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Makes `current` equal to `next` in place, so that pictures, focus and text selection survive an edit. */
export function morph(current, next) {
  if (current.nodeType !== next.nodeType || current.nodeName !== next.nodeName || current.dataset?.key !== next.dataset?.key) {
    current.replaceWith(next);
    return next;
  }
  if (current.nodeType === Node.TEXT_NODE) {
    if (current.data !== next.data) current.data = next.data;
    return current;
  }
  if (current.isEqualNode(next)) return current;
  copyAttributes(current, next);
  const wanted = [...next.childNodes];
  wanted.forEach((child, index) => {
    const old = current.childNodes[index];
    if (old) morph(old, child);
    else current.append(child);
  });
  while (current.childNodes.length > wanted.length) current.lastChild.remove();
  return current;
}

function copyAttributes(current, next) {
  for (const { name } of [...current.attributes]) if (!next.hasAttribute(name)) current.removeAttribute(name);
  for (const { name, value } of next.attributes) {
    if (current.getAttribute(name) === value) continue;
    // The content security policy forbids style attributes; the style object is allowed.
    if (name === "style") current.style.cssText = next.style.cssText;
    else current.setAttribute(name, value);
  }
}

/** The address as this page may load it: the bot may know the same loopback server by another name. */
export function localUrl(address) {
  let url;
  try {
    url = new URL(address, location.href);
  } catch {
    return null;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  const loopback = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  return loopback && url.pathname.startsWith("/attachments/") ? url.pathname + url.search : url.href;
}

/** Compares two snowflakes given as strings. */
export function olderFirst(a, b) {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

const COLOURS = ["#3566d6", "#0b7a70", "#a1481e", "#7a4fc0", "#9a3f6b", "#2c7a3f", "#8a6410", "#44607c"];

/** Initials in a coloured disc; `colour` wins over the one drawn from the name. */
export function avatar(name, colour, extra = "") {
  const letters = [...name.trim()];
  const initials = letters.length ? letters[0].toLocaleUpperCase() : "?";
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  const background = /^#[0-9a-f]{6}$/i.test(colour ?? "") ? colour : COLOURS[hash % COLOURS.length];
  return el("span", { class: `avatar ${extra}`, "aria-hidden": "true", style: { "--disc": background } }, initials);
}
