// The message box: grows, completes commands, holds files, remembers what was sent.
import { el, icon } from "./dom.js";
import { commandAt, isCommand, nextEmptyValue, optionSpans, said, withFile, withRequired } from "./commands.js";
import { Completion } from "./completion.js";
import { fileSize, t } from "./words.js";

const PAUSE = 60; // ms without typing before the playground is asked for completions
const REMEMBERED = 50; // lines
const MOST_FILES = 10; // Discord's limit for one message

export class Composer {
  /** `act`: {send(line, files), complete(line, cursor), commands(), limit()}; send and complete return promises.
   *  That of send is the line that a plain message may have been meant for, or nothing. */
  constructor(form, act) {
    const part = (name) => form.querySelector(`[data-part=${name}]`);
    this.form = form;
    this.act = act;
    this.input = part("input");
    this.paint = part("paint");
    this.hint = part("hint");
    this.error = part("error");
    this.chips = part("chips");
    this.picker = part("picker");
    this.sendButton = part("send");
    this.files = [];
    this.history = [];
    this.recalled = -1;
    this.meant = null;
    this.completion = new Completion(part("completion"), this.input, (item) => this.#take(item));
    this.#listen(part("attach"));
  }

  #listen(attach) {
    this.input.addEventListener("input", () => this.#changed());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("click", () => this.#explain());
    this.input.addEventListener("scroll", () => (this.paint.scrollTop = this.input.scrollTop));
    this.input.addEventListener("blur", () => this.completion.hide());
    this.input.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      this.attach(files);
    });
    attach.addEventListener("click", () => this.picker.click());
    this.picker.addEventListener("change", () => {
      this.attach([...this.picker.files]);
      this.picker.value = "";
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  get text() {
    return this.input.value;
  }

  /** Replaces the text; the person goes on typing at `cursor`. */
  write(text, cursor = text.length) {
    this.input.value = text;
    this.input.setSelectionRange(cursor, cursor);
    this.#drawn();
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  /** Redraws what depends on language or commands. */
  refresh() {
    this.#drawn();
    this.#drawChips();
    this.completion.hide();
  }

  attach(files) {
    this.#say("");
    for (const file of files.slice(0, MOST_FILES - this.files.length)) {
      if (file.size > this.act.limit()) {
        this.#say(t("too_big", { name: file.name, size: fileSize(file.size), limit: fileSize(this.act.limit()) }));
        continue;
      }
      const name = this.#freeName(file.name || "picture.png");
      const url = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
      this.files.push({ name, file, url });
      this.write(withFile(this.text, this.act.commands(), name));
    }
    this.#drawChips();
    this.focus();
  }

  async send(line = this.text) {
    if (this.sending || (!line.trim() && !this.files.length)) return;
    const whole = this.files.reduce((text, { name }) => withFile(text, this.act.commands(), name), line);
    clearTimeout(this.timer);
    this.asked = null;
    this.completion.hide();
    this.#say("");
    this.meant = null;
    this.sending = true;
    this.sendButton.disabled = true;
    try {
      this.meant = await this.act.send(whole.trim(), this.files);
      this.#sent(whole.trim(), line === this.text);
    } catch (refusal) {
      this.#say(refusal.message);
      if (!this.text) this.write(line); // an example that was refused can be corrected
    } finally {
      this.sending = false;
      this.sendButton.disabled = false;
      this.focus();
    }
  }

  /** `typed`: the line stood in the box, so the box is empty now; an example leaves a draft alone. */
  #sent(line, typed) {
    if (line && this.history.at(-1) !== line) this.history.push(line);
    this.history.splice(0, this.history.length - REMEMBERED);
    this.recalled = -1;
    for (const { url } of this.files) if (url) URL.revokeObjectURL(url);
    this.files = [];
    if (typed) this.write("");
    this.#drawChips();
    this.#explain();
  }

  #changed() {
    this.recalled = -1;
    this.meant = null;
    this.#say("");
    this.#drawn();
    clearTimeout(this.timer);
    if (!isCommand(this.text)) this.completion.hide();
    else this.timer = setTimeout(() => this.#complete(), PAUSE);
  }

  async #complete() {
    const line = this.text;
    if (!isCommand(line)) return;
    const cursor = this.input.selectionStart;
    const asked = (this.asked = {});
    const { items } = await this.act.complete(line, cursor).catch(() => ({ items: [] }));
    if (asked !== this.asked || line !== this.text || document.activeElement !== this.input) return;
    this.completed = line;
    this.completion.show(items, items.length ? this.#preselected(items[0], line) : -1);
  }

  /** Tab or Enter on an open list. One that came before the list has caught up means the list as it will be. */
  async #accept(key) {
    const { completion, text } = this;
    if (this.completed !== text) {
      clearTimeout(this.timer);
      await this.#complete();
      if (this.text !== text || this.completed !== text) return;
    }
    if (completion.open && (key === "Tab" || completion.active >= 0)) this.#take(completion.items[Math.max(completion.active, 0)]);
    else if (key === "Enter") this.send();
  }

  /** Enter takes a command or a choice that is being typed; it never swallows a line that is ready to be sent. */
  #preselected(item, line) {
    const typed = line.slice(item.start, item.end).trim();
    const same = typed === item.insert.trim();
    if (item.kind === "command") return same && withRequired(line, this.act.commands()).line === line ? -1 : 0;
    return item.kind === "choice" && !same ? 0 : -1;
  }

  #take(item) {
    const line = this.text.slice(0, item.start) + item.insert + this.text.slice(item.end);
    const next = item.kind === "command" ? withRequired(line, this.act.commands()) : { line, cursor: item.start + item.insert.length };
    this.completion.hide();
    this.write(next.line, next.cursor);
    for (const { name } of this.files) this.write(withFile(this.text, this.act.commands(), name), next.cursor);
    this.focus();
    this.timer = setTimeout(() => this.#complete(), 0);
  }

  #key(event) {
    if (event.isComposing || event.keyCode === 229) return; // an input method is still choosing characters
    const { completion } = this;
    if (completion.open && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      completion.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (completion.open && (event.key === "Tab" || (event.key === "Enter" && completion.active >= 0)) && !event.shiftKey) {
      this.#accept(event.key);
    } else if (completion.open && event.key === "Escape") {
      completion.hide();
    } else if (event.key === "Enter" && !event.shiftKey) {
      this.send();
    } else if (event.key === "Tab" && !event.shiftKey && this.#toNextEmpty()) {
      this.#explain();
    } else if (event.key === "ArrowUp" && (this.text === "" || this.recalled >= 0)) {
      if (!this.#recall(1)) return;
    } else if (event.key === "ArrowDown" && this.recalled >= 0) {
      this.#recall(-1);
    } else return;
    event.preventDefault();
  }

  #toNextEmpty() {
    const at = nextEmptyValue(this.text, this.act.commands(), this.input.selectionStart);
    if (at >= 0) this.input.setSelectionRange(at, at);
    return at >= 0;
  }

  #recall(step) {
    const next = this.recalled + step;
    if (next >= this.history.length) return false;
    this.recalled = Math.max(next, -1);
    this.write(this.recalled < 0 ? "" : this.history.at(-1 - this.recalled));
    return true;
  }

  #drawn() {
    const line = this.text;
    const command = commandAt(line, this.act.commands());
    const marks = [];
    let from = 0;
    const mark = (start, end, name) => {
      marks.push(line.slice(from, start), el("mark", { class: name }, line.slice(start, end)));
      from = end;
    };
    if (command) mark(0, command.end, "is-command");
    for (const span of command ? optionSpans(line, command) : []) mark(span.start, span.value, "is-option");
    this.paint.replaceChildren(...marks, `${line.slice(from)}\n`);
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
    this.form.classList.toggle("filled", Boolean(line.trim() || this.files.length));
    this.#explain();
  }

  #explain() {
    const command = commandAt(this.text, this.act.commands());
    this.hint.hidden = !command && !this.meant;
    this.hint.classList.toggle("meant", !command);
    if (!command) return this.#suggest();
    const cursor = this.input.selectionStart;
    const span = optionSpans(this.text, command).findLast((each) => each.value <= cursor);
    const about = span ? span.option : command.path.at(-1);
    const name = span ? said(about) : `/${command.path.map((each) => said(each)).join(" ")}`;
    this.hint.replaceChildren(el("b", {}, name), ` ${said(about, "description") ?? ""}`);
  }

  /** Under a message that the bot does not hear: what it would have heard. */
  #suggest() {
    const line = this.meant;
    if (line) this.hint.replaceChildren(t("not_heard"), el("button", { type: "button", title: line, onclick: () => this.send(line) }, t("paint_it", { line })));
  }

  #say(sentence) {
    this.error.textContent = sentence;
    this.error.hidden = !sentence;
  }

  #freeName(wanted) {
    const name = wanted.replace(/[\s@:]+/g, "-");
    const dot = name.lastIndexOf(".") > 0 ? name.lastIndexOf(".") : name.length;
    const taken = new Set(this.files.map((each) => each.name));
    for (let number = 1; ; number += 1) {
      const free = number === 1 ? name : `${name.slice(0, dot)}-${number}${name.slice(dot)}`;
      if (!taken.has(free)) return free;
    }
  }

  #drawChips() {
    this.chips.hidden = !this.files.length;
    this.chips.replaceChildren(
      ...this.files.map(({ name, file, url }) =>
        el(
          "li",
          { class: "chip" },
          url ? el("img", { src: url, alt: "" }) : icon("file"),
          el("span", { class: "chip-name" }, name),
          el("span", { class: "chip-size" }, fileSize(file.size)),
          el("button", { type: "button", class: "icon-button", "aria-label": t("remove_file", { name }), title: t("remove_file", { name }), onclick: () => this.#remove(name) }, icon("close")),
        ),
      ),
    );
  }

  #remove(name) {
    const { url } = this.files.find((each) => each.name === name);
    if (url) URL.revokeObjectURL(url);
    this.files = this.files.filter((each) => each.name !== name);
    const command = commandAt(this.text, this.act.commands());
    const span = command && optionSpans(this.text, command).find((each) => this.text.slice(each.value, each.end).trim() === `@${name}`);
    if (span) this.write((this.text.slice(0, span.start) + this.text.slice(span.end)).trimEnd());
    this.#drawChips();
    this.#drawn();
    this.focus();
  }
}
