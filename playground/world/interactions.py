"""Interactions between their birth on the page and the end of their token: who asked, what was answered."""

import asyncio
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from playground.wire import errors
from playground.wire.jsons import Json
from playground.wire.snowflakes import first_at, seconds_of
from playground.world.audience import Audience
from playground.world.rules import Rules
from playground.world.store import Store

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
DID_NOT_RESPOND = "The application did not respond"


@dataclass(kw_only=True, slots=True)
class Interaction:
    """`state`: waiting -> (answering ->) answered | thinking | failed. `original` is what @original means."""

    id: str
    token: str
    kind: int
    person_id: str
    channel_id: str
    locale: str
    nonce: str
    metadata: Json
    asked: Json = field(default_factory=dict[str, Any])
    message_id: str | None = None
    state: str = "waiting"
    original: str | None = None
    modal: Json | None = None


class Interactions:
    """All that are alive, kept in the store so that tokens outlive a restart of the playground."""

    def __init__(self, *, store: Store, rules: Rules, audience: Audience) -> None:
        self._store = store
        self._rules = rules
        self._audience = audience
        self._by_token: dict[str, Interaction] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._outcomes: dict[str, asyncio.Future[Json]] = {}
        self._quiet: set[str] = set()
        for body in store.interactions_since(first_at(rules.wall() - 2 * rules.token_life)):
            interaction = Interaction(**body)
            self._by_token[interaction.token] = interaction

    def new_token(self) -> str:
        return secrets.token_urlsafe(48)

    def open(self, interaction: Interaction, *, quiet: bool = False) -> "asyncio.Future[Json]":
        """Starts the clock. The result is the callback's body, or {"type": 0} when nobody answered in time.

        The page hears nothing of a quiet interaction: whoever waits for the result goes on from there.
        """
        self._forget_old()
        self._by_token[interaction.token] = interaction
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Json] = loop.create_future()
        self._outcomes[interaction.id] = outcome
        if quiet:
            self._quiet.add(interaction.id)
        self._timers[interaction.id] = loop.call_later(self._rules.answer_within, self._give_up, interaction)
        self._save(interaction)
        self._tell_page(interaction, "sent")
        return outcome

    def by_token(self, token: str) -> Interaction:
        """For webhook routes: only answered interactions have a webhook, and only for a while."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.state in ("waiting", "failed"):
            raise errors.unknown_webhook()
        if self._rules.wall() - seconds_of(interaction.id) > self._rules.token_life:
            raise errors.invalid_webhook_token()
        return interaction

    def to_answer(self, interaction_id: str, token: str) -> Interaction:
        """For the callback route: known, in time, not yet answered."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.id != interaction_id or interaction.state == "failed":
            raise errors.unknown_interaction()
        if interaction.state != "waiting":
            raise errors.already_acknowledged()
        return interaction

    def claim(self, interaction: Interaction) -> None:
        """The answer is valid and will be shown: from here on nobody else answers and no clock runs out."""
        self.to_answer(interaction.id, interaction.token)
        interaction.state = "answering"
        self._stop_timer(interaction)

    def by_id(self, interaction_id: str) -> Interaction | None:
        return next((found for found in self._by_token.values() if found.id == interaction_id), None)

    def settle(self, interaction: Interaction, state: str, callback: Json) -> None:
        """The first answer is here."""
        interaction.state = state
        self._stop_timer(interaction)
        self._save(interaction)
        modal = interaction.modal
        if modal is not None and interaction.id not in self._quiet:
            event: Json = {
                "type": "modal",
                "nonce": interaction.nonce,
                "modal": {"interaction_id": interaction.id} | modal,
            }
            self._audience.tell_viewers(event, only=interaction.person_id)
        self._tell_page(interaction, state)
        self._finish(interaction, callback)

    def thought(self, interaction: Interaction) -> None:
        """A deferred answer is here."""
        if interaction.state == "thinking":
            interaction.state = "answered"
            self._save(interaction)
            self._tell_page(interaction, "answered")

    def forget_modal(self, interaction: Interaction) -> None:
        interaction.modal = None
        self._save(interaction)

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for outcome in self._outcomes.values():
            outcome.cancel()

    def _forget_old(self) -> None:
        """Tokens are told "expired" for a while after their end, then nothing is known of them."""
        oldest = self._rules.wall() - 2 * self._rules.token_life
        while self._by_token and seconds_of(next(iter(self._by_token.values())).id) < oldest:
            del self._by_token[next(iter(self._by_token))]

    def _give_up(self, interaction: Interaction) -> None:
        interaction.state = "failed"
        self._stop_timer(interaction)
        self._save(interaction)
        self._tell_page(interaction, "failed", error=DID_NOT_RESPOND)
        self._finish(interaction, {"type": 0})

    def _finish(self, interaction: Interaction, callback: Json) -> None:
        self._quiet.discard(interaction.id)
        outcome = self._outcomes.pop(interaction.id, None)
        if outcome is not None and not outcome.done():
            outcome.set_result(callback)

    def _stop_timer(self, interaction: Interaction) -> None:
        timer = self._timers.pop(interaction.id, None)
        if timer is not None:
            timer.cancel()

    def _tell_page(self, interaction: Interaction, state: str, *, error: str | None = None) -> None:
        if interaction.kind != AUTOCOMPLETE and interaction.id not in self._quiet:
            event: Json = {"type": "interaction", "nonce": interaction.nonce, "state": state, "error": error}
            self._audience.tell_viewers(event, only=interaction.person_id)

    def _save(self, interaction: Interaction) -> None:
        if interaction.kind != AUTOCOMPLETE:
            self._store.put_interaction(interaction.id, interaction.token, asdict(interaction))
