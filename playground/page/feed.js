// The list of messages: keeps order, patches edits in place, stays at the bottom unless the reader scrolled away.
import { el, icon, morph, olderFirst } from "./dom.js";
import { dayName, dayOf } from "./clock.js";
import { displayName, dots, hasPicture, isEphemeral, isLoading, messageItem, summary } from "./message.js";
import { t } from "./words.js";

const NEAR = 80; // px from the bottom that still count as the bottom
const TOGETHER = 7 * 60 * 1000; // ms in which one author's messages share a head

export class Feed {
  /** `scene()` gives {me, people, channels, names}; `act` has press, dismiss, remove, open, older. */
  constructor(root, scene, act) {
    const part = (name) => root.querySelector(`[data-part=${name}]`);
    this.scroller = part("scroller");
    this.list = part("messages");
    this.start = part("start");
    this.local = part("local");
    this.jump = part("jump");
    this.live = part("live");
    this.scene = scene;
    this.act = act;
    this.messages = [];
    this.views = new Map();
    this.stuck = true;
    this.lastTop = 0;
    this.#listen(part("content"));
  }

  #listen(content) {
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.jump.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.stuck && this.#stick()).observe(content);
    new ResizeObserver(() => this.stuck && this.#stick()).observe(this.scroller);
    this.list.addEventListener("click", (event) => this.#clicked(event));
    this.list.addEventListener("keydown", (event) => {
      if (event.target.dataset.act === "unveil" && ["Enter", " "].includes(event.key)) this.#clicked(event);
    });
    this.list.addEventListener("change", (event) => {
      if (event.target.dataset.act === "select") this.#press(event.target, event.target.dataset.customId, [event.target.value]);
    });
    this.list.addEventListener("toggle", (event) => {
      const { customId } = event.target.dataset;
      if (customId) this.#viewAt(event.target).open[event.target.open ? "add" : "delete"](customId);
    }, true);
  }

  /** Shows `messages` in place of all others; `more` says whether earlier ones exist. `keep`: the reader stays where they are. */
  show(messages, { more, start, keep = false }) {
    if (!keep) this.views.clear();
    const older = keep && messages.length ? this.messages.filter(({ id }) => olderFirst(id, messages[0].id) < 0) : [];
    if (!older.length) this.more = more;
    this.startNode = start;
    this.messages = [...older, ...messages];
    const present = new Set(this.messages.map(({ id }) => id));
    for (const node of [...this.list.children]) if (!keep || !present.has(node.dataset.message)) node.remove();
    if (!keep) this.local.replaceChildren();
    this.messages.forEach((_, index) => this.#draw(index));
    this.#drawStart();
    if (keep) return;
    this.toEnd();
    requestAnimationFrame(() => this.#fill());
  }

  /** Draws every message again, as after a change of language. */
  refresh(start) {
    this.startNode = start;
    this.messages.forEach((_, index) => this.#draw(index));
    this.#drawStart();
  }

  upsert(message) {
    let index = this.messages.findIndex(({ id }) => id === message.id);
    const before = this.messages[index];
    if (before) this.messages[index] = message;
    else {
      index = this.messages.findLastIndex(({ id }) => olderFirst(id, message.id) < 0) + 1;
      this.messages.splice(index, 0, message);
    }
    this.#draw(index);
    if (!before && index + 1 < this.messages.length) this.#draw(index + 1);
    this.#drawStart();
    if (this.stuck) this.#stick();
    if (!before || (isLoading(before) && !isLoading(message))) this.#announce(message);
  }

  remove(id) {
    const index = this.messages.findIndex((each) => each.id === id);
    if (index < 0) return;
    const node = this.#node(id);
    if (node?.contains(document.activeElement)) (node.nextElementSibling ?? node.previousElementSibling ?? this.scroller).focus();
    node?.remove();
    this.messages.splice(index, 1);
    this.views.delete(id);
    if (index < this.messages.length) this.#draw(index);
    this.#drawStart();
  }

  /** A button is pressed and waits (`customId`), or no longer waits (null), perhaps with what went wrong. */
  settle(id, customId, failure = null) {
    const view = this.#view(id);
    view.busy.clear();
    if (customId) view.busy.add(customId);
    view.failure = failure;
    this.#redraw(id);
  }

  /** A line of the person's own that no message answers yet. */
  wait(nonce, command) {
    const row = el("li", { class: "waiting", data: { nonce } }, t("sending", { command }), dots());
    this.local.append(row);
    this.toEnd();
  }

  /** Ends `wait`; a failure stays until it is dismissed. */
  arrive(nonce, failure = null) {
    const row = this.local.querySelector(`[data-nonce="${nonce}"]`);
    if (!row) return;
    if (!failure) {
      row.remove();
      return;
    }
    row.className = "message local-failure";
    row.replaceChildren(
      el("p", { class: "failure", role: "alert" }, icon("warn"), failure),
      el("p", { class: "only-you" }, icon("eye"), `${t("only_you")} · `, el("button", { type: "button", class: "plain link", onclick: () => row.remove() }, t("dismiss"))),
    );
  }

  toEnd() {
    this.stuck = true;
    this.#stick();
  }

  #view(id) {
    if (!this.views.has(id)) this.views.set(id, { revealed: new Set(), busy: new Set(), open: new Set(), failure: null, asked: false });
    return this.views.get(id);
  }

  #viewAt(node) {
    return this.#view(node.closest("[data-message]").dataset.message);
  }

  #node(id) {
    return document.getElementById(`m-${id}`);
  }

  #redraw(id) {
    const index = this.messages.findIndex((each) => each.id === id);
    if (index >= 0) this.#draw(index);
  }

  #draw(index) {
    const message = this.messages[index];
    const before = this.messages[index - 1];
    const { me, people, channels, names } = this.scene();
    const view = this.#view(message.id);
    view.pictures = [];
    const newDay = !before || dayOf(before.timestamp) !== dayOf(message.timestamp);
    const sameAuthor = before && before.author?.id === message.author?.id && isEphemeral(before) === isEphemeral(message);
    const near = before && Date.parse(message.timestamp) - Date.parse(before.timestamp) < TOGETHER;
    const node = messageItem(message, {
      ...view,
      people,
      channels,
      names,
      attachments: message.attachments ?? [],
      compact: sameAuthor && near && !newDay,
      canDelete: message.author?.id === me.id || me.role === "moderator",
      askedToDelete: view.asked,
    });
    if (newDay) node.prepend(el("div", { class: "day", role: "separator" }, el("span", {}, dayName(message.timestamp))));
    const old = this.#node(message.id);
    if (old) morph(old, node);
    else this.list.insertBefore(node, this.list.children[index] ?? null);
  }

  #drawStart() {
    const next = this.startNode(!this.messages.some(hasPicture), this.more);
    if (!this.start.firstChild?.isEqualNode(next)) this.start.replaceChildren(next); // else it keeps its focus
  }

  #announce(message) {
    if (isLoading(message)) return;
    this.live.textContent = t("sent_unread", { name: displayName(message.author, this.scene().people), text: summary(message) });
  }

  #stick() {
    const anything = this.messages.length || this.local.children.length; // else the welcome, read from its head
    this.scroller.scrollTop = anything ? this.scroller.scrollHeight : 0;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    // Growth and scroll anchoring only move down: leaving the bottom takes a reader who scrolls up.
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.stuck = true;
    else if (scrollTop < this.lastTop) this.stuck = false;
    this.lastTop = scrollTop;
    this.jump.hidden = this.stuck;
    if (scrollTop < 200) this.#fill();
  }

  async #fill() {
    const { scroller } = this;
    if (!this.more || this.filling || scroller.scrollTop > 200) return;
    this.filling = true;
    const list = this.messages;
    const { messages, more } = await this.act.older(list[0]?.id).catch(() => ({ messages: [], more: false }));
    this.filling = false;
    if (list !== this.messages) return; // another channel is shown by now
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    this.more = more;
    const known = new Set(list.map(({ id }) => id));
    const fresh = messages.filter(({ id }) => !known.has(id));
    list.unshift(...fresh);
    fresh.forEach((_, index) => this.#draw(index));
    if (list[fresh.length]) this.#draw(fresh.length);
    this.#drawStart();
    scroller.scrollTop = scroller.scrollHeight - fromEnd;
  }

  #press(node, customId, values) {
    const message = this.messages.find(({ id }) => id === node.closest("[data-message]").dataset.message);
    this.act.press(message, customId, values);
  }

  #clicked(event) {
    const node = event.target.closest("[data-act]");
    if (!node || !node.closest("[data-message]")) return;
    const view = this.#viewAt(node);
    const message = this.messages.find(({ id }) => id === node.closest("[data-message]").dataset.message);
    const index = Number(node.dataset.index);
    const acts = {
      press: () => this.#press(node, node.dataset.customId),
      choose: () => this.#choose(node),
      open: () => this.act.open(view.pictures, index),
      reveal: () => view.revealed.add(index) && this.#redraw(message.id),
      unveil: () => node.classList.add("unveiled"),
      dismiss: () => this.act.dismiss(message),
      goto: () => this.#goTo(node.dataset.target),
      copy: () => this.#copy(node),
      delete: () => this.#delete(message, view),
    };
    acts[node.dataset.act]?.();
  }

  #choose(node) {
    const values = [...node.closest(".many-list").querySelectorAll("input:checked")].map((box) => box.value);
    if (values.length < Number(node.dataset.min) || values.length > Number(node.dataset.max)) return;
    node.closest("details").open = false;
    this.#press(node, node.dataset.customId, values);
  }

  #goTo(id) {
    const node = this.#node(id);
    if (!node) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    node.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    node.focus({ preventScroll: true });
    node.classList.add("found");
    setTimeout(() => node.classList.remove("found"), 1600);
  }

  async #copy(node) {
    const text = node.closest("[data-message]").querySelector(".body").innerText;
    const told = () => (this.live.textContent = t("copied"));
    await navigator.clipboard.writeText(text).then(told, () => {}); // the browser may forbid it; nothing is lost
  }

  #delete(message, view) {
    if (view.asked) {
      this.act.remove(message);
      return;
    }
    view.asked = true;
    this.#redraw(message.id);
    setTimeout(() => {
      view.asked = false;
      this.#redraw(message.id);
    }, 3000);
  }
}
