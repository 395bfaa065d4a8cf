"""What Discord refuses in a message: lengths, embeds, files, flags and what they exclude. Pure."""

from collections.abc import Sequence
from typing import Any

from playground.rules import component_kinds
from playground.rules.components import check_message_components
from playground.rules.fields import array, check, record, text, whole
from playground.wire import errors
from playground.wire.errors import Problems
from playground.wire.jsons import Json, inner, listed
from playground.wire.media import UploadedFile, safe_name

MAX_FILES = 10
MAX_EMBED_TEXT = 6000
SUPPRESS_EMBEDS, EPHEMERAL, LOADING, SILENT, COMPONENTS_V2 = 1 << 2, 1 << 6, 1 << 7, 1 << 12, 1 << 15

_MESSAGE = {
    "content": text(0, 2000),
    "embeds": array(0, 10),
    "components": array(0, 40),
    "attachments": array(0, MAX_FILES),
    "flags": whole(0),
    "allowed_mentions": record(),
}
_EMBED = {
    "title": text(0, 256),
    "description": text(0, 4096),
    "url": text(0, 2048),
    "color": whole(0, 0xFFFFFF),
    "fields": array(0, 25),
    "footer": record(),
    "author": record(),
    "image": record(),
    "thumbnail": record(),
}
_EMBED_FIELD = {"name": text(1, 256, required=True), "value": text(1, 1024, required=True)}
_ATTACHMENT = {"filename": text(1, 1024), "description": text(0, 1024)}


def check_message(
    body: Json, uploads: list[UploadedFile], *, flags: int, before: Json | None, attachment_size: int
) -> None:
    """`flags` are those that the message will have; `before` is the message that is edited; sizes in bytes."""
    problems = Problems()
    check(body, _MESSAGE, (), problems)
    problems.refuse_if_any()
    _check_embeds(listed(body, "embeds"), problems)
    v2 = bool(flags & COMPONENTS_V2)
    if v2:
        _check_legacy_fields(body, before or {}, problems)
    check_message_components(listed(body, "components"), v2=v2, problems=problems)
    _check_attachments(body, uploads, before, problems)
    problems.refuse_if_any()
    if any(len(upload.content) > attachment_size for upload in uploads):
        raise errors.too_large()


def refuse_empty(message: Json) -> None:
    """A message has to show something."""
    if not any(message.get(part) for part in ("content", "embeds", "components", "attachments", "sticker_items")):
        raise errors.empty_message()


def refuse_links(message: Json, harmful: Sequence[str]) -> None:
    """Discord's filter of harmful links reads all text of a message."""
    texts = [
        message["content"],
        *(str(part.get("content", "")) for part, _ in component_kinds.walk(message["components"])),
    ]
    if any(link in text for link in harmful for text in texts):
        raise errors.harmful_link()


def _check_legacy_fields(body: Json, before: Json, problems: Problems) -> None:
    for name in ("content", "embeds", "poll", "sticker_ids"):
        if body.get(name) or (name in before and name not in body and before[name]):
            message = f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            problems.add((name,), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", message)


def _check_embeds(embeds: list[Any], problems: Problems) -> None:
    total = 0
    for index, embed in enumerate(embeds):
        if not check(embed, _EMBED, ("embeds", index), problems):
            continue
        texts = [embed.get("title"), embed.get("description")]
        for number, part in enumerate(listed(embed, "fields")):
            if check(part, _EMBED_FIELD, ("embeds", index, "fields", number), problems):
                texts += [part["name"], part["value"]]
        footer, author = inner(embed, "footer"), inner(embed, "author")
        check(footer, {"text": text(0, 2048)}, ("embeds", index, "footer"), problems)
        check(author, {"name": text(0, 256)}, ("embeds", index, "author"), problems)
        texts += [footer.get("text"), author.get("name")]
        total += sum(len(item) for item in texts if isinstance(item, str))
    if total > MAX_EMBED_TEXT:
        message = f"Embed size exceeds maximum size of {MAX_EMBED_TEXT}"
        problems.add(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", message)


def _check_attachments(body: Json, uploads: list[UploadedFile], before: Json | None, problems: Problems) -> None:
    told = listed(body, "attachments")
    kept = {attachment["id"] for attachment in listed(before or {}, "attachments")}
    fields = {upload.field for upload in uploads}
    for index, attachment in enumerate(told):
        if not check(attachment, _ATTACHMENT, ("attachments", index), problems):
            continue
        if str(attachment.get("id")) not in kept and f"files[{attachment.get('id')}]" not in fields:
            message = "Attachment data not found"
            problems.add(("attachments", index, "id"), "ATTACHMENT_NOT_FOUND", message)
    total = len(told) if "attachments" in body else len(kept) + len(uploads)
    if max(total, len(uploads)) > MAX_FILES:
        problems.add(("attachments",), "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_FILES} or fewer in length.")
    names = [safe_name(upload.filename) for upload in uploads]
    for index, name in enumerate(names):
        if not name:
            problems.add(("files", index), "BASE_TYPE_REQUIRED", "A file needs a name")
