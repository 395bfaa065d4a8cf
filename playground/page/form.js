// A bot's modal as a dialog: labels, text inputs, selects, checkboxes, radios; checked as Discord's client checks.
import { el, icon } from "./dom.js";
import { markdown } from "./markdown.js";
import { Refusal } from "./api.js";
import { t } from "./words.js";

const ROW = 1;
const STRING_SELECT = 3;
const TEXT_INPUT = 4;
const TEXT = 10;
const LABEL = 18;
const UPLOAD = 19;
const RADIO = 21;
const CHECKBOXES = 22;
const CHECKBOX = 23;
const PARAGRAPH = 2; // style of a text input

export class Form {
  constructor(dialog) {
    this.dialog = dialog;
    dialog.addEventListener("mousedown", (event) => (this.pressedOutside = event.target === dialog));
    dialog.addEventListener("click", (event) => event.target === dialog && this.pressedOutside && dialog.close());
  }

  /** `submit(fields, files)` returns a promise; what it throws is shown and the form stays open. */
  open(modal, submit) {
    this.fields = [];
    const body = (modal.components ?? []).map((item) => this.#part(item));
    const error = el("p", { class: "failure", role: "alert", hidden: true });
    const send = el("button", { class: "button primary", type: "submit" }, t("submit"));
    const form = el(
      "form",
      { novalidate: true, onsubmit: (event) => this.#submit(event, submit, send, error) },
      el("header", {}, el("h2", { id: "form-title" }, modal.title ?? ""), el("button", { type: "button", class: "icon-button", "aria-label": t("close"), title: t("close"), onclick: () => this.dialog.close() }, icon("close"))),
      el("div", { class: "form-body" }, body),
      error,
      el("footer", {}, el("button", { class: "button secondary", type: "button", onclick: () => this.dialog.close() }, t("cancel")), send),
    );
    this.dialog.replaceChildren(form);
    if (!this.dialog.open) this.dialog.showModal();
    const first = this.dialog.querySelector(".form-body :is(input, textarea, select)");
    (first ?? send).focus();
    if (first?.value && first.setSelectionRange) first.setSelectionRange(first.value.length, first.value.length);
  }

  close() {
    this.dialog.close();
  }

  async #submit(event, submit, send, error) {
    event.preventDefault();
    if (send.disabled) return;
    const wrong = this.fields.map((field) => field.check()).filter(Boolean);
    if (wrong.length) {
      wrong[0].focus();
      return;
    }
    error.hidden = true;
    send.disabled = true;
    send.classList.add("busy");
    try {
      const files = this.fields.flatMap((field) => field.files?.() ?? []);
      await submit(Object.fromEntries(this.fields.map((field) => [field.id, field.value()])), files);
      this.dialog.close();
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      error.replaceChildren(icon("warn"), refusal.message);
      error.hidden = false;
    } finally {
      send.disabled = false;
      send.classList.remove("busy");
    }
  }

  #part(item) {
    if (item.type === TEXT) return el("div", { class: "text" }, markdown(item.content ?? ""));
    if (item.type === ROW) return (item.components ?? []).map((each) => this.#labelled(each, each.label, null));
    if (item.type === LABEL) return this.#labelled(item.component, item.label, item.description);
    return null;
  }

  #labelled(item, label, description) {
    const make = MAKERS[item.type];
    const id = `field-${this.fields.length}`;
    const required = item.required !== false && item.type !== CHECKBOX;
    const note = el("p", { class: "field-error", id: `${id}-error`, "aria-live": "polite" });
    const name = el("span", {}, label ?? item.custom_id);
    const title = [name, required ? el("span", { class: "must", "aria-hidden": "true" }, "*") : null];
    if (!make) return el("div", { class: "field" }, el("span", { class: "field-label" }, title), el("p", { class: "field-error" }, t("not_here")));
    const made = make(item, id, required, label);
    const say = (node, sentence) => {
      note.textContent = sentence ?? "";
      node.setAttribute("aria-invalid", String(Boolean(sentence)));
      return sentence ? node : null;
    };
    this.fields.push({ id: item.custom_id, value: made.value, files: made.files, check: () => say(made.focus(), made.wrong()) });
    const heading = made.group ? el("span", { class: "field-label", id: `${id}-label` }, title) : el("label", { class: "field-label", for: id }, title);
    return el("div", { class: "field" }, heading, description ? el("p", { class: "field-about", id: `${id}-about` }, description) : null, made.node, made.counter ?? null, note);
  }
}

const MAKERS = { [TEXT_INPUT]: textInput, [STRING_SELECT]: choice, [RADIO]: radios, [CHECKBOXES]: checkboxes, [CHECKBOX]: checkbox, [UPLOAD]: upload };

function textInput(item, id, required) {
  const most = item.max_length ?? 4000; // Discord's own limit
  const least = item.min_length ?? (required ? 1 : 0);
  const attributes = { id, maxlength: String(most), placeholder: item.placeholder, "aria-required": String(required), "aria-describedby": `${id}-about ${id}-error`, autocomplete: "off" };
  const node = item.style === PARAGRAPH ? el("textarea", { ...attributes, rows: "4" }) : el("input", { ...attributes, type: "text" });
  node.value = item.value ?? "";
  const counter = item.max_length ? el("p", { class: "counter", "aria-hidden": "true" }) : null;
  const count = () => {
    if (!counter) return;
    counter.textContent = `${node.value.length} / ${most}`;
    counter.hidden = item.style !== PARAGRAPH && node.value.length < most * 0.9;
  };
  node.addEventListener("input", count);
  count();
  const wrong = () => {
    const length = node.value.trim().length;
    if (!length) return required ? t("needs_text") : null;
    return node.value.length < least ? t("too_short", { min: least }) : null;
  };
  return { node, counter, value: () => node.value, wrong, focus: () => node };
}

function choice(item, id, required) {
  if ((item.max_values ?? 1) > 1) return checkboxes(item, id, required);
  const chosen = item.options.find((each) => each.default);
  const node = el(
    "select",
    { id, class: "select", "aria-required": String(required), "aria-describedby": `${id}-about ${id}-error` },
    el("option", { value: "", selected: !chosen, disabled: required, hidden: required }, item.placeholder || t("choose")),
    item.options.map((each) => el("option", { value: each.value, selected: Boolean(each.default) }, each.label)),
  );
  return { node, value: () => (node.value ? [node.value] : []), wrong: () => (required && !node.value ? t("pick_at_least", { min: 1 }) : null), focus: () => node };
}

function boxes(type, item, id) {
  const node = el(
    "div",
    { class: "boxes", role: type === "radio" ? "radiogroup" : "group", "aria-labelledby": `${id}-label` },
    item.options.map((each) =>
      el("label", {}, el("input", { type, name: id, value: each.value, checked: Boolean(each.default) }), el("span", {}, each.label, each.description ? el("small", {}, each.description) : null))),
  );
  const values = () => [...node.querySelectorAll("input:checked")].map((each) => each.value);
  return { node, values, group: true, focus: () => node.querySelector("input") };
}

function checkboxes(item, id, required) {
  const made = boxes("checkbox", item, id);
  const least = required ? Math.max(item.min_values ?? 1, 1) : 0;
  const most = item.max_values ?? item.options.length;
  const wrong = () => {
    const count = made.values().length;
    if (count < least || (count && count < (item.min_values ?? 1))) return t("pick_at_least", { min: Math.max(least, item.min_values ?? 1) });
    return count > most ? t("pick_at_most", { max: most }) : null;
  };
  return { ...made, value: made.values, wrong };
}

function radios(item, id, required) {
  const made = boxes("radio", item, id);
  return { ...made, value: () => made.values()[0] ?? null, wrong: () => (required && !made.values().length ? t("pick_at_least", { min: 1 }) : null) };
}

function checkbox(item, id) {
  const node = el("input", { type: "checkbox", id, class: "lone", checked: Boolean(item.default) });
  return { node, value: () => node.checked, wrong: () => null, focus: () => node };
}

function upload(item, id, required) {
  const most = item.max_values ?? 1;
  const least = required ? (item.min_values ?? 1) : 0;
  const node = el("input", { type: "file", id, multiple: most > 1, "aria-required": String(required), "aria-describedby": `${id}-about ${id}-error` });
  const files = () => [...node.files].map((file) => ({ name: file.name, file }));
  const wrong = () => {
    if (node.files.length < least) return t("pick_at_least", { min: least });
    return node.files.length > most ? t("pick_at_most", { max: most }) : null;
  };
  return { node, files, value: () => files().map(({ name }) => name), wrong, focus: () => node };
}
