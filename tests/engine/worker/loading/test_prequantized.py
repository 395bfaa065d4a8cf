"""Folders whose weights another package has packed paint as those they were packed from, or name the package."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from diffusers import TorchAoConfig, ZImageTransformer2DModel
from safetensors.torch import load_file, save_file

from engine.worker.device.memory import find_device
from engine.worker.loading import loading, prequantized
from engine.worker.loading.loading import LoadingProblem, Parts, weigh
from tests.support.model_files import Tensors, block_fp8, int8, scaled_fp8

CPU = find_device("cpu")
FILES = {"transformer": "diffusion_pytorch_model.safetensors", "text_encoder": "model.safetensors"}


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny, tmp_path / "model")


def said(folder: Path, part: str, **quantization: object) -> None:
    file = folder / part / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"quantization_config": quantization}))


def repacked(folder: Path, part: str, change: Callable[[Tensors], Tensors]) -> None:
    file = folder / part / FILES[part]
    weights = change(load_file(file))
    save_file({name: value.clone().contiguous() for name, value in weights.items()}, file, {"format": "pt"})


def quanto(weights: Tensors) -> Tensors:
    """As quanto calls weights and factors; each layer has factors for activations as well."""
    named: Tensors = {}
    for name, value in int8(weights, note=False).items():
        if name.endswith(".weight_scale"):
            stem = name.removesuffix(".weight_scale")
            named[f"{stem}.weight._scale"] = value[:, None]
            named |= {f"{stem}.input_scale": torch.ones(()), f"{stem}.output_scale": torch.ones(())}
        else:
            named[f"{name}._data" if value.dtype is torch.int8 else name] = value
    return named


def far(part: str, one: Parts, other: Parts) -> float:
    """The largest relative distance between weights of two models."""
    theirs = getattr(other, part).state_dict()
    ours = getattr(one, part).state_dict()
    return max(float((ours[name] - value).norm() / value.norm()) for name, value in theirs.items() if value.any())


READ: list[tuple[str, Callable[[Tensors], Tensors], dict[str, Any]]] = [
    ("text_encoder", block_fp8, {"quant_method": "fp8", "weight_block_size": [128, 128]}),
    ("text_encoder", lambda w: scaled_fp8(w, note=None), {"quant_method": "compressed-tensors",
                                                         "format": "float-quantized"}),
    ("text_encoder", lambda w: int8(w, note=False), {"quant_method": "compressed-tensors", "format": "int-quantized"}),
    ("transformer", quanto, {"quant_method": "quanto", "weights_dtype": "int8"}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "change", "config"), READ)
def test_weights_of_a_byte_in_a_folder_are_read_without_a_package(
    folder: Path, tiny: Path, part: str, change: Callable[[Tensors], Tensors], config: dict[str, Any]
) -> None:
    repacked(folder, part, change)
    said(folder, part, **config)

    parts = loading.load(folder, CPU)

    assert 1e-4 < far(part, parts, loading.load(tiny, CPU)) < 0.05
    assert weigh(folder, CPU) == weigh(tiny, CPU)


@pytest.mark.filterwarnings("ignore")  # torchao's and diffusers' own, about each other
@pytest.mark.parametrize("part", ["transformer", "text_encoder"])
def test_what_an_installed_package_has_packed_is_unpacked_by_it(folder: Path, tiny: Path, part: str) -> None:
    from torchao.quantization import Int8WeightOnlyConfig
    from transformers import Qwen3Model
    from transformers import TorchAoConfig as TextTorchAoConfig

    kind: Any = ZImageTransformer2DModel if part == "transformer" else Qwen3Model
    told: Any = TorchAoConfig if part == "transformer" else TextTorchAoConfig
    packed = kind.from_pretrained(
        tiny / part, dtype=torch.bfloat16, quantization_config=told(Int8WeightOnlyConfig(version=2))
    )
    shutil.rmtree(folder / part)
    packed.save_pretrained(folder / part)

    parts = loading.load(folder, CPU)

    assert type(getattr(parts, part).layers[0].get_submodule(LAYER[part]).weight) is torch.nn.Parameter
    assert 1e-4 < far(part, parts, loading.load(tiny, CPU)) < 0.05
    assert weigh(folder, CPU) == weigh(tiny, CPU)


LAYER = {"transformer": "attention.to_q", "text_encoder": "self_attn.q_proj"}

LACKING: list[tuple[dict[str, Any], str, str]] = [
    ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes", "bitsandbytes"),
    ({"load_in_8bit": True}, "bitsandbytes", "bitsandbytes"),
    ({"quant_method": "sdnq", "weights_dtype": "uint4"}, "sdnq", "sdnq"),
    ({"quant_method": "quanto", "weights_dtype": "int4"}, "quanto", "optimum-quanto"),
    ({"quant_method": "auto-round"}, "auto-round", "auto-round"),
    ({"quant_method": "modelopt"}, "modelopt", "nvidia-modelopt"),
    ({"quant_method": "gptq"}, "gptq", "gptqmodel optimum"),
    ({"quant_method": "awq"}, "awq", "gptqmodel"),
    ({"quant_method": "compressed-tensors", "format": "pack-quantized"}, "compressed-tensors", "compressed-tensors"),
    ({"quant_method": "torchao"}, "torchao", r"-e \.\[torchao\]"),
]


@pytest.mark.parametrize("part", ["transformer", "text_encoder", "vae"])
@pytest.mark.parametrize(("config", "packed", "package"), LACKING)
def test_a_package_that_is_not_installed_is_named_in_one_sentence(
    folder: Path, part: str, config: dict[str, Any], packed: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in prequantized.PACKAGES[packed][0]:
        monkeypatch.setitem(sys.modules, name, None)
    said(folder, part, **config)

    with pytest.raises(LoadingProblem) as refused:
        loading.load(folder, CPU)

    where = folder / part
    assert str(refused.value) == (
        f"The weights in {where} are packed as {packed}, which needs one more package: "
        f"pip install {package.replace(chr(92), '')}"
    )


@pytest.mark.parametrize("config", [{"quant_method": "exl3"}, {"quant_method": "nunchaku_lite"}, {"bits": 4}])
def test_what_nothing_here_unpacks_is_refused_by_its_name(folder: Path, config: dict[str, Any]) -> None:
    said(folder, "transformer", **config)
    packed = str(config.get("quant_method", "unknown")).replace("_", "-")

    with pytest.raises(LoadingProblem, match=rf"transformer are packed as {packed}, which is not read here\.$"):
        loading.load(folder, CPU)


def test_a_package_that_cannot_work_here_is_said_in_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", ModuleType("bitsandbytes"))  # there, but not as a package
    said(folder, "transformer", quant_method="bitsandbytes", load_in_4bit=True)

    with pytest.raises(LoadingProblem, match=r"does not load: |cannot be unpacked: ") as refused:
        loading.load(folder, CPU)

    assert "\n" not in str(refused.value)


class Packed(torch.nn.Module):
    """A layer as packages make them: no weight that one could read. It may round what it is given."""

    def __init__(self, weight: torch.Tensor, *, rounds: bool) -> None:
        super().__init__()
        self.register_buffer("qweight", weight)
        self._rounds = rounds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x.round() if self._rounds else x, self.get_buffer("qweight"))


def test_a_layer_is_asked_for_its_weight_and_one_that_rounds_its_inputs_is_refused() -> None:
    weight = torch.randn(8, 2000, generator=torch.Generator().manual_seed(5))
    plain = torch.nn.Sequential(torch.nn.Linear(2000, 8, bias=False, device="meta"))
    exact, rounding = (torch.nn.Sequential(Packed(weight, rounds=rounds)) for rounds in (False, True))

    asked = prequantized.unpacked(exact, plain, Path("model"), torch.float32)

    assert torch.equal(asked[0].weight, weight)
    with pytest.raises(LoadingProblem, match="0 of model rounds its inputs as well"):
        prequantized.unpacked(rounding, plain, Path("model"), torch.float32)
