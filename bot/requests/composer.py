"""Completes drafts: what one leaves open is filled in, and the pictures that come along are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec

from bot.jobs.errors import DiskFull, PainterBroken, PainterLoading
from bot.jobs.job import Requester
from bot.requests import draft as drafts
from bot.requests.defaults import Defaults
from bot.requests.draft import NO_PICTURES, Pictures, RequestDraft
from bot.requests.styles import StyleBook
from bot.storage.blobs import BlobStore
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

    def complete(self, draft: RequestDraft, by: Requester, pictures: Pictures = NO_PICTURES) -> ImageRequest:
        """The request that this draft means here. Raises Invalid refusals, PainterLoading, PainterBroken."""
        if isinstance(draft.style, str):
            draft = replace(draft, style=self._styles.resolve(draft.style, prompt=draft.prompt, by=by))
        return drafts.complete(
            draft,
            card=self.card(),
            defaults=self._defaults.of_pictures(by),
            most_steps=self._defaults.most_steps,
            seed=self.seed(),
            pictures=pictures,
        )

    def check(self, request: ImageRequest) -> None:
        """Raise the refusal that it meets with the loaded model, or under the owner's ceiling."""
        drafts.fits(request, card=self.card(), most_steps=self._defaults.most_steps)

    async def stored(self, request: ImageRequest, pictures: Pictures) -> ImageRequest:
        """The same with its own pictures stored, under their names. Raises DiskFull."""
        if not pictures:
            return request
        if await asyncio.to_thread(self._blobs.is_short_of, self._defaults.owner.least_free):
            raise DiskFull
        names = {field: await self._blobs.put(content) for field, content in pictures.items()}
        control = request.control
        if control is not None and "control" in names:
            control = msgspec.structs.replace(control, picture=names["control"])
        return msgspec.structs.replace(request, **names | {"control": control})
