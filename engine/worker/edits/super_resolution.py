"""A picture made larger by a super-resolution model, without words or seeds: tile by tile, in constant memory.

The model is a folder of transformers' class Swin2SRForImageSuperResolution. Its weights come into memory with the
first picture that wants them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from PIL import Image
from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

from engine.worker.device.memory import is_out_of_memory
from engine.worker.edits.upscale import Sheet, Tile, tiles
from engine.worker.image.pixels import Pixels, cover, to_bytes
from engine.worker.loading.weight_files import LoadingProblem, entries, read_json, weight_files
from engine.worker.scheduling.scheduler import Expected
from protocol.card import ModelCard
from protocol.request import UPSCALE_FACTOR, ImageRequest

TILE = 128  # pixels a side of the source that go through the model at once; it was trained on 64
NATIVE_PIXELS = (UPSCALE_FACTOR * TILE) ** 2  # of such a tile when it is enlarged
TOKENS = 8192  # what a tile counts as: more than may share a forward, so it is alone in its batch


def expected(request: ImageRequest) -> Expected:
    """What such a picture will take: as many steps as it has tiles."""
    laid = tiles(request.width, request.height, NATIVE_PIXELS)
    return Expected(tokens=TOKENS, rows=1, left=len(laid))


class SuperResolution:
    """The model of a folder. Raises LoadingProblem, in one sentence, for a folder that is none."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._folder = folder.expanduser()
        self._device = device
        self._config = _checked(self._folder)
        self._model: Any = None
        self.window: int = self._config.window_size
        self.factor: int = self._config.upscale

    def on(self, card: ModelCard) -> ModelCard:
        """The card of an engine that has this model."""
        features = dict.fromkeys([*card.features, "sharp"])
        return msgspec.structs.replace(card, features=tuple(features))

    def enlarge(self, pixels: Pixels) -> Pixels:
        """One tile (height, width, 3), `factor` times as large. Raises LoadingProblem with the first one."""
        height, width, _ = pixels.shape
        across, down = -width % self.window, -height % self.window
        # The class wants whole windows, and its image processor wants torchvision.
        padded = np.pad(pixels, ((0, down), (0, across), (0, 0)), mode="symmetric")
        values = torch.from_numpy(padded.astype(np.float32) / 255).permute(2, 0, 1)[None]
        with torch.inference_mode():
            larger = self._on_device()(pixel_values=values.to(self._device), return_dict=False)[0][0]
            kept = larger[:, : height * self.factor, : width * self.factor]
            if not torch.isfinite(kept).all():
                raise ArithmeticError(f"{self._folder} makes numbers that are not finite")
            return to_bytes(2 * kept - 1).cpu().numpy()

    def rest(self) -> None:
        """Leave the device until the next tile."""
        if self._model is not None and self._device.type != "cpu":
            self._model.to("cpu")

    def _on_device(self) -> Any:
        """In fp32: it is small, and no smaller type was proved for it."""
        if self._model is None:
            try:
                model = Swin2SRForImageSuperResolution.from_pretrained(
                    self._folder,
                    config=self._config,
                    local_files_only=True,
                    use_safetensors=True,
                    dtype=torch.float32,
                )
            except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
                if is_out_of_memory(error):
                    raise
                raise LoadingProblem(f"{self._folder} does not load: {_first_line(error)}.") from error
            self._model = model.eval().requires_grad_(False)
        return self._model.to(self._device)


class Enlargement(Sheet):
    """A picture on its way through the model: `width` x `height` pixels when all its tiles are done."""

    def __init__(self, source: Image.Image, width: int, height: int, model: SuperResolution) -> None:
        super().__init__(source, width, height, native_pixels=NATIVE_PIXELS)
        self._base = np.asarray(cover(source, width // UPSCALE_FACTOR, height // UPSCALE_FACTOR))
        self._model = model

    def step(self, number: int) -> None:
        """Enlarge a tile, which feathers into those before it."""
        tile = self.tiles[number]
        larger = self._model.enlarge(self._under(tile))
        if self._model.factor != UPSCALE_FACTOR:
            size = (tile.width, tile.height)
            larger = np.asarray(Image.fromarray(larger).resize(size, Image.Resampling.LANCZOS))
        self.paste(tile, larger)

    def rest(self) -> None:
        """Let the model leave the device until the next tile."""
        self._model.rest()

    def _under(self, tile: Tile) -> Pixels:
        y, x = tile.y // UPSCALE_FACTOR, tile.x // UPSCALE_FACTOR
        return self._base[y : y + tile.height // UPSCALE_FACTOR, x : x + tile.width // UPSCALE_FACTOR]


def _checked(folder: Path) -> Swin2SRConfig:
    """The configuration of a whole folder of this class that enlarges colour pictures."""
    if not folder.is_dir():
        raise LoadingProblem(f"There is no upscaler folder {folder}.")
    said = read_json(folder / "config.json")
    if said.get("model_type") != "swin2sr":
        raise LoadingProblem(f"{folder} is of type {said.get('model_type')}, not swin2sr.")
    try:
        config = Swin2SRConfig.from_dict(said)
        with torch.device("meta"):
            wanted = Swin2SRForImageSuperResolution(config)
    except (StrictDataclassError, ValueError, TypeError, AttributeError, RuntimeError, AssertionError) as error:
        raise LoadingProblem(f"{folder} does not load: {_first_line(error)}.") from error
    if config.upscale < UPSCALE_FACTOR or not config.upsampler or config.num_channels != 3:
        raise LoadingProblem(f"{folder} does not enlarge colour pictures.")
    there = {name for file in weight_files(folder) for name in entries(file)}
    missing = [name for name, _ in wanted.named_parameters() if name not in there]
    if missing:
        raise LoadingProblem(f"The weights in {folder} lack {missing[0]} and {len(missing) - 1} more.")
    return config


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(":.")
