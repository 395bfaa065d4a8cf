"""Orders whose prompt is written out before they are painted: one at a time, as they came, a few tokens a turn."""

from __future__ import annotations

from collections import deque

import msgspec

from engine.worker.pipeline.enhance import PromptDraft, PromptWriter
from protocol.messages import Enhanced, Generate, Started

TOKENS = 4  # a turn, so that a step waits no longer than for a few of them


class EnhanceQueue:
    """`writer` is None where the encoder cannot write; then nothing ever waits here."""

    def __init__(self, writer: PromptWriter | None) -> None:
        self._writer = writer
        self._waiting: deque[Generate] = deque()
        self._draft: PromptDraft | None = None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to write."""
        return not self._waiting

    @property
    def wants_all(self) -> bool:
        """Whether others should not begin now: the writer does not fit beside them, and waits until they are done."""
        return bool(self._waiting) and self._writer is not None and self._writer.visits

    def try_enqueue(self, order: Generate) -> bool:
        """Whether this order's prompt is to be written out here; if so it waits for that."""
        if self._writer is None or not order.request.to_be_written or not order.request.prompt:
            return False
        self._waiting.append(order)
        return True

    def next_order(self, *, alone: bool) -> Generate | None:
        """The order whose turn it is, if it may be written now; `alone` while nobody is being painted."""
        return self._waiting[0] if self._waiting and (alone or not self.wants_all) else None

    def withdraw(self, job: str) -> list[Generate]:
        """Take a job's orders out."""
        gone = [order for order in self._waiting if order.job == job]
        if gone and gone[0] is self._waiting[0]:
            self._draft = None
        self._waiting = deque(order for order in self._waiting if order.job != job)
        return gone

    def write_some(self) -> tuple[list[Started | Enhanced], Generate | None]:
        """Some more tokens of the first order: what is to be said of it, and the order once its prompt is there.

        After an error the draft begins anew, and comes out the same.
        """
        assert self._writer is not None
        order, draft = self._waiting[0], self._draft
        said: list[Started | Enhanced] = []
        if draft is None:
            said.append(Started(job=order.job, attempt=order.attempt))
            draft = self._writer.begin(order.request)
        self._draft = None
        self._writer.write(draft, order.request, draft.most if self._writer.visits else TOKENS)
        if draft.text:
            said.append(Enhanced(job=order.job, attempt=order.attempt, text=draft.text, done=draft.done))
        if not draft.done:
            self._draft = draft
            return said, None
        self._waiting.popleft()
        request = msgspec.structs.replace(order.request, enhanced=draft.text)
        return said, msgspec.structs.replace(order, request=request)
