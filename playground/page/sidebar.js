// The left column: channels, the people one can be, language and theme. On a phone it is a drawer.
import { avatar, el, icon } from "./dom.js";
import { t } from "./words.js";

const statusOf = (bot) => t(!bot?.online ? "offline" : ["idle", "dnd"].includes(bot.status) ? `status_${bot.status}` : "online");

export class Sidebar {
  /** `act`: {channel(id), person(id), language(code), theme(name)}. */
  constructor(root, opener, curtain, act) {
    const part = (name) => root.querySelector(`[data-part=${name}]`);
    this.root = root;
    this.opener = opener;
    this.curtain = curtain;
    this.act = act;
    this.channels = part("channels");
    this.people = part("people");
    this.bot = part("bot");
    this.prefs = part("prefs");
    opener.addEventListener("click", () => this.toggle(true));
    part("close").addEventListener("click", () => this.toggle(false));
    curtain.addEventListener("click", () => this.toggle(false));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.toggle(false));
    this.narrow = matchMedia("(max-width: 760px)");
    this.narrow.addEventListener("change", () => this.toggle(false));
    this.toggle(false);
  }

  /** Opens or closes the drawer; in a wide window the column is always there. */
  toggle(open) {
    const drawer = this.narrow.matches;
    const wasOpen = this.root.classList.contains("open");
    this.root.classList.toggle("open", drawer && open);
    this.root.inert = drawer && !open;
    document.querySelector("main").inert = drawer && open;
    this.curtain.hidden = !(drawer && open);
    this.opener.setAttribute("aria-expanded", String(drawer && open));
    if (drawer && open) this.root.querySelector("[data-part=close]").focus();
    else if (wasOpen) this.opener.focus();
  }

  /** `scene`: {state, person, channel, unread, language, theme}. */
  draw({ state, person, channel, unread, language, theme }) {
    const focused = document.activeElement?.dataset?.pick;
    this.channels.replaceChildren(
      ...state.channels.map((each) =>
        el(
          "li",
          {},
          el(
            "button",
            { type: "button", class: `pick${unread.has(each.id) ? " unread" : ""}`, "aria-current": each.id === channel ? "page" : null, data: { pick: `channel-${each.id}` }, onclick: () => this.act.channel(each.id) },
            icon("hash"),
            el("span", { class: "pick-name" }, each.name),
            unread.has(each.id) ? el("span", { class: "dot" }, el("span", { class: "unseen" }, t("unread"))) : null,
          ),
        ),
      ),
    );
    this.people.replaceChildren(...state.people.map((each) => this.#person(each, each.id === person)));
    this.bot.replaceChildren(
      el("img", { class: "avatar bot", src: "mark.svg", alt: "", width: "32", height: "32" }),
      el("span", { class: "pick-name" }, state.bot?.name || "Zimagine"),
      el("span", { class: "tag" }, t("bot")),
      el("span", { class: `status ${state.bot?.online ? state.bot.status : ""}` }, statusOf(state.bot)),
    );
    this.prefs.replaceChildren(
      this.#segments("language", [["en", "English", null], ["zh", "简体中文", null]], language),
      this.#segments("theme", [["light", t("theme_light"), "sun"], ["dark", t("theme_dark"), "moon"], ["system", t("theme_system"), "screen"]], theme),
    );
    if (focused) this.root.querySelector(`[data-pick="${focused}"]`)?.focus();
  }

  #person(each, chosen) {
    const role = t(`role_${each.role}`);
    return this.#radio(
      "person",
      each.id,
      chosen,
      { class: "pick person" },
      avatar(each.name, each.color, "small"),
      el("span", { class: "pick-name" }, each.name),
      each.name.toLowerCase() === each.role ? null : el("span", { class: `role ${each.role}` }, role),
    );
  }

  #segments(name, options, chosen) {
    return el(
      "div",
      { class: "segments", role: "radiogroup", "aria-label": t(name) },
      options.map(([value, label, symbol]) =>
        this.#radio(name, value, value === chosen, { class: "segment", title: symbol ? label : null, lang: value === "zh" ? "zh-CN" : null }, symbol ? [icon(symbol), el("span", { class: "unseen" }, label)] : label),
      ),
    );
  }

  /** A native radio keeps arrow keys and screen readers right; the label is what is seen. */
  #radio(name, value, checked, attributes, ...content) {
    const input = el("input", { type: "radio", class: "unseen", name, value, checked, data: { pick: `${name}-${value}` }, onchange: () => this.act[name](value) });
    return el("label", attributes, input, content);
  }
}
