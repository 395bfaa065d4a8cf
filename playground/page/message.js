// One message to a list item: who, when, and what was said. Knows nothing of the network.
import { avatar, el, icon, localUrl } from "./dom.js";
import { messageTime, stamp } from "./clock.js";
import { components } from "./components.js";
import { markdown, plain } from "./markdown.js";
import { fileCard, gallery, isPicture, picture, thumbnail } from "./media.js";
import { t } from "./words.js";

const EPHEMERAL = 1 << 6;
const LOADING = 1 << 7;
const COMPONENTS_V2 = 1 << 15;

export const isLoading = (message) => Boolean((message.flags ?? 0) & LOADING);
export const isEphemeral = (message) => Boolean((message.flags ?? 0) & EPHEMERAL) || Boolean(message.ephemeral_for);

export function displayName(user, people) {
  return people.find((each) => each.id === user?.id)?.name ?? user?.global_name ?? user?.username ?? "?";
}

/** Whether it shows a picture, be it finished or a preview. */
export function hasPicture(message) {
  return (message.attachments ?? []).some(isPicture);
}

/** What a screen reader hears, and a preview for other places. */
export function summary(message) {
  const texts = [message.content ?? ""];
  let pictures = 0;
  const walk = (list) => {
    for (const item of list ?? []) {
      if (item.type === 10) texts.push(item.content);
      if (item.type === 12) pictures += item.items.length;
      walk(item.components);
    }
  };
  walk(message.components);
  for (const embed of message.embeds ?? []) texts.push(embed.title ?? "", embed.description ?? "");
  if (!pictures) pictures = (message.attachments ?? []).filter(isPicture).length;
  if (pictures) texts.push(pictures === 1 ? t("with_picture") : t("with_pictures", { count: pictures }));
  return plain(texts.filter(Boolean).join(" ")).slice(0, 200);
}

/** `view` as in components.js and: me, compact, failure, canDelete, askedToDelete. */
export function messageItem(message, view) {
  const used = usedLine(message, view);
  const compact = view.compact && !used;
  const name = displayName(message.author, view.people);
  const person = view.people.find((each) => each.id === message.author?.id);
  const disc = message.author?.bot
    ? el("img", { class: "avatar bot", src: "mark.svg", alt: "", width: "40", height: "40" })
    : avatar(name, person?.color);
  const head = el(
    "div",
    { class: "head" },
    el("span", { class: "author", style: person?.color ? { "--person": person.color } : {} }, name),
    message.author?.bot ? el("span", { class: "tag" }, t("bot")) : null,
    messageTime(message.timestamp),
  );
  const classes = ["message", compact && "compact", isEphemeral(message) && "ephemeral"].filter(Boolean).join(" ");
  return el(
    "li",
    { class: classes, id: `m-${message.id}`, tabindex: "-1", data: { key: message.id, message: message.id } },
    used,
    el("div", { class: "gutter" }, compact ? messageTime(message.timestamp) : disc),
    el("div", { class: "main" }, compact ? null : head, el("div", { class: "body" }, body(message, view)), footer(message, view)),
    tools(message, view),
  );
}

function usedLine(message, view) {
  const meta = message.interaction_metadata;
  if (!meta?.user) return null;
  const name = displayName(meta.user, view.people);
  const person = view.people.find((each) => each.id === meta.user.id);
  const command = meta.name ?? meta.command_name ?? message.interaction?.name;
  const target = meta.interacted_message_id ?? meta.triggering_interaction_metadata?.interacted_message_id;
  const key = command ? "used" : meta.triggering_interaction_metadata ? "sent_form" : target ? "pressed" : "used";
  const mark = "\u0000";
  const [before, after] = t(key, { name: mark, command: "\u0001" }).split(mark);
  const [middle, end] = after.split("\u0001");
  const text = [before, el("b", {}, name), middle, end === undefined ? null : el("span", { class: "command", title: meta.text }, command ? `/${view.names("command", command) ?? command}` : t("a_command")), end ?? ""];
  return el(
    "div",
    { class: "used" },
    avatar(name, person?.color, "tiny"),
    target ? el("button", { type: "button", class: "plain", data: { act: "goto", target } }, text) : el("span", {}, text),
  );
}

function body(message, view) {
  if (isLoading(message)) return el("p", { class: "thinking" }, t("thinking"), dots());
  const parts = [];
  if (message.content) {
    const edited = message.edited_timestamp ? el("span", { class: "edited" }, ` ${t("edited")}`) : null;
    parts.push(el("div", { class: "text" }, markdown(message.content, view.names), edited));
  }
  parts.push(...(message.embeds ?? []).map((embed) => embedCard(embed, view)));
  if (!((message.flags ?? 0) & COMPONENTS_V2)) parts.push(...attached(message.attachments ?? [], view));
  parts.push(...components(message.components, view));
  return parts;
}

export function dots() {
  return el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
}

function attached(attachments, view) {
  const pictures = attachments.filter(isPicture).map((each) => picture(each)).filter(Boolean);
  const files = attachments.filter((each) => !isPicture(each)).map(fileCard);
  return [pictures.length ? gallery(pictures, view) : null, ...files];
}

function embedCard(embed, view) {
  const text = (value) => markdown(value, view.names);
  const linked = (address, label) => {
    const url = address && localUrl(address);
    return url ? el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, label) : label;
  };
  const shown = (item) => item?.url && picture(item, view.attachments);
  const thumb = shown(embed.thumbnail);
  const image = shown(embed.image);
  const foot = [embed.footer?.text, embed.footer?.text && embed.timestamp ? " · " : null, embed.timestamp ? stamp(Date.parse(embed.timestamp) / 1000, "s") : null];
  return el(
    "article",
    { class: "container accented embed", style: { "--accent-line": `#${(embed.color ?? 0x8a857b).toString(16).padStart(6, "0")}` } },
    el(
      "div",
      { class: "section" },
      el(
        "div",
        { class: "section-text" },
        embed.author?.name ? el("div", { class: "embed-author" }, linked(embed.author.url, embed.author.name)) : null,
        embed.title ? el("div", { class: "embed-title" }, linked(embed.url, text(embed.title))) : null,
        embed.description ? el("div", { class: "text" }, text(embed.description)) : null,
        embed.fields?.length
          ? el("dl", { class: "fields" }, embed.fields.map((field) => el("div", { class: field.inline ? "inline" : null }, el("dt", {}, text(field.name)), el("dd", {}, text(field.value)))))
          : null,
      ),
      thumb ? thumbnail(thumb, view) : null,
    ),
    image ? gallery([image], view) : null,
    foot.some(Boolean) ? el("div", { class: "subtext" }, foot) : null,
  );
}

function footer(message, view) {
  const parts = [];
  if (view.failure) parts.push(el("p", { class: "failure", role: "alert" }, icon("warn"), view.failure));
  if (isEphemeral(message)) {
    parts.push(
      el("p", { class: "only-you" }, icon("eye"), `${t("only_you")} · `, el("button", { type: "button", class: "plain link", data: { act: "dismiss" } }, t("dismiss"))),
    );
  }
  return parts;
}

function tools(message, view) {
  if (isEphemeral(message) || isLoading(message)) return null;
  const label = view.askedToDelete ? t("delete_sure") : t("delete");
  return el(
    "div",
    { class: `tools${view.askedToDelete ? " asked" : ""}` },
    el("button", { type: "button", class: "icon-button", "aria-label": t("copy_text"), title: t("copy_text"), data: { act: "copy" } }, icon("copy")),
    view.canDelete
      ? el("button", { type: "button", class: "icon-button danger", "aria-label": label, title: label, data: { act: "delete" } }, icon("trash"), view.askedToDelete ? el("span", {}, t("delete_sure")) : null)
      : null,
  );
}
