"""What may make the transformer faster on a GPU: another attention backend, compiled blocks. Off by default.

A backend that cannot mask is never given a forward that needs a mask: most raise on one, xformers is silently wrong and
is not offered at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch.compiler.config

NATIVE = "native"
# Names of ours to diffusers' own. Only the first two accept the mask of a forward with rows of different lengths.
BACKENDS = {"native": "native", "cudnn": "_native_cudnn", "flash": "flash", "flash3": "_flash_3", "sage": "sage"}
WITH_MASK = ("native", "_native_cudnn")
# Where diffusers' advice ("install …") leads nowhere, or for an hour to a compiler.
WHENCE = {
    "flash": "`pip install flash-attn` compiles it",
    "flash3": "it is built from the folder hopper of https://github.com/Dao-AILab/flash-attention",
    "sage": "PyPI has the first generation alone; the second is built from https://github.com/thu-ml/SageAttention",
}
RECOMPILES = 64  # one row, several, several with a mask, for three kinds of block: more than torch's limit of 8


class BackendUnusable(Exception):
    """A backend that this machine does not have; the message is one sentence."""


class Attention:
    """The transformer's attention backend, exchanged where a forward needs a mask."""

    def __init__(self, transformer: Any, name: str = NATIVE) -> None:
        self._transformer = transformer
        self._chosen = BACKENDS.get(name, name)
        self._current = NATIVE
        if self._chosen == NATIVE:
            return
        try:
            self._use(self._chosen)
        except (RuntimeError, ValueError, ImportError) as error:
            reason, way = str(error).splitlines()[0].rstrip("."), WHENCE.get(name)
            raise BackendUnusable(
                f"The attention backend {name} cannot be used here: {reason}{f' ({way})' if way else ''}."
            ) from error

    def before(self, rows: Iterable[tuple[int, int]], *, controlled: bool = False) -> None:
        """Choose for the next forward. `rows` are the padded lengths of picture and caption of each of its rows.

        A ControlNet, which runs the transformer's refiners too, masks always.
        """
        masked = controlled or len(set(rows)) > 1
        wanted = NATIVE if masked and self._chosen not in WITH_MASK else self._chosen
        if wanted != self._current:
            self._use(wanted)

    def _use(self, backend: str) -> None:
        self._transformer.set_attention_backend(backend)
        self._current = backend


def compile_blocks(transformer: Any, *, backend: str = "inductor") -> None:
    """Compile the one class of block that nearly all of the time goes to; seconds, where the whole takes minutes."""
    torch.compiler.config.recompile_limit = RECOMPILES
    transformer.compile_repeated_blocks(fullgraph=True, dynamic=True, backend=backend)
