// Times as people read them, and the relative ones that tick.
import { el } from "./dom.js";
import { locale, t } from "./words.js";

// Seconds per unit, largest first.
const UNITS = [
  ["year", 31557600],
  ["month", 2629800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
  s: { dateStyle: "short", timeStyle: "short" },
  S: { dateStyle: "short", timeStyle: "medium" },
};

export function relative(unix, now = Date.now() / 1000) {
  const seconds = Math.round(unix - now);
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

/** The element of `<t:unix:style>`. */
export function stamp(unix, style = "f") {
  const date = new Date(unix * 1000);
  if (Number.isNaN(date.getTime())) return document.createTextNode(`<t:${unix}>`);
  const full = new Intl.DateTimeFormat(locale(), STYLES.F).format(date);
  const text = style === "R" ? relative(unix) : new Intl.DateTimeFormat(locale(), STYLES[style] ?? STYLES.f).format(date);
  return el("time", { class: "stamp", datetime: date.toISOString(), title: full, data: style === "R" ? { ticks: unix } : {} }, text);
}

/** The time beside a message's author. */
export function messageTime(iso) {
  const date = new Date(iso);
  const full = new Intl.DateTimeFormat(locale(), { dateStyle: "full", timeStyle: "medium" }).format(date);
  const short = new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", hour12: false }).format(date);
  return el("time", { class: "when", datetime: iso, title: full }, short);
}

export function dayOf(iso) {
  return new Date(iso).toDateString();
}

export function dayName(iso) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(iso).setHours(0, 0, 0, 0)) / 86400000);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  return new Intl.DateTimeFormat(locale(), { dateStyle: "long" }).format(new Date(iso));
}

export function startTicking() {
  setInterval(() => {
    for (const node of document.querySelectorAll("time[data-ticks]")) {
      const text = relative(Number(node.dataset.ticks));
      if (node.textContent !== text) node.textContent = text;
    }
  }, 1000);
}
