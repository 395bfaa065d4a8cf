// What stands above the first message: the welcome card until a picture is there, else a line.
import { said } from "./commands.js";
import { el, icon } from "./dom.js";
import { t } from "./words.js";

const UNREADY = ["idle", "dnd"]; // of a bot that says that it cannot paint yet, or cannot at all

/** `status`: the bot's; `gallery`: [{src, prompt, seed}] of what its model paints well; `act`: {send(line), edit(line)}, for the example lines. */
export function opening({ empty, more, channel, status, commands, gallery, act }) {
  if (more) return el("p", { class: "older" }, t("older"));
  return empty ? card(channel, status, lines(commands), gallery, act) : el("p", { class: "beginning" }, t("beginning", { channel }));
}

function card(channel, status, say, gallery, act) {
  return el(
    "section",
    { class: "welcome", "aria-labelledby": "welcome-title" },
    gallery.length ? null : el("img", { src: "mark.svg", alt: "", width: "56", height: "56" }),
    el("h2", { id: "welcome-title" }, t("welcome_title", { channel })),
    el("p", {}, t(gallery.length ? "welcome_gallery" : "welcome_text")),
    UNREADY.includes(status) ? el("p", { class: `painter ${status}`, role: "status" }, t(`welcome_${status}`)) : null,
    gallery.length ? el("ul", { class: "best" }, gallery.map((picture) => shown(picture, say, act))) : null,
    el("ul", { class: "examples" }, examples(say, gallery).map((line) => example(line, act))),
  );
}

/** Lines in the names that the bot registered for the page's language: {paint(prompt, other options), help}. */
function lines(commands) {
  const command = (name) => commands.find((each) => each.name === name);
  const slash = (name) => `/${said(command(name) ?? { name })}`;
  const option = (name) => said(command("imagine")?.options?.find((each) => each.name === name) ?? { name });
  const paint = (prompt, options = {}) =>
    [`${slash("imagine")} ${option("prompt")}:${prompt}`, ...Object.entries(options).map(([name, value]) => `${option(name)}:${value}`)].join(" ");
  return { paint, help: slash("help") };
}

/** To begin with; below a gallery what no press on it does. */
function examples({ paint, help }, gallery) {
  if (gallery.length) return [paint(gallery[0].prompt, { count: 4 }), help];
  return [paint(t("example_star")), paint(t("example_other"), { count: 4 }), paint(t("example_foreign")), help];
}

/** A picture that the very same line paints again. */
function shown({ src, prompt, seed }, { paint }, act) {
  const line = paint(prompt, { seed });
  return el(
    "li",
    {},
    el("button", { type: "button", "aria-label": t("run_example", { line }), title: line, onclick: () => act.send(line) }, el("img", { src, alt: "", width: "256", height: "256" }), el("span", {}, prompt)),
  );
}

function example(line, act) {
  const parts = line.split(/(^\/\S+|[^\s:]+:)/); // every second part is a command or an option's name
  const text = parts.map((part, index) => (index % 2 ? el(part.startsWith("/") ? "b" : "i", {}, part) : part));
  return el(
    "li",
    { class: "example" },
    el("button", { type: "button", class: "example-run", "aria-label": t("run_example", { line }), onclick: () => act.send(line) }, el("span", { class: "line" }, text), icon("send")),
    el("button", { type: "button", class: "icon-button", "aria-label": `${t("edit_example")}: ${line}`, title: t("edit_example"), onclick: () => act.edit(line) }, icon("pencil")),
  );
}
