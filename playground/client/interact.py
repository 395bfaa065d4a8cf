"""From an act on the page to an INTERACTION_CREATE: commands, clicks, forms, half-typed options."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from playground.client import grammar, resolving
from playground.client.actor import Actor
from playground.client.grammar import GrammarError, Invocation
from playground.rules import component_kinds
from playground.wire.jsons import Json, inner, listed
from playground.wire.media import UploadedFile
from playground.world import messages, people
from playground.world.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from playground.world.people import Person
from playground.world.state import State


@dataclass(frozen=True, kw_only=True, slots=True)
class SentInteraction:
    """An interaction on its way; `outcome` becomes the body of the first answer, or {"type": 0}."""

    interaction: Interaction
    outcome: "asyncio.Future[Json]"


async def send_message(state: State, actor: Actor, text: str, uploads: list[UploadedFile]) -> str:
    """A plain message of a person; returns its id."""
    if uploads:
        _check_may_attach(actor.person)
    if len(text) > 2000:
        raise GrammarError(f"A message has at most 2000 characters, this one has {len(text)}.")
    message = await messages.create(state, actor.channel.id, actor.person, {"content": text}, uploads)
    await state.put_message(message, ephemeral_for=None, created=True)
    return message["id"]


async def command(
    state: State, actor: Actor, text: str, invocation: Invocation, uploads: list[UploadedFile]
) -> SentInteraction:
    """A slash command with its options and files; `text` is the line it was read from."""
    if invocation.files:
        _check_may_attach(actor.person)
    resolved: Json = {}
    values: list[Json] = []
    for given in invocation.given:
        value = await resolving.value_of(state, given, uploads, actor.channel, resolved)
        values.append({"name": given.name, "type": given.type, "value": value})
    asked_files = {resolving.base_name(name) for name in invocation.files}
    unused = [upload.filename for upload in uploads if upload.filename not in asked_files]
    if unused:
        raise GrammarError(f'No option takes the file "{unused[0]}"; write for example "image:@{unused[0]}".')
    data = _command_data(invocation.command, invocation.path, values)
    if resolved:
        data["resolved"] = resolved
    asked = {"name": " ".join(invocation.path), "text": text}
    return await _send(state, actor, data, _metadata(state, actor, COMMAND), asked=asked)


async def autocomplete(state: State, actor: Actor, found: grammar.Found, values: Sequence[Json]) -> list[Json]:
    """The bot's suggestions for the value that carries `focused`; none if it does not answer in time."""
    if not state.gateway.online:
        return []
    data = _command_data(found.command, found.path, values)
    asked = await _send(state, actor, data, _metadata(state, actor, AUTOCOMPLETE))
    callback = await asked.outcome
    return listed(inner(callback, "data"), "choices")


async def click(
    state: State, actor: Actor, message: Json, custom_id: str, values: Sequence[str] = (), *, quiet: bool = False
) -> SentInteraction:
    """A pressed button or a chosen select of a message; the page hears nothing of a quiet one."""
    component = next(
        (part for part, _ in component_kinds.walk(message["components"]) if part.get("custom_id") == custom_id), None
    )
    if component is None:
        raise GrammarError("This message has no such button any more.")
    if component.get("disabled"):
        raise GrammarError("This button is disabled.")
    data: Json = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"]}
    if component["type"] in component_kinds.SELECTS:
        data["values"] = chosen(component, list(values))
        resolved = resolving.picked(component["type"], data["values"])
        data |= {"resolved": resolved} if resolved else {}
    metadata = _metadata(state, actor, COMPONENT) | {"interacted_message_id": message["id"]}
    return await _send(state, actor, data, metadata, message=message, quiet=quiet)


async def submit(
    state: State, actor: Actor, opened: Interaction, components: list[Json], resolved: Json
) -> SentInteraction:
    """A filled form; `components` carry values as Discord sends them."""
    modal = opened.modal or {}
    data: Json = {"custom_id": modal["custom_id"], "components": components}
    if resolved:
        data["resolved"] = resolved
    message = None
    if opened.message_id:
        found = state.store.message(opened.message_id)
        message = found[0] if found else None
    metadata = _metadata(state, actor, MODAL_SUBMIT) | {"triggering_interaction_metadata": opened.metadata}
    state.interactions.forget_modal(opened)
    return await _send(state, actor, data, metadata, message=message)


def chosen(component: Json, values: list[str]) -> list[str]:
    """Values of a select within what it allows. Raises GrammarError."""
    least = 1 if component.get("min_values") is None else component["min_values"]
    most = component.get("max_values") or 1
    if not least <= len(set(values)) <= most or len(set(values)) != len(values):
        raise GrammarError(f"Choose {least}." if least == most else f"Choose {least} to {most}.")
    if component["type"] == component_kinds.STRING_SELECT:
        offered = [option["value"] for option in component["options"]]
        unknown = [value for value in values if value not in offered]
        if unknown:
            raise GrammarError(f'"{unknown[0]}" is not on offer.')
    return values


def _check_may_attach(person: Person) -> None:
    if not person.may(people.ATTACH_FILES):
        raise GrammarError(f"{person.name} may not attach files here.")


async def _send(
    state: State,
    actor: Actor,
    data: Json,
    metadata: Json,
    *,
    asked: Json | None = None,
    message: Json | None = None,
    quiet: bool = False,
) -> SentInteraction:
    interaction = Interaction(
        id=metadata["id"],
        token=state.interactions.new_token(),
        kind=metadata["type"],
        person_id=actor.person.id,
        channel_id=actor.channel.id,
        locale=actor.locale,
        nonce=actor.nonce,
        metadata=metadata,
        asked=asked or {},
        message_id=message["id"] if message else None,
    )
    outcome = state.interactions.open(interaction, quiet=quiet)
    payload = _payload(state, actor, interaction, data)
    if message is not None:
        payload["message"] = state.shown(message)
    await state.gateway.dispatch("INTERACTION_CREATE", payload)
    return SentInteraction(interaction=interaction, outcome=outcome)


def _payload(state: State, actor: Actor, interaction: Interaction, data: Json) -> Json:
    permissions = str(actor.person.permissions)
    channel: Json = {"channel": actor.channel.payload() | {"permissions": permissions}}
    return (channel if state.rules.interactions_name_channel else {}) | {
        "id": interaction.id,
        "application_id": people.APPLICATION_ID,
        "type": interaction.kind,
        "token": interaction.token,
        "version": 1,
        "data": data,
        "guild_id": people.GUILD_ID,
        "guild": {"id": people.GUILD_ID, "locale": people.GUILD_LOCALE, "features": []},
        "channel_id": actor.channel.id,
        "member": actor.person.member() | {"permissions": permissions},
        "app_permissions": str(people.BOT.permissions),
        "locale": actor.locale,
        "guild_locale": people.GUILD_LOCALE,
        "entitlements": [],
        "authorizing_integration_owners": {"0": people.GUILD_ID},
        "context": 0,
        "attachment_size_limit": state.rules.attachment_size,
    }


def _metadata(state: State, actor: Actor, kind: int) -> Json:
    owners = {"0": people.GUILD_ID}
    return {"id": state.new_id(), "type": kind, "user": actor.person.user(), "authorizing_integration_owners": owners}


def _command_data(command: Json, path: tuple[str, ...], values: Sequence[Json]) -> Json:
    """Options nested in their subcommands."""
    options = list(values)
    for depth in range(len(path) - 1, 0, -1):
        kind = grammar.GROUP if depth == 1 and len(path) == 3 else grammar.SUBCOMMAND
        options = [{"name": path[depth], "type": kind, "options": options}]
    data: Json = {"id": command["id"], "name": command["name"], "type": 1, "options": options}
    return data | ({"guild_id": command["guild_id"]} if "guild_id" in command else {})
