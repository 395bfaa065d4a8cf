// What stands above the first message: the welcome card until a picture is there, else a line.
import { said } from "./commands.js";
import { el, icon } from "./dom.js";
import { t } from "./words.js";

const UNREADY = ["idle", "dnd"]; // of a bot that says that it cannot paint yet, or cannot at all

/** `status`: the bot's; `act`: {send(line), edit(line)}, for the example lines. */
export function opening({ empty, more, channel, status, commands, act }) {
  if (more) return el("p", { class: "older" }, t("older"));
  return empty ? card(channel, status, commands, act) : el("p", { class: "beginning" }, t("beginning", { channel }));
}

function card(channel, status, commands, act) {
  return el(
    "section",
    { class: "welcome", "aria-labelledby": "welcome-title" },
    el("img", { src: "mark.svg", alt: "", width: "56", height: "56" }),
    el("h2", { id: "welcome-title" }, t("welcome_title", { channel })),
    el("p", {}, t("welcome_text")),
    UNREADY.includes(status) ? el("p", { class: `painter ${status}`, role: "status" }, t(`welcome_${status}`)) : null,
    el("ul", {}, examples(commands).map((line) => example(line, act))),
  );
}

/** Lines to begin with, in the names that the bot registered for the page's language. */
function examples(commands) {
  const command = (name) => commands.find((each) => each.name === name);
  const slash = (name) => `/${said(command(name) ?? { name })}`;
  const option = (name) => said(command("imagine")?.options?.find((each) => each.name === name) ?? { name });
  const paint = (words) => `${slash("imagine")} ${option("prompt")}:${words}`;
  return [paint(t("example_star")), `${paint(t("example_other"))} ${option("count")}:4`, paint(t("example_foreign")), slash("help")];
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
