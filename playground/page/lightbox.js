// The full view of a picture: arrows walk through the pictures of its message, Esc closes.
import { el, icon } from "./dom.js";
import { t } from "./words.js";

const SMALL = 768; // css px: pictures smaller than this are enlarged up to it, the window permitting

export class Lightbox {
  constructor(dialog) {
    this.dialog = dialog;
    dialog.addEventListener("keydown", (event) => this.#key(event));
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.classList.contains("stage")) dialog.close();
    });
  }

  open(pictures, index) {
    this.pictures = pictures;
    this.#show(index);
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.querySelector("[data-part=close]").focus();
  }

  #key(event) {
    if (event.key === "ArrowRight") this.#walk(1);
    else if (event.key === "ArrowLeft") this.#walk(-1);
    else if (event.key === "Home") this.#show(0);
    else if (event.key === "End") this.#show(this.pictures.length - 1);
    else return;
    event.preventDefault();
  }

  #walk(step) {
    this.#show((this.index + step + this.pictures.length) % this.pictures.length);
  }

  #show(index) {
    const focused = this.dialog.contains(document.activeElement) ? document.activeElement.dataset.part : null;
    this.index = index;
    const picture = this.pictures[index];
    const many = this.pictures.length > 1;
    const image = el("img", { src: picture.url, alt: picture.alt });
    const enlarge = picture.width && picture.height ? Math.max(1, SMALL / Math.max(picture.width, picture.height)) : 1;
    if (picture.width && picture.height) {
      image.style.setProperty("--w", `${picture.width * enlarge}px`);
      image.style.setProperty("--ratio", String(picture.width / picture.height));
    }
    const size = picture.width ? `${picture.width} × ${picture.height}` : "";
    const action = (name, tag, attributes) => el(tag, { class: "icon-button", "aria-label": t(name), title: t(name), ...attributes });
    const walk = (name, symbol, step) => {
      const node = action(name, "button", { type: "button", data: { part: name }, onclick: () => this.#walk(step) });
      node.classList.add("walk", name);
      node.append(icon(symbol));
      return node;
    };
    const original = action("open_original", "a", { href: picture.url, target: "_blank", rel: "noopener", data: { part: "open_original" } });
    original.append(icon("external"));
    const download = action("download", "a", { href: picture.url, download: picture.filename, data: { part: "download" } });
    download.append(icon("download"));
    const close = action("close", "button", { type: "button", data: { part: "close" }, onclick: () => this.dialog.close() });
    close.append(icon("close"));
    this.dialog.setAttribute("aria-label", many ? t("picture_of", { index: index + 1, count: this.pictures.length }) : t("picture"));
    this.dialog.replaceChildren(
      el("div", { class: "lightbox-bar" }, el("span", { class: "count" }, many ? `${index + 1} / ${this.pictures.length}` : "", many && size ? " · " : "", size), original, download, close),
      el("div", { class: "stage" }, many ? walk("previous", "left", -1) : null, image, many ? walk("next", "right", 1) : null),
      el("p", { class: `caption${picture.alt ? "" : " none"}`, "aria-live": "polite" }, picture.alt || t("no_description")),
    );
    if (focused) this.dialog.querySelector(`[data-part=${focused}]`)?.focus();
  }
}
