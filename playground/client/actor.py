"""Where somebody sits when they act: who they are, in which channel, in which language."""

from dataclasses import dataclass
from typing import Any

from playground.client.grammar import GrammarError
from playground.wire.jsons import Json
from playground.world import people
from playground.world.people import Channel, Person

_LANGUAGES = {"en": "en-US", "zh": "zh-CN", "es": "es-ES", "pt": "pt-BR", "sv": "sv-SE"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """`nonce` is the page's own name for the act, told back with what becomes of it."""

    person: Person
    channel: Channel
    locale: str
    nonce: str


def actor_of(body: Json, channel_id: Any = None) -> Actor:
    """From a request of the page; the channel may be known from elsewhere. Raises GrammarError."""
    written = str(body.get("locale") or people.GUILD_LOCALE)
    return Actor(
        person=person_of(body.get("person")),
        channel=channel_of(channel_id or body.get("channel")),
        locale=_LANGUAGES.get(written, written),
        nonce=str(body.get("nonce") or ""),
    )


def person_of(person_id: Any) -> Person:
    found = people.person_by_id(str(person_id))
    if found is None or found is people.BOT:
        raise GrammarError("Nobody here has this id.")
    return found


def channel_of(channel_id: Any) -> Channel:
    found = people.channel_by_id(str(channel_id))
    if found is None:
        raise GrammarError("There is no such channel.")
    return found
