"""What a person is told of a picture that failed: for each error its code, and what its sentence names."""

from __future__ import annotations

import logging

from engine.worker.adapters.controlnet import BadControl
from engine.worker.adapters.lora_files import LoraProblem
from engine.worker.adapters.loras import LoraGone
from engine.worker.device import memory
from engine.worker.edits.inpaint import NothingToPaint
from engine.worker.image.pixels import BadSource
from engine.worker.pipeline.flat_pictures import FlatPicture
from engine.worker.pipeline.prepare import PictureTooLarge
from engine.worker.pipeline.text_encoder import TooManyTokens

OUT_OF_MEMORY, BUG = "out-of-memory", "worker-error"
OURS = (OUT_OF_MEMORY, BUG)  # no request that cannot be painted: these are logged with their traceback

log = logging.getLogger(__name__)


def failure_of(error: Exception) -> tuple[str, dict[str, str | float]]:
    """Code and arguments of `Failed`."""
    match error:
        case TooManyTokens():
            return "prompt-too-many-tokens", {"tokens": error.tokens, "limit": error.limit}
        case PictureTooLarge():
            return "too-large", {"width": error.width, "height": error.height, "most": error.most}
        case NothingToPaint():
            return "nothing-to-paint", {}
        case BadSource():
            return "bad-source", {}
        case BadControl():
            return "bad-control", {}
        case LoraGone():
            return "lora-gone", {"lora": error.name}
        case LoraProblem():
            log.warning("%s", error)
            return "lora-unusable", {"file": error.file}
        case FlatPicture():
            return "flat-picture", {}
        case _:
            return OUT_OF_MEMORY if memory.is_out_of_memory(error) else BUG, {}
