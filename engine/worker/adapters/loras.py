"""The LoRAs of a folder: which there are, and which of them are applied to the transformer in a forward.

They apply to the transformer as a whole, so samples that want different ones cannot share a forward.
"""

from __future__ import annotations

import logging
import unicodedata
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch

from engine.worker.adapters import lora_files
from engine.worker.adapters.lora_files import LoraProblem
from engine.worker.adapters.lora_layers import Change, Changed
from engine.worker.adapters.lora_names import Catalogue, changeable
from protocol.card import ModelCard
from protocol.request import Lora

KEPT = 4  # files whose weights stay in memory after their last picture
FEATURE = "lora"
LONGEST_NAME = 100  # characters: Discord's limit for a choice

log = logging.getLogger(__name__)

Stamp = tuple[str, int, int]  # a file's path, its time in nanoseconds, its size: another content is another file
Changes = Mapping[str, Sequence[Change]]  # by the layer's name


class LoraGone(Exception):
    """No file of this name lies in the folder any more."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraSet:
    """What is applied in a sample's forwards: files with their weights. Equal ones may share a forward."""

    pieces: tuple[tuple[Stamp, float], ...] = ()
    changes: Sequence[Changes] = field(default=(), compare=False)  # one for each, once they are loaded


NO_LORAS = LoraSet()


class Loras:
    """Looks after one folder and one transformer. `look` may be called beside a forward; all else in its thread."""

    def __init__(
        self, transformer: Any, folder: Path | None = None, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._transformer = transformer
        self._folder = folder
        self._device, self._dtype = device, dtype
        self._layers = changeable(transformer)
        self._catalogue = Catalogue(self._layers)
        self._stamps: dict[str, Stamp] = {}
        self._unused: dict[Stamp, tuple[str, ...]] = {}  # names of tensors
        self._problems: dict[Stamp, str] = {}
        self._loaded: OrderedDict[Stamp, Changes] = OrderedDict()
        self._applied = NO_LORAS
        self.look()

    @property
    def names(self) -> tuple[str, ...]:
        """Those that can be asked for."""
        return tuple(self._stamps)

    @property
    def kept(self) -> tuple[Stamp, ...]:
        """Those in memory, the last used at the end."""
        return tuple(self._loaded)

    @property
    def problem(self) -> str:
        """What is wrong with the folder or a file in it, in one sentence, or nothing."""
        if self._folder is not None and not self._folder.is_dir():
            return f"There is no LoRA folder {self._folder}."
        return next(iter(self._problems.values()), "")

    def on(self, card: ModelCard) -> ModelCard:
        """The card with what can be asked for."""
        features = [one for one in card.features if one != FEATURE] + ([FEATURE] if self.names else [])
        unused = {name: len(self._unused[stamp]) for name, stamp in self._stamps.items() if self._unused[stamp]}
        return msgspec.structs.replace(card, features=tuple(features), loras=self.names, unused_tensors=unused)

    def look(self) -> bool:
        """Read the folder anew; whether there is something else to be asked for. A bad file is named in the log."""
        if self._folder is None:
            return False
        stamps: dict[str, Stamp] = {}
        problems: dict[Stamp, str] = {}
        unused: dict[Stamp, tuple[str, ...]] = {}
        for file in sorted(self._folder.glob("*.safetensors"), key=lambda one: one.name.casefold()):
            stamp = _stamp(file)
            if stamp is None:
                continue
            if stamp in self._problems:
                problems[stamp] = self._problems[stamp]
                continue
            try:
                unused[stamp] = self._unused[stamp] if stamp in self._unused else self._check(file)
            except LoraProblem as problem:
                problems[stamp] = str(problem)
                log.warning("%s", problem)
                continue
            name = _composed(file.stem)
            stamps[file.stem if name in stamps else name] = stamp
        changed = stamps != self._stamps or problems.keys() != self._problems.keys()
        self._stamps, self._problems, self._unused = stamps, problems, unused
        return changed

    def planned(self, wanted: Sequence[Lora]) -> LoraSet:
        """The LoRAs of a request, before anything is loaded for it."""
        known = [(self._stamp_of(one.name) or (one.name, 0, 0), one.weight) for one in wanted]
        return LoraSet(pieces=tuple(sorted(known)))

    def loaded(self, wanted: Sequence[Lora]) -> LoraSet:
        """The LoRAs of a request, loaded. Raises LoraGone, LoraProblem."""
        for one in wanted:
            stamp = self._stamp_of(one.name)
            if stamp is None or _stamp(Path(stamp[0])) is None:
                raise LoraGone(one.name)
        planned = self.planned(wanted)
        return LoraSet(pieces=planned.pieces, changes=[self._changes(stamp) for stamp, _ in planned.pieces])

    def apply(self, lora_set: LoraSet) -> None:
        """Have the next forwards apply these; with none, the transformer is bit for bit as it was loaded."""
        if lora_set == self._applied:
            return
        added: dict[str, list[tuple[Change, torch.Tensor]]] = {}
        for (_, weight), changes in zip(lora_set.pieces, lora_set.changes, strict=True):
            scalar = torch.tensor(weight, device=self._device)
            for name, several in changes.items():
                added.setdefault(name, []).extend((change, scalar) for change in several)
        for name, layer in self._layers.items():
            parent, _, leaf = name.rpartition(".")
            changed = Changed(layer, added[name]) if name in added else layer
            self._transformer.get_submodule(parent).register_module(leaf, changed)
        self._applied = lora_set

    def _stamp_of(self, name: str) -> Stamp | None:
        return self._stamps.get(name) or self._stamps.get(_composed(name))

    def _check(self, file: Path) -> tuple[str, ...]:
        """The tensors of a file that would not be used, by name; said in the log. Raises LoraProblem."""
        if len(file.stem) > LONGEST_NAME:
            raise LoraProblem(file.name, f"has a name of more than {LONGEST_NAME} characters")
        unused = lora_files.check(file, self._catalogue)
        if unused:
            log.warning(
                "The LoRA file %s brings %d tensors that this model has no place for, such as %s; the others are used.",
                file.name, len(unused), unused[0],
            )  # fmt: skip
        return unused

    def _changes(self, stamp: Stamp) -> Changes:
        """Loaded now or still: of all files the last KEPT stay."""
        if stamp not in self._loaded:
            read = lora_files.read(Path(stamp[0]), self._catalogue, device=self._device, dtype=self._dtype)
            self._loaded[stamp] = read
        self._loaded.move_to_end(stamp)
        while len(self._loaded) > KEPT:
            self._loaded.popitem(last=False)
        return self._loaded[stamp]


def _composed(name: str) -> str:
    """A name as people type it: macOS keeps each accent as a character of its own."""
    return unicodedata.normalize("NFC", name)


def _stamp(file: Path) -> Stamp | None:
    """None where it has gone meanwhile."""
    try:
        found = file.stat()
    except OSError:
        return None
    return str(file), found.st_mtime_ns, found.st_size
