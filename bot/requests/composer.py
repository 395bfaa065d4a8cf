"""Completes wishes: what one leaves open is filled in, what it brings along is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec

from bot.jobs.errors import DiskFull, PainterBroken, PainterLoading
from bot.jobs.job import Requester
from bot.requests import wish as compose
from bot.requests.defaults import Defaults
from bot.requests.styles import StyleBook
from bot.requests.wish import Wish
from bot.storage.blobs import UNSTORED, BlobStore
from protocol.card import ModelCard
from protocol.request import ImageRequest


class Composer:
    """`known` is the card of the model that is loaded, if any is known; `trouble` why none can be; `seed` draws one."""

    def __init__(
        self,
        blobs: BlobStore,
        *,
        defaults: Defaults,
        styles: StyleBook,
        known: Callable[[], ModelCard | None],
        trouble: Callable[[], str | None],
        seed: Callable[[], int],
    ) -> None:
        self._blobs = blobs
        self._defaults = defaults
        self._styles = styles
        self._known = known
        self._trouble = trouble
        self.seed = seed

    def card(self) -> ModelCard:
        """What the loaded model can do. Raises PainterLoading before any was known, PainterBroken where none loads."""
        if (problem := self._trouble()) is not None:
            raise PainterBroken(problem=problem)
        card = self._known()
        if card is None:
            raise PainterLoading
        return card

    async def complete(
        self, wish: Wish, by: Requester, *, source: str | None = None, mask: str | None = None
    ) -> ImageRequest:
        """The request that this wish means here. Raises Invalid refusals, Unavailable and DiskFull.

        `source` and `mask` are SHA-256s of pictures that are stored; the wish's own are stored when all is well.
        """
        card = self.card()
        if isinstance(wish.style, str):
            wish = replace(wish, style=self._styles.resolve(wish.style, prompt=wish.prompt, by=by))
        if wish.source is not None:
            source, mask = UNSTORED, None
        if wish.mask is not None:
            mask = UNSTORED
        request = compose.complete(
            wish,
            card=card,
            tastes=self._defaults.tastes(by),
            most_steps=self._defaults.owner.most_steps,
            seed=self.seed(),
            source=source,
            mask=mask,
        )
        guide = wish.control.picture if wish.control is not None else None
        given = {"source": wish.source, "mask": wish.mask, "control": guide}
        new = {field: content for field, content in given.items() if content is not None}
        if new and await asyncio.to_thread(self._blobs.is_short_of, self._defaults.owner.least_free):
            raise DiskFull
        stored = {field: await self._blobs.put(content) for field, content in new.items()}
        followed = request.control
        if followed is not None and "control" in stored:
            followed = msgspec.structs.replace(followed, picture=stored["control"])
        return msgspec.structs.replace(request, **stored | {"control": followed})
