"""Which model the engine of this machine paints with, and its change to another. Knows no process and no Discord."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from bot.jobs.errors import ModelChanging, NeedsOwner, NoEngineHere, SameModel, UnknownModel
from bot.jobs.events import EngineState, Events
from bot.jobs.job import Requester
from bot.queue.engines import LOCAL
from bot.storage.database import STORAGE_ERRORS
from bot.storage.settings import SettingStore, UnreadableSetting

PUBLISHED = "Tongyi-MAI/Z-Image-Turbo"
ALWAYS = ("auto", "starter", PUBLISHED)
NAMED, MOST_NAMED = 100, 12  # characters of a name, names in a refusal
FILES = (".safetensors", ".gguf")
_KEY = "model"  # of the settings' row

Phase = Literal["finishing", "loading", "returning", "ready", "failed"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """How far a change is: what is being painted is finished, the model loads, or the old one does again.

    It ends ready or failed. `problem` is one sentence, once there is one.
    """

    phase: Phase
    model: str  # as people call it
    problem: str = ""

    @property
    def over(self) -> bool:
        return self.phase in ("ready", "failed")


class ModelSwitch:
    """One change under way: whoever keeps the engine tells it how far that is. An iterator of its stages."""

    def __init__(
        self, model: str, *, tell: Callable[[Phase, str], Stage], settle: Callable[[], Awaitable[None]]
    ) -> None:
        self.model = model
        self.settle = settle  # the new model paints: keep the choice
        self._tell = tell
        self._stages = asyncio.Queue[Stage]()

    def tell(self, phase: Phase, problem: str = "") -> None:
        """The next stage."""
        self._stages.put_nowait(self._tell(phase, problem))

    async def stages(self) -> AsyncIterator[Stage]:
        """All of them, up to the last."""
        while True:
            stage = await self._stages.get()
            yield stage
            if stage.over:
                return


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What the owner chose, and what the settings file said when that was."""

    model: str
    instead_of: str


class LocalEngine(Protocol):
    """The engine of this machine, by its keeper."""

    @property
    def model(self) -> str:
        """What it was started with."""
        ...

    def switch(self, change: ModelSwitch) -> None:
        """Begin a change; none is under way. The keeper ends it, come what may."""
        ...


class Models:
    """The owner's choice. Without an engine on this machine there is none to be made."""

    def __init__(self, settings: SettingStore, events: Events) -> None:
        self._settings = settings
        self._events = events
        self._engine: LocalEngine | None = None
        self._configured = ""
        self._folder: Path | None = None
        self.stage: Stage | None = None  # of the last change

    @property
    def changing(self) -> bool:
        """Whether a change is under way."""
        return self.stage is not None and not self.stage.over

    def first(self, configured: str) -> str:
        """What to start with: the owner's choice, unless the settings have come to name another model since then."""
        if (row := self._settings.get("owner", None, _KEY)) is not None:
            with suppress(UnreadableSetting):
                choice: Choice = self._settings.value(row, Choice)
                return choice.model if choice.instead_of == configured else configured
        return configured

    def attach(self, engine: LocalEngine, *, configured: str, folder: Path | None) -> None:
        """There is an engine here. `folder` holds models to offer by name."""
        self._engine, self._configured, self._folder = engine, configured, folder

    async def current(self) -> str | None:
        """What the engine was started with, as people call it; None where there is no engine here."""
        if self._engine is None:
            return None
        return _name_of(self._engine.model, await self.offered())

    async def offered(self) -> dict[str, str]:
        """Models by name, each with what the engine is told."""
        names = {name: name for name in (*ALWAYS, self._configured) if name}
        if self._folder is not None:
            names |= await asyncio.to_thread(_listed, self._folder)
        return names

    async def change(self, name: str, *, by: Requester) -> AsyncIterator[Stage]:
        """Begin it; the iterator tells its stages, and nothing depends on who listens.

        Raises NeedsOwner, NoEngineHere, ModelChanging, UnknownModel, SameModel.
        """
        if not by.owner:
            raise NeedsOwner
        if self._engine is None:
            raise NoEngineHere
        offered = await self.offered()
        if name not in offered:
            raise UnknownModel(model=name[:NAMED], models=_some(offered))
        if self.changing:
            raise ModelChanging
        model = offered[name]
        if model == self._engine.model:
            raise SameModel(model=name)

        def tell(phase: Phase, problem: str) -> Stage:
            self.stage = Stage(phase=phase, model=name, problem=problem)
            self._events.publish(EngineState(engine=LOCAL, state="ready" if self.stage.over else "loading", model=name))
            return self.stage

        change = ModelSwitch(model, tell=tell, settle=lambda: self._settle(model, by))
        self.stage = Stage(phase="finishing", model=name)
        self._engine.switch(change)
        return change.stages()

    async def _settle(self, model: str, by: Requester) -> None:
        """Keep the choice; that of the settings file needs no keeping."""
        try:
            if model == self._configured:
                await self._settings.drop("owner", None, _KEY, by=by.principal)
            else:
                choice = Choice(model=model, instead_of=self._configured)
                await self._settings.put("owner", None, _KEY, choice, by=by.principal)
        except STORAGE_ERRORS as error:
            log.error("the choice of %s cannot be kept, it holds until the bot ends: %s", model, error)


def _listed(folder: Path) -> dict[str, str]:
    """Diffusers folders and weight files in there."""
    folder = folder.expanduser()
    found = [path for path in sorted(folder.iterdir()) if _is_model(path)] if folder.is_dir() else []
    return {path.name: str(path.resolve()) for path in found}


def _is_model(path: Path) -> bool:
    return path.suffix.lower() in FILES if path.is_file() else (path / "model_index.json").is_file()


def _some(names: Iterable[str]) -> str:
    """As many as a sentence can hold."""
    names = list(names)
    return ", ".join([*names[:MOST_NAMED], *(["…"] if len(names) > MOST_NAMED else [])])


def _name_of(model: str, offered: dict[str, str]) -> str:
    return next((name for name, told in offered.items() if told == model), model)
