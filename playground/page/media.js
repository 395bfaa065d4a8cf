// Pictures and files inside a message: galleries, thumbnails, spoilers, file cards.
import { el, icon, localUrl } from "./dom.js";
import { fileSize, t } from "./words.js";

/** One shape for attachments, gallery items and thumbnails; null when there is no address to show. */
export function picture(item, attachments = []) {
  const media = item.media ?? item;
  const name = /^attachment:\/\/(.+)$/.exec(media.url ?? "")?.[1];
  const file = attachments.find((each) => each.filename === name || each.id === media.attachment_id) ?? {};
  const url = localUrl(name ? file.url ?? "" : media.url ?? "");
  if (!url || (name && !file.url)) return null;
  return {
    url,
    alt: item.description ?? media.description ?? file.description ?? "",
    width: media.width ?? file.width ?? null,
    height: media.height ?? file.height ?? null,
    filename: media.filename ?? file.filename ?? decodeURIComponent(url.split("?")[0].split("/").pop()),
    spoiler: Boolean(item.spoiler) || /^SPOILER_/.test(media.filename ?? file.filename ?? ""),
  };
}

export const isPicture = (attachment) =>
  (attachment.content_type ?? "").startsWith("image/") || (attachment.width > 0 && !(attachment.content_type ?? "").startsWith("video/"));

/** `view` remembers which spoilers were lifted; every picture joins `view.pictures`, the list the full view walks through. */
export function gallery(items, view) {
  const ratios = new Set(items.map((item) => (item.width && item.height ? (item.width / item.height).toFixed(3) : "?")));
  const ratio = ratios.size === 1 && !ratios.has("?") ? [...ratios][0] : "1";
  const node = el("div", { class: `gallery${items.length > 4 ? " many-pictures" : ""}`, data: { count: String(items.length) }, style: { "--ratio": ratio } });
  node.append(...items.map((item) => shot(item, view, items.length)));
  return node;
}

function shot(item, view, count) {
  const index = view.pictures.push(item) - 1;
  const hidden = item.spoiler && !view.revealed.has(index);
  const label = item.alt ? `${t("view_picture")}: ${item.alt}` : count > 1 ? t("picture_of", { index: index + 1, count }) : t("view_picture");
  const image = el("img", { src: item.url, alt: item.alt, width: item.width, height: item.height, decoding: "async", draggable: "false" });
  return el(
    "button",
    {
      class: `shot${hidden ? " veiled" : ""}`,
      type: "button",
      "aria-label": hidden ? t("spoiler") : label,
      data: { act: hidden ? "reveal" : "open", index: String(index) },
    },
    image,
    hidden ? el("span", { class: "veil" }, t("spoiler")) : null,
  );
}

export function thumbnail(item, view) {
  const node = shot(item, view, 1);
  node.classList.add("thumb");
  return node;
}

export function fileCard(file) {
  const url = localUrl(file.url ?? "");
  return el(
    "div",
    { class: "file" },
    icon("file"),
    el("div", { class: "file-text" }, el("span", { class: "file-name" }, file.filename ?? file.name ?? ""), file.size >= 0 ? el("span", { class: "file-size" }, fileSize(file.size)) : null),
    url ? el("a", { class: "icon-button", href: url, download: file.filename ?? "", "aria-label": `${t("download")}: ${file.filename ?? ""}`, title: t("download") }, icon("download")) : null,
  );
}
