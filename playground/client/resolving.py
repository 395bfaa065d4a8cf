"""Names and files that people write become ids, and what the ids stand for goes into `resolved`."""

from collections.abc import Sequence
from typing import Any

from playground.client import grammar
from playground.client.grammar import Given, GrammarError
from playground.rules import component_kinds
from playground.wire import media
from playground.wire.jsons import Json
from playground.wire.media import UploadedFile
from playground.world import people
from playground.world.people import Channel, Person
from playground.world.state import State


async def value_of(
    state: State, given: Given, uploads: list[UploadedFile], channel: Channel, resolved: Json
) -> str | int | float | bool:
    """The value of an option as it is sent."""
    written = str(given.value)
    if given.type == grammar.ATTACHMENT:
        upload = next((upload for upload in uploads if upload.filename == base_name(written)), None)
        if upload is None:
            raise GrammarError(f'The file "{base_name(written)}" is not attached.')
        kept = await keep_file(state, channel, upload)
        resolved.setdefault("attachments", {})[kept["id"]] = kept
        return kept["id"]
    if given.type in (grammar.USER, grammar.MENTIONABLE):
        person = _named((*people.PEOPLE, people.BOT), written)
        if person is not None:
            _resolve_person(person, resolved)
            return person.id
    if given.type in (grammar.ROLE, grammar.MENTIONABLE):
        role = _named(people.ROLES, written)
        if role is not None:
            resolved.setdefault("roles", {})[role.id] = role.payload()
            return role.id
    if given.type == grammar.CHANNEL:
        named = _named(people.CHANNELS, written)
        if named is not None:
            resolved.setdefault("channels", {})[named.id] = _resolved_channel(named)
            return named.id
    if given.type in (grammar.USER, grammar.MENTIONABLE, grammar.ROLE, grammar.CHANNEL):
        raise GrammarError(f'Nobody and nothing here is called "{written}".')
    return given.value


def _named(things: Sequence[Any], written: str) -> Any:
    wanted = written.casefold().lstrip("@#")
    return next((thing for thing in things if wanted in (thing.id, thing.name.casefold().lstrip("@"))), None)


def _resolve_person(person: Person, resolved: Json) -> None:
    resolved.setdefault("users", {})[person.id] = person.user()
    member = person.member_without_user() | {"permissions": str(person.permissions)}
    resolved.setdefault("members", {})[person.id] = member


def _resolved_channel(channel: Channel) -> Json:
    return channel.payload() | {"permissions": str(people.EVERYONE_MAY)}


def picked(kind: int, values: list[str]) -> Json:
    resolved: Json = {}
    for value in values:
        person, channel = people.person_by_id(value), people.channel_by_id(value)
        role = next((role for role in people.ROLES if role.id == value), None)
        if person is not None and kind in (component_kinds.USER_SELECT, component_kinds.MENTIONABLE_SELECT):
            _resolve_person(person, resolved)
        elif channel is not None and kind == component_kinds.CHANNEL_SELECT:
            resolved.setdefault("channels", {})[value] = _resolved_channel(channel)
        elif role is not None and kind in (component_kinds.ROLE_SELECT, component_kinds.MENTIONABLE_SELECT):
            resolved.setdefault("roles", {})[value] = role.payload()
        elif kind != component_kinds.STRING_SELECT:
            raise GrammarError(f'"{value}" is not on offer.')
    return resolved


async def keep_file(state: State, channel: Channel, upload: UploadedFile) -> Json:
    """Stores a file that belongs to an interaction; the object that `resolved` shows."""
    if len(upload.content) > state.rules.attachment_size:
        limit = state.rules.attachment_size // (1024 * 1024)
        raise GrammarError(f'"{upload.filename}" is too large; files may have {limit} MiB.')
    kept = await media.keep(
        upload,
        folder=state.store.attachments,
        channel_id=channel.id,
        attachment_id=state.new_id(),
        description=None,
        ephemeral=True,
    )
    return media.with_base(kept, state.base_url)


def base_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]
