"""The engines that are there, and which of them holds which job. In memory, and only there.

An unclaimed job is one whose engine has yet to say that it still has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from bot.jobs.job import Job
from bot.queue.engine import Engine, EngineLink, EngineView, Order
from bot.queue.fair_queue import Turn
from protocol.card import ModelCard
from protocol.messages import EngineHello
from protocol.request import ImageRequest

LOCAL = "local"  # the name of the bot's own engine until it says another


class Engines:
    """Bookkeeping without any waiting: by name those that are there, or have a grace period to come back."""

    def __init__(self) -> None:
        self._known: ModelCard | None = None  # of the last model that was here, or of the one that is expected
        self.by_name: dict[str, Engine] = {}
        self.unclaimed: set[str] = set()
        self._holders: dict[str, str] = {}  # job -> engine
        self._loading: dict[str, EngineView] = {}

    @property
    def card(self) -> ModelCard | None:
        """What people are offered: the known model while anybody has it, with all that its engines can do together."""
        return self.card_with(None)

    @property
    def any_ready(self) -> bool:
        """Whether one is there at this moment."""
        return any(engine.link is not None for engine in self.by_name.values())

    @property
    def trouble(self) -> str | None:
        """Why nobody can paint: no engine is there, and each that comes up has a problem."""
        problems = [view.problem for view in self._loading.values()]
        return None if self.by_name or not all(problems) else next(iter(problems), None)

    def loading(self, name: str, model: str, problem: str | None) -> None:
        """An engine comes up, or cannot."""
        self._loading.pop(LOCAL, None)
        self._loading[name] = EngineView(
            id=name,
            name=model,
            model_id=model,
            device="",
            dtype="",
            threads=0,
            memory=0,
            policy="",
            state="loading",
            speed=None,
            problem=problem,
        )

    def not_loading(self, name: str) -> EngineView | None:
        """It is ready, or gone; how it was seen while it came up."""
        return self._loading.pop(name, None)

    def expect(self, card: ModelCard) -> None:
        """This model is offered until an engine says otherwise."""
        self._known = card

    def join(self, link: EngineLink, hello: EngineHello) -> Engine:
        """The engine that introduces itself on this line; an older line of the same engine is closed."""
        self.not_loading(LOCAL)
        self.not_loading(hello.engine)
        self._known = self.card_with(hello)
        engine = self.by_name.setdefault(hello.engine, Engine(hello=hello, link=link))
        if engine.link is not None and engine.link is not link:
            engine.link.close("another connection of the same engine took its place")
        engine.hello, engine.link, engine.dismissed = hello, link, False
        return engine

    def has_new_card(self, link: EngineLink, hello: EngineHello) -> bool:
        """Whether this is an engine on a line that holds, which can do something else than before."""
        engine = self.by_name.get(hello.engine)
        return engine is not None and engine.link is link and engine.hello.card != hello.card

    def forget(self, engine: Engine) -> None:
        """It is gone for good, unless it came back or still holds something.

        Called once for each time that its line broke: by the last of them it may have been forgotten and be there anew.
        """
        name = engine.hello.engine
        if self.by_name.get(name) is engine and engine.link is None and not engine.orders:
            del self.by_name[name]

    def views(self) -> tuple[EngineView, ...]:
        """Every engine that is there, comes up, or has just been lost."""
        return tuple((self._loading | {name: engine.view() for name, engine in self.by_name.items()}).values())

    def card_with(self, joining: EngineHello | None) -> ModelCard | None:
        """What people are offered once this engine is there as well."""
        others = [each.hello for each in self.by_name.values() if not each.dismissed]
        cards = [each.card for each in others if joining is None or each.engine != joining.engine]
        if joining is not None:
            cards.append(joining.card)
        known = self._known
        if not cards:
            return known
        model = known.id if known is not None and any(card.id == known.id for card in cards) else cards[-1].id
        same = [card for card in cards if card.id == model]
        if len(same) == 1:  # as nearly always; asked ten times for each request
            return same[0]
        features = dict.fromkeys(feature for card in same for feature in card.features)
        return msgspec.structs.replace(
            same[-1],
            features=tuple(features),
            loras=tuple(dict.fromkeys(name for card in same for name in card.loras)),
            unused_tensors={name: count for card in same for name, count in card.unused_tensors.items()},
            controls=tuple(dict.fromkeys(kind for card in same for kind in card.controls)),
        )

    @property
    def has_room(self) -> bool:
        """Whether any engine takes one job more."""
        return any(engine.has_room for engine in self.by_name.values())

    def match(self, line: Iterable[Turn], jobs: Mapping[str, Job]) -> tuple[Turn, Engine] | None:
        """Whose turn it is, and where.

        A suspect, and with it everything behind it, waits for an empty engine; not where none there can do it.
        """
        if not self.has_room:
            return None
        for turn in line:
            job = jobs[turn.ticket.job]
            if (engine := self.idle(job)) is not None:
                return turn, engine
            if not self.has_room or (job.suspect and not self.is_beyond_all(job.request)):
                return None
        return None

    def idle(self, job: Job) -> Engine | None:
        """The engine with room that would be done with this job first, or None where it had better wait.

        It waits for an engine that can do it, an empty one where it is suspect, and for a faster one that would be
        done sooner than the line behind a slow one.
        """
        able = self._able(job)
        with_room = [engine for engine in able if engine.has_room and not (job.suspect and engine.orders)]
        if any(engine.pace is None for engine in with_room):
            return min(with_room, key=lambda engine: len(engine.orders))
        best = min(with_room, key=lambda engine: engine.done_in(job), default=None)
        if best is None or not best.orders:
            return best
        here = best.done_in(job)
        return None if any(other.done_in(job) < here for other in able if not other.dismissed) else best

    def is_beyond_all(self, request: ImageRequest) -> bool:
        """Whether there are engines that stay, and none of them can do it."""
        staying = [engine for engine in self.by_name.values() if not engine.dismissed]
        return bool(staying) and not any(engine.hello.card.can_paint(request) for engine in staying)

    def _able(self, job: Job) -> list[Engine]:
        """Those that can do it. A model that nobody has any more is replaced by one that can do the same."""
        able = [engine for engine in self.by_name.values() if engine.hello.card.can_paint(job.request)]
        return [engine for engine in able if engine.hello.card.id == job.model_id] or able

    def holder(self, job_id: str) -> str | None:
        """The engine that has this job."""
        return self._holders.get(job_id)

    def inherit(self, job_id: str, engine: str) -> None:
        """The last bot process had given this job to that engine, which is expected back."""
        self._holders[job_id] = engine
        self.unclaimed.add(job_id)

    def give(self, engine: Engine, job: Job, share: float) -> None:
        """This engine has the job, or `share` of its pictures."""
        self._holders[job.id] = engine.hello.engine
        self.unclaimed.discard(job.id)
        steps = max(job.request.steps - job.request.first_step, 1)
        engine.orders.setdefault(job.id, Order(cost=job.cost * share, alone=job.suspect, steps=steps))

    def heard_of(self, link: EngineLink, name: str, job: Job | None, attempt: int) -> Order | None:
        """This engine's order for the job at this attempt; anything else is an echo of the past.

        So is what an older line of the engine still brings: it would end the grace period of a job that nobody has.
        """
        engine = self.by_name.get(name)
        if job is None or self.holder(job.id) != name or job.attempt != attempt:
            return None
        if engine is None or engine.link is not link:
            return None
        self.unclaimed.discard(job.id)
        return engine.orders.get(job.id)

    def let_go(self, job_id: str) -> tuple[Engine, Order] | None:
        """Nobody has this job any more; returns who had."""
        self.unclaimed.discard(job_id)
        engine = self.by_name.get(self._holders.pop(job_id, ""))
        order = None if engine is None else engine.orders.pop(job_id, None)
        return None if engine is None or order is None else (engine, order)
