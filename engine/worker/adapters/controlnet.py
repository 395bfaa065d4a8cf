"""ControlNet: what a painting follows, computed beside the transformer, whose embedders and refiners it shares.

Only rows with a control picture go through it; all rows of a forward then go through the transformer together.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from accelerate import init_empty_weights
from diffusers import ZImageControlNetModel
from safetensors import SafetensorError
from safetensors.torch import load_file

from engine.worker.device.memory import Device, Policy
from engine.worker.device.offload import settle_transformer
from engine.worker.edits.inpaint import Box
from engine.worker.image import edges
from engine.worker.image.pixels import BadSource, cover, decode_source, to_tensor
from engine.worker.image.tokens import PATCH, padded
from engine.worker.image.vae import Vae
from engine.worker.loading.weight_files import LoadingProblem, entries, read_json, weight_files
from protocol.card import ModelCard
from protocol.messages import Generate
from protocol.request import Control, ControlKind

FEATURE = "control"
EMBEDDER = "control_all_x_embedder.2-1.weight"
REFINER = "control_noise_refiner"
# The published files are made for either: "…-Union" for pictures of lines, depth and pose, "…-Tile" for pictures.
OF_UNION = (ControlKind.CANNY, ControlKind.DEPTH, ControlKind.POSE, ControlKind.SCRIBBLE)
OF_TILE = (ControlKind.TILE,)

Tensors = dict[str, torch.Tensor]


class BadControl(Exception):
    """The picture to follow does not decode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guide:
    """What a sample follows: a latent (channels of the ControlNet, 1, height / 8, width / 8), and how strongly."""

    picture: torch.Tensor
    strength: float


class ControlNet:
    """A loaded ControlNet beside the transformer that it was made for."""

    def __init__(self, net: Any, vae: Vae, kinds: Sequence[ControlKind], device: Device) -> None:
        self.net = net
        self._vae = vae
        self._kinds = edges.available(kinds)
        self._device = device

    def on(self, card: ModelCard) -> ModelCard:
        """The card with what can be followed."""
        return msgspec.structs.replace(card, features=(*card.features, FEATURE), controls=self._kinds)

    def guide(self, order: Generate, control: Control, box: Box | None = None) -> Guide:
        """What an order follows. `box` is the window of the canvas that is painted. Raises BadControl."""
        try:
            picture = decode_source(order.control or b"")
        except BadSource as error:
            raise BadControl from error
        picture = cover(picture, order.request.width, order.request.height)
        picture = edges.prepared(picture, control.kind, self._device.torch_device)
        if box is not None:
            picture = picture.crop((box.x, box.y, box.x + box.width, box.y + box.height))
        encoded = self._vae.encode(to_tensor(np.asarray(picture)))[0].unsqueeze(1)
        # From 2.0 on there are channels for a mask and what lies under it, which diffusers' pipeline leaves empty too.
        spare = self.net.config.control_in_dim - encoded.shape[0]
        latent = torch.cat([encoded, encoded.new_zeros(spare, *encoded.shape[1:])])
        return Guide(picture=latent, strength=control.strength)

    def blocks(
        self,
        guides: Sequence[Guide | None],
        latents: Sequence[torch.Tensor],
        times: torch.Tensor,
        captions: Sequence[torch.Tensor],
    ) -> dict[int, torch.Tensor] | None:
        """What is added after the transformer's blocks, by their number; None where nobody follows anything.

        One guide, latent, time and caption for each row of the forward. Rows that follow nothing are given zeros.
        """
        followed = {row: guide for row, guide in enumerate(guides) if guide is not None}
        if not followed:
            return None
        rows = list(followed)
        # From 2.0 on it counts inside the network too, so the hints cannot be scaled afterwards.
        strengths = torch.tensor(
            [guide.strength for guide in followed.values()], device=times.device, dtype=latents[0].dtype
        )
        hints = self.net(
            [latents[row] for row in rows],
            times[rows],
            [captions[row] for row in rows],
            [guide.picture.to(latents[0].dtype) for guide in followed.values()],
            conditioning_scale=strengths[:, None, None],
        )
        lengths = [_length(latent, caption) for latent, caption in zip(latents, captions, strict=True)]
        return {block: _spread(hint, rows, lengths) for block, hint in hints.items()}


def load(path: Path, transformer: Any, vae: Vae, policy: Policy, device: Device) -> ControlNet:
    """A diffusers folder, or a single file as it is published. Raises LoadingProblem."""
    path = path.expanduser()
    files = list(_files(path))
    try:
        weights: Tensors = {name: value for file in files for name, value in load_file(file).items()}
        config = _config(path, weights, transformer.config)
        if config["add_control_noise_refiner"] == "control_layers":  # the file has blocks that were never used
            weights = {name: value for name, value in weights.items() if not name.startswith(f"{REFINER}.")}
        with init_empty_weights():
            net: Any = ZImageControlNetModel.from_config(config)
        _check_names(path, weights.keys(), net.state_dict().keys())
        net.load_state_dict({name: value.to(device.dtype) for name, value in weights.items()}, strict=True, assign=True)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError, AssertionError) as error:
        raise LoadingProblem(f"{path} is no ControlNet for this model: {_first_line(error)}.") from error
    if net.config.dim != transformer.config.dim or max(net.config.control_layers_places) >= transformer.config.n_layers:
        raise LoadingProblem(f"{path} is a ControlNet for another model: it is {net.config.dim} wide.")
    net = settle_transformer(net.eval().requires_grad_(False), policy, device)
    net = ZImageControlNetModel.from_transformer(net, transformer)
    return ControlNet(net, vae, OF_TILE if "tile" in path.name.lower() else OF_UNION, device)


def _check_names(path: Path, there: Set[str], wanted: Set[str]) -> None:
    """Raise LoadingProblem unless the tensors there are those wanted."""
    for names, what in ((wanted - there, "lacks"), (there - wanted, "brings")):
        if names:
            raise LoadingProblem(
                f"{path} is no ControlNet for this model: it {what} {min(names)} and {len(names) - 1} more."
            )


def weight_of(path: Path | None, device: Device) -> int:
    """Bytes that a ControlNet will take, from the heads of its files; 0 where `load` would say what is wrong."""
    if path is None:
        return 0
    try:
        counts = [entry.count for file in _files(path.expanduser()) for entry in entries(file).values()]
    except LoadingProblem:
        return 0
    return sum(counts) * device.dtype.itemsize


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return list(weight_files(path))
    if not path.is_file():
        raise LoadingProblem(f"There is no ControlNet {path}.")
    entries(path)  # says what is wrong with a file that is cut off
    return [path]


def _config(path: Path, weights: Tensors, model: Any) -> dict[str, Any]:
    """That of the folder or beside the file; else what the published files tell by their shapes."""
    beside = (path if path.is_dir() else path.parent) / "config.json"
    if beside.is_file() and (told := read_json(beside)).get("_class_name") == "ZImageControlNetModel":
        return {name: value for name, value in told.items() if not name.startswith("_")} | {
            "add_control_noise_refiner": told.get("add_control_noise_refiner")
        }
    dim, width = weights[EMBEDDER].shape
    blocks = len({name.split(".")[1] for name in weights if name.startswith("control_layers.")})
    channels = width // PATCH**2
    projection = weights.get(f"{REFINER}.0.before_proj.weight")
    if projection is not None and bool(projection.any()):
        refiner = REFINER
    else:
        refiner = None if channels == model.in_channels else "control_layers"
    return {
        "control_layers_places": [block * (model.n_layers // blocks) for block in range(blocks)],
        "control_refiner_layers_places": list(range(model.n_refiner_layers)),
        "control_in_dim": channels,
        "add_control_noise_refiner": refiner,
        "dim": dim,
        "n_refiner_layers": model.n_refiner_layers,
        "n_heads": model.n_heads,
        "n_kv_heads": model.n_kv_heads,
        "norm_eps": model.norm_eps,
        "qk_norm": model.qk_norm,
    }


def _spread(hint: torch.Tensor, rows: Sequence[int], lengths: Sequence[int]) -> torch.Tensor:
    """Each row of a hint in the row of the forward that it belongs to, zeros in the others."""
    spread = hint.new_zeros(len(lengths), max(lengths), hint.shape[-1])
    for own, row in zip(hint, rows, strict=True):
        spread[row, : lengths[row]] = own[: lengths[row]]
    return spread


def _length(latent: torch.Tensor, caption: torch.Tensor) -> int:
    """Padded tokens of a row."""
    _, _, height, width = latent.shape
    return padded(height * width // PATCH**2) + padded(len(caption))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
