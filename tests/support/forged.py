"""Interactions as no honest client sends them: with ids made up, and from places where the message is not."""

from __future__ import annotations

from typing import Any

from playground import Playground
from playground.client import interact
from playground.client.actor import Actor
from playground.world import people
from playground.world.interactions import COMPONENT, MODAL_SUBMIT, Interaction
from playground.world.people import Person

OTHER_GUILD, OTHER_CHANNEL = "1100000000000000901", "1100000000000000902"
ALL_PERMISSIONS = str((1 << 53) - 1)
ELSEWHERE: dict[str, Any] = {
    "guild_id": OTHER_GUILD,
    "guild": {"id": OTHER_GUILD, "locale": "en-US", "features": []},
    "channel_id": OTHER_CHANNEL,
    "authorizing_integration_owners": {"0": OTHER_GUILD},
}


def replace_options(playground: Playground, **values: Any) -> None:
    """The next command reaches the bot with these values of options, as from a client with an older list."""

    def replaced(options: list[Any]) -> list[Any]:
        if options and "options" in options[0]:
            return [options[0] | {"options": replaced(options[0]["options"])}]
        there = [given | {"value": values.get(given["name"], given["value"])} for given in options]
        names = {given["name"] for given in options}
        return there + [
            {"name": name, "type": 3, "value": value} for name, value in values.items() if name not in names
        ]

    def change(payload: Any) -> Any:
        data = payload["data"]
        return payload | {"data": data | {"options": replaced(data.get("options", []))}}

    playground.spoil_next("INTERACTION_CREATE", change)


async def click(playground: Playground, who: Person, custom_id: str, **claims: Any) -> None:
    """A pressed button of this id; the answer is seen by `who` in the first channel. `claims` replace the payload's."""
    await _send(playground, who, COMPONENT, {"custom_id": custom_id, "component_type": 2, "id": 1}, claims)


async def submit(playground: Playground, who: Person, custom_id: str, fields: dict[str, str], **claims: Any) -> None:
    """A form of this id, filled in."""
    entries = [
        {"type": 18, "id": number, "component": {"type": 4, "id": 100 + number, "custom_id": name, "value": value}}
        for number, (name, value) in enumerate(fields.items(), start=1)
    ]
    await _send(playground, who, MODAL_SUBMIT, {"custom_id": custom_id, "components": entries}, claims)


async def _send(playground: Playground, who: Person, kind: int, data: Any, claims: dict[str, Any]) -> None:
    state = playground._state
    channel = people.CHANNELS[0]
    actor = Actor(person=who, channel=channel, locale=who.locale, nonce="")
    message, metadata = state.new_id(), interact._metadata(state, actor, kind)
    pressed = interact._metadata(state, actor, COMPONENT) | {"interacted_message_id": message}
    metadata |= (
        {"triggering_interaction_metadata": pressed} if kind == MODAL_SUBMIT else {"interacted_message_id": message}
    )
    interaction = Interaction(
        id=metadata["id"], token=state.interactions.new_token(), kind=kind, person_id=who.id, channel_id=channel.id,
        locale=who.locale, nonce="", metadata=metadata,
    )  # fmt: skip
    state.interactions.open(interaction)
    payload = interact._payload(state, actor, interaction, data) | claims
    payload["channel"] = payload["channel"] | {"id": payload["channel_id"]}
    payload["message"] = _message(message, payload["channel_id"], data)
    if payload.get("guild_id") == OTHER_GUILD:  # there they may everything
        payload["member"] = payload["member"] | {"permissions": ALL_PERMISSIONS}
    await state.gateway.dispatch("INTERACTION_CREATE", payload)


def _message(message: str, channel: str, data: dict[str, Any]) -> dict[str, Any]:
    """Enough of one to be read: it stands where the claim says, with the button."""
    button = {"type": 2, "id": 1, "style": 2, "label": "x", "custom_id": data["custom_id"]}
    return {
        "id": message, "channel_id": channel, "author": people.BOT.user(), "content": "", "type": 0,
        "timestamp": people.JOINED_AT, "edited_timestamp": None, "tts": False, "mention_everyone": False,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": False, "flags": 0,
        "components": [{"type": 1, "id": 2, "components": [button]}] if "component_type" in data else [],
    }  # fmt: skip
