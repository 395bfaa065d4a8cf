"""Turns the body of a create or an edit into the message object that Discord would show."""

import re
from typing import Literal

from playground.rules import component_kinds
from playground.rules import messages as message_rules
from playground.rules.messages import COMPONENTS_V2, EPHEMERAL, LOADING, SILENT, SUPPRESS_EMBEDS
from playground.wire import errors, media
from playground.wire.jsons import Json, inner, listed, number
from playground.wire.media import UploadedFile
from playground.world import people
from playground.world.people import Person
from playground.world.showing import shown_components
from playground.world.state import State

_SETTABLE_ON_CREATE = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2
_SETTABLE_ON_EDIT = SUPPRESS_EMBEDS | COMPONENTS_V2
CHAT, REPLY, COMMAND_ANSWER = 0, 19, 20  # types of messages


async def create(
    state: State,
    channel_id: str,
    author: Person,
    body: Json,
    uploads: list[UploadedFile],
    *,
    ephemeral: bool = False,
    more: Json | None = None,
) -> Json:
    """A new message, checked but not yet stored; `more` are fields such as interaction_metadata."""
    refuse_closed(state, channel_id, "create")
    flags = number(body, "flags") & _SETTABLE_ON_CREATE
    size = state.rules.attachment_size
    message_rules.check_message(body, uploads, flags=flags, before=None, attachment_size=size)
    message = blank(state, channel_id, author, flags | (EPHEMERAL if ephemeral else 0)) | (more or {})
    await _fill(state, message, body, uploads)
    message_rules.refuse_empty(message)
    message_rules.refuse_links(message, state.rules.harmful_links)
    return message


async def edit(state: State, before: Json, body: Json, uploads: list[UploadedFile]) -> Json:
    """An edited copy of a message, checked but not yet stored."""
    refuse_closed(state, before["channel_id"], "edit")
    asked = number(body, "flags")
    flags = before["flags"] | (asked & _SETTABLE_ON_EDIT)
    if "flags" in body and not asked & SUPPRESS_EMBEDS:
        flags &= ~SUPPRESS_EMBEDS
    size = state.rules.attachment_size
    message_rules.check_message(body, uploads, flags=flags, before=before, attachment_size=size)
    message = before | {"flags": flags & ~LOADING, "edited_timestamp": state.now()}
    await _fill(state, message, body, uploads)
    message_rules.refuse_empty(message)
    message_rules.refuse_links(message, state.rules.harmful_links)
    return message


def blank(state: State, channel_id: str, author: Person, flags: int) -> Json:
    """A message with nothing in it, as a deferred answer shows it."""
    return {
        "id": state.new_id(),
        "type": CHAT,
        "channel_id": channel_id,
        "author": author.user(),
        "content": "",
        "mentions": [],
        "mention_roles": [],
        "mention_everyone": False,
        "attachments": [],
        "embeds": [],
        "components": [],
        "timestamp": state.now(),
        "edited_timestamp": None,
        "flags": flags,
        "pinned": False,
        "tts": False,
    }


async def _fill(state: State, message: Json, body: Json, uploads: list[UploadedFile]) -> None:
    message["attachments"] = await _attachments(state, message, body, uploads)
    if "content" in body:
        message["content"] = body["content"] or ""
    if "embeds" in body:
        message["embeds"] = [_embed(state, embed, message["attachments"]) for embed in listed(body, "embeds")]
    if "components" in body:
        message["components"] = shown_components(listed(body, "components"), message["attachments"], state.new_id)
    message["mentions"] = _mentions(message, body.get("allowed_mentions"))


async def _attachments(state: State, message: Json, body: Json, uploads: list[UploadedFile]) -> list[Json]:
    """Those listed and kept, then the new ones in the order in which they were sent."""
    told: dict[str, Json] = {str(item.get("id")): item for item in listed(body, "attachments")}
    kept_all = "attachments" not in body
    kept = [item for item in message["attachments"] if kept_all or item["id"] in told]
    for attachment in kept:
        described = told.get(attachment["id"], {}).get("description")
        attachment |= {"description": described} if described else {}
    made: list[Json] = []
    for upload in uploads:
        about = told.get(upload.field.removeprefix("files[").removesuffix("]"), {})
        renamed = UploadedFile(
            field=upload.field, filename=about.get("filename") or upload.filename, content=upload.content
        )
        made.append(
            await media.keep(
                renamed,
                folder=state.store.attachments,
                channel_id=message["channel_id"],
                attachment_id=state.new_id(),
                description=about.get("description"),
                ephemeral=bool(message["flags"] & EPHEMERAL),
            )
        )
    return [*kept, *made]


def _embed(state: State, embed: Json, attachments: list[Json]) -> Json:
    shown: Json = {"type": "rich"} | {key: value for key, value in embed.items() if value is not None}
    for key in ("image", "thumbnail"):
        url = str(inner(shown, key).get("url", ""))
        found = media.resolve(url, attachments, state.new_id) if url.startswith("attachment://") else None
        if found:
            shown[key] = {name: found[name] for name in ("url", "proxy_url", "width", "height") if found[name]}
    return shown


def _mentions(message: Json, allowed: Json | None) -> list[Json]:
    """People whom the text pings; texts in components ping too."""
    texts = [
        message["content"],
        *(str(part.get("content", "")) for part, _ in component_kinds.walk(message["components"])),
    ]
    named = dict.fromkeys(re.findall(r"<@!?(\d+)>", " ".join(texts)))
    if allowed is not None and "users" not in listed(allowed, "parse"):
        named = {person_id: None for person_id in named if person_id in listed(allowed, "users")}
    return [person.user() for person_id in named if (person := people.person_by_id(person_id))]


def refuse_closed(state: State, channel_id: str, act: Literal["create", "edit", "delete"]) -> None:
    """What the bot may not do in a thread that is archived or locked, as one without Manage Threads.

    Discord's documents say that messages can be deleted in an archived thread; people were refused that with 50083.
    """
    thread = state.threads.get(channel_id)
    if thread is None:
        return
    if thread.archived and (thread.locked or act != "create"):
        raise errors.archived_thread()
    if thread.locked and act != "delete":
        raise errors.locked_thread()


def refuse_foreign(message: Json) -> None:
    """Only its author edits a message."""
    if message["author"]["id"] != people.BOT.id:
        raise errors.not_the_author()
