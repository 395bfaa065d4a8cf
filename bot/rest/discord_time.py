"""The time of day by Discord's clock: tokens, limits and what people read go by that, not by this machine's."""

from __future__ import annotations

import logging
import time
from email.utils import parsedate_to_datetime

from bot.jobs.ids import WallClock

_CLOSE = 2.0  # seconds: the header tells whole ones, and an answer travels
_WORTH_A_LINE = 60.0  # seconds

_log = logging.getLogger(__name__)


class DiscordTime:
    """A WallClock: `host`, set right by every answer of Discord's that says the time."""

    def __init__(self, host: WallClock = time.time) -> None:
        self._host = host
        self._ahead = 0.0  # seconds by which the host is

    def __call__(self) -> float:
        return self._host() - self._ahead

    def heard(self, date: str) -> None:
        """The `Date` of an answer that has just come; one that is none changes nothing."""
        try:
            told = parsedate_to_datetime(date).timestamp() + 0.5
        except ValueError:
            return
        ahead = self._host() - told
        if abs(ahead - self._ahead) <= _CLOSE:
            return
        if abs(ahead) > _WORTH_A_LINE and abs(ahead - self._ahead) > _WORTH_A_LINE:
            way = "fast" if ahead > 0 else "slow"
            _log.warning("the clock of this machine is %d s %s; Discord's is used instead", abs(ahead), way)
        self._ahead = 0.0 if abs(ahead) <= _CLOSE else ahead
