"""How long a prompt is to the model, asked of an engine: the bot has no tokenizer."""

from __future__ import annotations

import asyncio
from itertools import count

from bot.queue.engines import Engines
from protocol.messages import CountTokens, TokensCounted

PATIENCE = 0.7  # seconds; Discord gives three for the whole answer


class TokenCounts:
    """Questions that engines have yet to answer."""

    def __init__(self, engines: Engines, *, patience: float = PATIENCE) -> None:
        self._engines = engines
        self._patience = patience
        self._tickets = count()
        self._waiting: dict[str, asyncio.Future[TokensCounted]] = {}

    async def of(self, texts: tuple[str, ...], *, model: str) -> TokensCounted | None:
        """The longest of these texts, as an engine with this model reads it. None where none answers in time."""
        able = (engine for engine in self._engines.by_name.values() if engine.hello.card.id == model)
        engine = next((engine for engine in able if engine.link is not None and not engine.dismissed), None)
        if engine is None:
            return None
        ticket = str(next(self._tickets))
        self._waiting[ticket] = answer = asyncio.get_running_loop().create_future()
        try:
            engine.send(CountTokens(ticket=ticket, texts=texts))
            async with asyncio.timeout(self._patience):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[ticket]

    def answered(self, event: TokensCounted) -> None:
        """An engine says so; nobody may be waiting any more."""
        answer = self._waiting.get(event.ticket)
        if answer is not None and not answer.done():
            answer.set_result(event)
