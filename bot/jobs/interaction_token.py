"""The token of an interaction: what edits its answer, and for how long Discord takes it."""

from __future__ import annotations

from dataclasses import dataclass, field

TOKEN_LIFE = 900.0  # seconds, https://docs.discord.com/developers/interactions/receiving-and-responding
SURE_FOR = TOKEN_LIFE - 30.0  # seconds; less what a slow upload takes


@dataclass(frozen=True, kw_only=True, slots=True)
class InteractionToken:
    """Edits the answer of an interaction."""

    token: str = field(repr=False)
    application: int
    at: float  # when the interaction was made, Unix seconds

    def works(self, now: float) -> bool:
        """Whether something begun at this moment (Unix seconds) will still find it alive."""
        return now - self.at < SURE_FOR
