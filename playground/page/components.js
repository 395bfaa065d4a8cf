// Message components, the old rows and Components V2, to DOM nodes. Buttons and selects act through data-act attributes.
import { el, icon, localUrl } from "./dom.js";
import { markdown } from "./markdown.js";
import { fileCard, gallery, picture, thumbnail } from "./media.js";
import { t } from "./words.js";

// Component types by Discord's numbers.
const ACTION_ROW = 1;
const BUTTON = 2;
const STRING_SELECT = 3;
const USER_SELECT = 5;
const CHANNEL_SELECT = 8;
const SECTION = 9;
const TEXT = 10;
const THUMBNAIL = 11;
const GALLERY = 12;
const FILE = 13;
const SEPARATOR = 14;
const CONTAINER = 17;

const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link", 6: "secondary" };

/** `view`: {names, people, channels, attachments, pictures, revealed, busy, chosen}; kinds we do not know become nothing. */
export function components(list, view) {
  return (list ?? []).map((item) => component(item, view)).filter(Boolean);
}

function component(item, view) {
  const draw = DRAW[item.type];
  return draw ? draw(item, view) : null;
}

const DRAW = {
  [ACTION_ROW]: (item, view) => el("div", { class: "row" }, components(item.components, view)),
  [BUTTON]: button,
  [STRING_SELECT]: (item, view) => select(item, item.options, view),
  [USER_SELECT]: (item, view) => select(item, view.people.map(({ id, name }) => ({ value: id, label: name })), view),
  [CHANNEL_SELECT]: (item, view) => select(item, view.channels.map(({ id, name }) => ({ value: id, label: `#${name}` })), view),
  [SECTION]: (item, view) =>
    el("div", { class: "section" }, el("div", { class: "section-text" }, components(item.components, view)), component(item.accessory, view)),
  [TEXT]: (item, view) => el("div", { class: "text" }, markdown(item.content ?? "", view.names)),
  [THUMBNAIL]: (item, view) => {
    const found = picture(item, view.attachments);
    return found && thumbnail(found, view);
  },
  [GALLERY]: (item, view) => {
    const found = (item.items ?? []).map((each) => picture(each, view.attachments)).filter(Boolean);
    return found.length ? gallery(found, view) : null;
  },
  [FILE]: (item, view) => {
    const found = picture({ media: item.file ?? {} }, view.attachments);
    const attachment = view.attachments.find((each) => each.filename === (item.name ?? found?.filename));
    return fileCard({ url: found?.url, filename: item.name ?? found?.filename, size: item.size ?? attachment?.size });
  },
  [SEPARATOR]: (item) => el("hr", { class: `${item.divider === false ? "blank" : ""} ${item.spacing === 2 ? "wide" : ""}`.trim() || null }),
  [CONTAINER]: (item, view) => {
    const colour = Number.isInteger(item.accent_color) ? `#${item.accent_color.toString(16).padStart(6, "0")}` : null;
    return el("div", { class: `container${colour ? " accented" : ""}`, style: colour ? { "--accent-line": colour } : {} }, components(item.components, view));
  },
};

function button(item, view) {
  const content = [emoji(item.emoji), item.label ? el("span", {}, item.label) : null];
  const style = `button ${BUTTON_STYLES[item.style] ?? "secondary"}`;
  if (item.style === 5) {
    const url = localUrl(item.url ?? "");
    return url ? el("a", { class: style, href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, content, icon("external")) : null;
  }
  const busy = view.busy.has(item.custom_id);
  return el(
    "button",
    {
      class: `${style}${busy ? " busy" : ""}`,
      type: "button",
      disabled: Boolean(item.disabled) || item.style === 6,
      "aria-busy": busy ? "true" : null,
      "aria-label": item.label ? null : item.emoji?.name,
      data: { act: "press", customId: item.custom_id },
    },
    content,
  );
}

function emoji(item) {
  if (!item?.name) return null;
  return el("span", { class: "emoji", "aria-hidden": "true" }, item.id ? `:${item.name}:` : item.name);
}

function select(item, options, view) {
  const most = item.max_values ?? 1;
  const busy = view.busy.has(item.custom_id);
  if (most > 1) return manySelect(item, options, most, busy, view);
  const placeholder = item.placeholder || t("choose");
  const node = el(
    "select",
    { class: `select${busy ? " busy" : ""}`, "aria-label": placeholder, disabled: Boolean(item.disabled) || busy, data: { act: "select", customId: item.custom_id } },
    el("option", { value: "", disabled: true, hidden: true, selected: !options.some((each) => each.default) }, placeholder),
    options.map((each) => el("option", { value: each.value, selected: Boolean(each.default) }, optionText(each))),
  );
  return node;
}

function manySelect(item, options, most, busy, view) {
  const placeholder = item.placeholder || t("choose_some", { min: item.min_values ?? 1, max: most });
  return el(
    "details",
    { class: `many${busy ? " busy" : ""}`, data: { customId: item.custom_id }, open: view.open.has(item.custom_id) },
    el("summary", { class: "select", "aria-disabled": item.disabled ? "true" : null }, placeholder),
    el("div", { class: "many-list", role: "group", "aria-label": placeholder },
      options.map((each) =>
        el("label", {}, el("input", { type: "checkbox", value: each.value, checked: Boolean(each.default) }), el("span", {}, optionText(each), each.description ? el("small", {}, each.description) : null))),
      el("button", { class: "button primary", type: "button", data: { act: "choose", customId: item.custom_id, min: String(item.min_values ?? 1), max: String(most) } }, t("done"))),
  );
}

const optionText = (each) => `${each.emoji?.name && !each.emoji.id ? `${each.emoji.name} ` : ""}${each.label}`;
