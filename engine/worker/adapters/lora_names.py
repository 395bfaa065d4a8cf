"""What the names in LoRA files mean: which layers of the transformer, and which part of their change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers.models.normalization import RMSNorm

# One or several of these stand before a layer's name, by trainer.
_PREFIX = re.compile(
    r"(?:base_model\.model|model|diffusion_model|transformer|unet|dit|net|module|pipe|z_?image|denoiser)\."
    r"|lora_(?:unet|transformer|dit)_|lycoris_|_"
)
_COMPILED = "_orig_mod."  # where a trainer saved what torch.compile had wrapped, before a layer or within its name
_PART = re.compile(
    r"(?P<layer>.+?)(?:"
    r"[._]lora(?:_linear_layer)?[._](?P<side>A|B|down|up)(?:\.(?!weight|bias)[^.]+)?(?:\.weight|(?P<bias>\.bias))?"
    r"|\.(?P<part>alpha|lora_alpha|lokr_w[12](?:_[ab])?|hada_w[12]_[ab]|diff|diff_b|w_norm|b_norm)"
    r"(?:\.(?!weight)[^.]+)?(?:\.weight)?)"
)
_PARTS = {
    "A": "down",
    "B": "up",
    "lora_alpha": "alpha",
    "w_norm": "diff",  # LyCORIS' word for what is added to a norm
    "b_norm": "diff_b",
}
_KINDS = (
    ("DoRA", re.compile(r"(?P<layer>.+?)\.(?:lora_magnitude_vector|dora_scale)\b.*")),
    ("OFT", re.compile(r"(?P<layer>.+?)\.(?:b?oft_\w+|rescale)\b.*")),
    ("GLoRA", re.compile(r"(?P<layer>.+?)\.(?:[ab][12]|bm)(?:\.weight)?")),
    ("IA3", re.compile(r"(?P<layer>.+?)\.(?:ia3_l|on_input)\b.*")),
    ("VeRA", re.compile(r"(?P<layer>.+?)\.vera_lambda_\w+\b.*")),
    ("AdaLoRA", re.compile(r"(?P<layer>.+?)\.(?:lora_E|ranknum)\b.*")),
    ("made for convolutions", re.compile(r"(?P<layer>.+?)\.(?:lora_mid|lokr_t[12]|hada_t[12])\b.*")),
)

Layers = Mapping[str, torch.nn.Module]


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """What a tensor's name says: its layer in the file's words, and its part, or a kind that cannot be used here."""

    layer: str
    part: str | None = None
    kind: str | None = None


def said_by(name: str) -> Named | None:
    """What a tensor of a LoRA file is; None where its name is of no form that is known."""
    for kind, form in _KINDS:
        if found := form.fullmatch(name):
            return Named(layer=found["layer"], kind=kind)
    found = _PART.fullmatch(name)
    if found is None:
        return None
    part = found["part"] or found["side"]
    part = _PARTS.get(part, part)
    if found["bias"] is None:
        return Named(layer=found["layer"], part=part)
    return Named(layer=found["layer"], part="bias") if part == "up" else None


def changeable(transformer: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """The layers of a transformer that a LoRA can change: linear layers and norms."""
    return {
        name: module
        for name, module in transformer.named_modules()
        if isinstance(module, torch.nn.Linear) or (isinstance(module, RMSNorm) and module.weight is not None)
    }


class Catalogue:
    """The layers of a transformer under every name that files give them."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._by_name: dict[str, tuple[str, ...]] = {}
        for name in layers:
            self._name(name, name)
            self._name(name.removeprefix("all_").replace(".2-1", ""), name)  # ComfyUI's x_embedder, final_layer
            block, _, leaf = name.rpartition(".to_")
            if leaf == "out.0":
                self._name(f"{block}.out", name)
                self._name(f"{block}.to_out", name)
            elif leaf == "q":
                self._name(f"{block}.qkv", *(f"{block}.to_{one}" for one in "qkv"))
            block, _, leaf = name.rpartition(".norm_")
            if leaf in ("q", "k"):
                self._name(f"{block}.{leaf}_norm", name)

    def find(self, layer: str) -> tuple[str, ...]:
        """The layers that a file means; none if it means another model's."""
        layer = layer.replace(_COMPILED, "")
        while (prefix := _PREFIX.match(layer)) is not None:
            layer = layer[prefix.end() :]
        return self._by_name.get(_flat(layer), ())

    def holds(self, name: str) -> bool:
        """Whether a tensor of this name is about a layer that is here, whatever it says of it."""
        stems = [name[: dot.start()] for dot in re.finditer(r"\.", name)]
        return any(self.find(stem) for stem in stems)

    def norm(self, targets: tuple[str, ...]) -> RMSNorm | None:
        """The norm that these are; None where they are linear layers."""
        layer = self._layers[targets[0]]
        return layer if isinstance(layer, RMSNorm) else None

    def sizes(self, targets: tuple[str, ...]) -> tuple[int, ...]:
        """(out, in) of these linear layers one after another, (size,) of a norm."""
        if (norm := self.norm(targets)) is not None:
            return tuple(norm.dim)
        return sum(self.split(targets)), self._linear(targets[0]).in_features

    def split(self, targets: tuple[str, ...]) -> list[int]:
        """The outputs of each of them."""
        if (norm := self.norm(targets)) is not None:
            return list(norm.dim)
        return [self._linear(one).out_features for one in targets]

    def _linear(self, name: str) -> torch.nn.Linear:
        layer = self._layers[name]
        assert isinstance(layer, torch.nn.Linear)
        return layer

    def _name(self, alias: str, *targets: str) -> None:
        self._by_name.setdefault(_flat(alias), targets)


def _flat(layer: str) -> str:
    """A layer's name as kohya's files write it, in which every other way of writing ends up too."""
    return layer.replace(".", "_")
