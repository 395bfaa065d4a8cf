"""Parts whose folder holds weights that another package has packed: unpacked when they are loaded, or refused by name.

Unpacked they are as any others: every memory policy, every way to store weights and every LoRA works over them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from engine.worker.loading.weight_files import LoadingProblem, read_json

# Read here, without a package: a byte a weight, the factors beside it.
OURS = {
    "fp8": ("",),
    "compressed-tensors": ("float-quantized", "int-quantized", "naive-quantized"),
    "quanto": ("int8", "float8"),  # which diffusers 0.42 writes, and leaves empty when it reads it
}
# What diffusers or transformers unpacks with a package: what is imported, and what is installed.
PACKAGES = {
    "bitsandbytes": (("bitsandbytes",), "bitsandbytes"),
    "quanto": (("optimum.quanto",), "optimum-quanto"),
    "sdnq": (("sdnq",), "sdnq"),
    "auto-round": (("auto_round",), "auto-round"),
    "modelopt": (("modelopt",), "nvidia-modelopt"),
    "gptq": (("gptqmodel", "optimum"), "gptqmodel optimum"),
    "awq": (("gptqmodel",), "gptqmodel"),
    "hqq": (("hqq",), "hqq"),
    "compressed-tensors": (("compressed_tensors",), "compressed-tensors"),
    "torchao": (("torchao",), "-e .[torchao]"),
}
_AT_ONCE = 1024  # inputs of a layer that are asked for in one go
_CLOSE = 0.02  # relative: a layer that rounds its inputs is farther off


def method(folder: Path) -> str | None:
    """How the weights in a part's folder are packed; None where they are plain."""
    told = read_json(folder / "config.json").get("quantization_config")
    if told is None:
        return None
    said = told if isinstance(told, dict) else {}
    if said.get("load_in_4bit") or said.get("load_in_8bit"):
        return "bitsandbytes"
    return str(said.get("quant_method", "unknown")).lower().replace("_", "-")


def is_ours(folder: Path) -> bool:
    """Whether these packed weights are read here, without a package."""
    told = read_json(folder / "config.json").get("quantization_config") or {}
    formats = OURS.get(method(folder) or "", ())
    return "" in formats or told.get("format", told.get("weights_dtype")) in formats


def check(folder: Path) -> None:
    """Raise LoadingProblem, which names the package, where weights are packed by one that is not installed."""
    packed = method(folder)
    if packed is None or is_ours(folder):
        return
    if packed not in PACKAGES:
        raise LoadingProblem(f"The weights in {folder} are packed as {packed}, which is not read here.")
    modules, package = PACKAGES[packed]
    try:
        for name in modules:
            import_module(name)  # which makes some of them known to diffusers and transformers
    except ImportError as error:
        raise LoadingProblem(
            f"The weights in {folder} are packed as {packed}, which needs one more package: pip install {package}"
        ) from error


@torch.inference_mode()
def unpacked(packed: Any, plain: Any, folder: Path, dtype: torch.dtype) -> Any:
    """`plain`, a module of the same configuration without weights, with those that `packed` computes with.

    Each layer is asked what it does to unit vectors, which every package's layers answer alike. Raises LoadingProblem.
    """
    weights: dict[str, torch.Tensor] = {}
    state: Mapping[str, torch.Tensor] = plain.state_dict()
    for name, wanted in plain.named_modules():
        layer = packed.get_submodule(name)
        for leaf, empty in wanted.named_parameters(recurse=False):
            key = f"{name}.{leaf}".lstrip(".")
            value = getattr(layer, leaf, None)
            if any(tensor.is_meta for tensor in (*layer.parameters(False), *layer.buffers(False))):
                raise LoadingProblem(f"{folder} is packed in a way that its library leaves empty, at {key}.")
            if leaf == "weight" and isinstance(wanted, torch.nn.Linear | torch.nn.Embedding) and not _is_plain(value):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of the dtypes in which a package multiplies
                    value = _asked(layer, wanted, f"{name} of {folder}", dtype)
            if not isinstance(value, torch.Tensor) or value.shape != empty.shape or not value.is_floating_point():
                raise LoadingProblem(f"{folder} is packed in a way that cannot be unpacked here, at {key}.")
            weights[key] = value.detach().to("cpu", dtype).clone()
    if lacking := sorted(state.keys() - weights.keys()):
        raise LoadingProblem(f"The weights in {folder} lack {lacking[0]} and {len(lacking) - 1} more.")
    plain.load_state_dict(weights, assign=True)
    return plain


def _is_plain(value: Any) -> bool:
    return type(value) in (torch.Tensor, torch.nn.Parameter) and value.is_floating_point() and value.element_size() > 1


def _asked(layer: Any, wanted: torch.nn.Linear | torch.nn.Embedding, what: str, dtype: torch.dtype) -> torch.Tensor:
    """The weight with which a layer computes, by its answers."""
    device = next((tensor.device for tensor in (*layer.parameters(), *layer.buffers())), torch.device("cpu"))
    if isinstance(wanted, torch.nn.Embedding):
        return layer(torch.arange(wanted.num_embeddings, device=device))
    zero = layer(torch.zeros(1, wanted.in_features, dtype=dtype, device=device))
    columns = [layer(unit.to(device, dtype)) - zero for unit in torch.eye(wanted.in_features).split(_AT_ONCE)]
    weight = torch.cat(columns).T
    probe = torch.randn(4, wanted.in_features, generator=torch.Generator().manual_seed(0)).to(device, dtype)
    answer, product = (layer(probe) - zero).float(), probe.float() @ weight.float().T
    if (answer - product).norm() > _CLOSE * product.norm() or not torch.isfinite(weight).all():
        raise LoadingProblem(f"{what} rounds its inputs as well, which cannot be unpacked.")
    return weight
