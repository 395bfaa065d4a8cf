// The list above the composer: what can be typed next. Knows nothing of commands, only of items and keys.
import { el } from "./dom.js";
import { t } from "./words.js";

const HEADINGS = { command: "commands", option: "options", choice: "choices", value: "choices" };

export class Completion {
  /** `list` is the popup, `input` the field it belongs to; `take(item)` puts an item into the text. */
  constructor(list, input, take) {
    this.list = list;
    this.input = input;
    this.take = take;
    this.items = [];
    this.active = -1;
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    list.addEventListener("click", (event) => {
      const row = event.target.closest("[data-index]");
      if (row) this.take(this.items[Number(row.dataset.index)]);
    });
  }

  get open() {
    return this.items.length > 0;
  }

  /** `active`: index that Enter takes, -1 when Enter should still send the line. */
  show(items, active) {
    this.items = items;
    this.active = items.length ? active : -1;
    this.list.hidden = !items.length;
    this.input.setAttribute("aria-expanded", String(this.open));
    if (!items.length) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    this.list.replaceChildren(
      el("div", { class: "completion-title", "aria-hidden": "true" }, t(HEADINGS[items[0].kind] ?? "options")),
      el("div", { class: "completion-rows", role: "presentation" }, items.map((item, index) => this.#row(item, index))),
      el("div", { class: "completion-keys", "aria-hidden": "true" }, t("completion_keys")),
    );
    this.#mark();
  }

  hide() {
    this.show([], -1);
  }

  move(step) {
    const count = this.items.length;
    this.active = this.active < 0 ? (step > 0 ? 0 : count - 1) : (this.active + step + count) % count;
    this.#mark();
  }

  #row(item, index) {
    const bare = item.kind === "choice" || item.kind === "value";
    return el(
      "div",
      { class: "completion-row", role: "option", id: `completion-${index}`, "aria-selected": "false", data: { index: String(index) } },
      el("span", { class: bare ? "completion-value" : "completion-label" }, item.label),
      item.detail ? el("span", { class: "completion-detail" }, item.detail) : null,
    );
  }

  #mark() {
    for (const row of this.list.querySelectorAll("[data-index]")) {
      const chosen = Number(row.dataset.index) === this.active;
      row.setAttribute("aria-selected", String(chosen));
      if (chosen) row.scrollIntoView({ block: "nearest" });
    }
    if (this.active >= 0) this.input.setAttribute("aria-activedescendant", `completion-${this.active}`);
    else this.input.removeAttribute("aria-activedescendant");
  }
}
