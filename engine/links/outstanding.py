"""What this engine was asked for, and its endings that are not yet handed over; knows no transport and no torch."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

import msgspec

from protocol.messages import Cancelled, Enhanced, Event, Failed, Finished, Generate, Progress, Started, Stored

# Finished pictures wait here while the bot is away; beyond this the oldest are painted again when it asks.
HELD_BYTES = 256 * 1024 * 1024

Ending = Finished | Failed | Cancelled
Relabelled = TypeVar("Relabelled", bound=Started | Enhanced | Progress | Finished | Failed | Cancelled)


class Outstanding:
    """Open orders by job, and pictures that are finished, failed or cancelled, until the bot says `Stored`."""

    def __init__(self, *, held_bytes: int = HELD_BYTES) -> None:
        self._limit = held_bytes
        self._attempts: dict[str, int] = {}
        self._open: dict[str, set[int]] = {}
        self._held: OrderedDict[tuple[str, int], Ending] = OrderedDict()
        self._revoked: set[tuple[str, int]] = set()  # cancellations whose `Stored` may still be under way

    @property
    def running(self) -> tuple[tuple[str, int], ...]:
        """Jobs with pictures still to come, each with its attempt."""
        return tuple((job, self._attempts[job]) for job in self._open)

    @property
    def held(self) -> tuple[tuple[str, int], ...]:
        """Pictures (job, k) that the bot has yet to confirm, oldest first."""
        return tuple(self._held)

    def take_order(self, order: Generate) -> tuple[Generate | None, list[Ending]]:
        """What of `order` is new work, and which of its pictures have ended here already.

        An order that comes again, after a reconnect, repeats nothing; events then carry its newer attempt.
        """
        self._attempts[order.job] = max(order.attempt, self._attempts.get(order.job, 0))
        for k in order.wanted:
            if isinstance(self._held.get((order.job, k)), Cancelled):  # it is wanted after all
                del self._held[order.job, k]
                self._revoked.add((order.job, k))
        ready = [self._relabelled(self._held[order.job, k]) for k in order.wanted if (order.job, k) in self._held]
        under_way = self._open.get(order.job, set[int]())
        missing = [k for k in order.wanted if k not in under_way and (order.job, k) not in self._held]
        if not missing:
            return None, ready
        self._open[order.job] = under_way | set(missing)
        return msgspec.structs.replace(order, wanted=tuple(missing)), ready

    def note_event(self, event: Event) -> Event:
        """Note an event on its way out; returns it with the attempt under which the bot knows the job now."""
        if not isinstance(event, Started | Enhanced | Progress | Finished | Failed | Cancelled):
            return event
        event = self._relabelled(event)
        if isinstance(event, Finished | Failed | Cancelled):
            self._hold(event)
            self._close(event.job, event.k)
        return event

    def confirm(self, stored: Stored) -> None:
        """The bot has it on disk. Where that was said of a cancellation, what was painted since is still due."""
        key = (stored.job, stored.k)
        if key in self._revoked:
            self._revoked.discard(key)
            return
        self._held.pop(key, None)
        self._forget(stored.job)

    def unconfirmed(self) -> list[Ending]:
        """Everything to be sent again after a reconnect."""
        return [self._relabelled(event) for event in self._held.values()]

    def holds(self, job: str, k: int) -> bool:
        """Whether this picture still waits for `Stored`."""
        return (job, k) in self._held

    def _relabelled(self, event: Relabelled) -> Relabelled:
        attempt = self._attempts.get(event.job, event.attempt)
        return event if attempt == event.attempt else msgspec.structs.replace(event, attempt=attempt)

    def _hold(self, event: Ending) -> None:
        self._held[event.job, event.k] = event
        while len(self._held) > 1 and sum(map(_weight, self._held.values())) > self._limit:
            (job, _), _ = self._held.popitem(last=False)
            self._forget(job)

    def _close(self, job: str, k: int) -> None:
        if job in self._open:
            self._open[job].discard(k)
            if not self._open[job]:
                del self._open[job]
        self._forget(job)

    def _forget(self, job: str) -> None:
        if job not in self._open and not any(held == job for held, _ in self._held):
            self._attempts.pop(job, None)
            self._revoked = {key for key in self._revoked if key[0] != job}


def _weight(event: Ending) -> int:
    """Bytes worth counting."""
    return len(event.png) if isinstance(event, Finished) else 0
