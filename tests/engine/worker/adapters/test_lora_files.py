"""Every kind of LoRA file that trainers write changes the picture as it says, or is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers.loaders import ZImageLoraLoaderMixin
from safetensors.torch import save_file

from engine.worker.adapters import lora_files
from engine.worker.adapters.lora_files import Catalogue, LoraProblem
from engine.worker.adapters.lora_layers import Changed
from engine.worker.pipeline.pipeline import Pipeline

CPU = torch.device("cpu")
RANK = 4
BLOCK = "layers.0.attention"
LAYERS = (f"{BLOCK}.to_q", f"{BLOCK}.to_k", f"{BLOCK}.to_v", f"{BLOCK}.to_out.0", "layers.1.feed_forward.w1")
State = dict[str, torch.Tensor]
Deltas = dict[str, torch.Tensor]


def noise(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def save(state: State, file: Path, notes: dict[str, str] | None = None) -> None:
    save_file({name: value.clone() for name, value in state.items()}, file, notes)


def linears(pipeline: Pipeline) -> dict[str, torch.nn.Linear]:
    return {
        name: module for name, module in pipeline.transformer.named_modules() if isinstance(module, torch.nn.Linear)
    }


def pairs(pipeline: Pipeline, layers: tuple[str, ...] = LAYERS) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """(down, up) of random LoRAs for these layers."""
    sizes = {name: linears(pipeline)[name].weight.shape for name in layers}
    return {
        name: (noise(RANK, size[1], seed=n), noise(size[0], RANK, seed=100 + n))
        for n, (name, size) in enumerate(sizes.items())
    }


def plain(pipeline: Pipeline, form: Callable[[str, str], str]) -> tuple[State, Deltas]:
    """A file that calls each matrix as `form` says, and what it should add."""
    state: State = {}
    deltas: Deltas = {}
    for name, (down, up) in pairs(pipeline).items():
        state |= {form(name, "down"): down, form(name, "up"): up}
        deltas[name] = up @ down
    return state, deltas


def peft(prefix: str, middle: str = "") -> Callable[[str, str], str]:
    return lambda name, side: f"{prefix}{name}.lora_{'A' if side == 'down' else 'B'}.{middle}weight"


def kohya(name: str, side: str) -> str:
    return f"lora_unet_{name.replace('.', '_')}.lora_{side}.weight"


def kohya_out(name: str, side: str) -> str:
    return kohya(name.replace("to_out.0", "out"), side)


def with_alpha(pipeline: Pipeline) -> tuple[State, Deltas]:
    state, deltas = plain(pipeline, kohya)
    alphas = {name.replace(".lora_down.weight", ".alpha"): torch.tensor(2.0) for name in state if "down" in name}
    return state | alphas, {name: delta * 2 / RANK for name, delta in deltas.items()}


def fused(pipeline: Pipeline, form: str, sides: tuple[str, str] = ("down", "up")) -> tuple[State, Deltas]:
    """A file that has query, key and value as one layer."""
    targets = LAYERS[:3]
    outputs = [linears(pipeline)[name].out_features for name in targets]
    down, up = noise(RANK, linears(pipeline)[targets[0]].in_features), noise(sum(outputs), RANK, seed=1)
    state = {form.format(side): matrix for side, matrix in zip(sides, (down, up), strict=True)}
    return state, dict(zip(targets, (up @ down).split(outputs), strict=True))


def lokr(pipeline: Pipeline) -> tuple[State, Deltas]:
    """ai-toolkit's: one factor whole, one of low rank; and a layer with both factors whole, where alpha is nothing."""
    first, second = f"{BLOCK}.to_q", f"{BLOCK}.to_k"
    size = linears(pipeline)[first].weight.shape
    left, right = noise(4, 4), noise(size[0] // 4, size[1] // 4, seed=1)
    a, b = noise(size[0] // 4, RANK, seed=2), noise(RANK, size[1] // 4, seed=3)
    state = {
        f"diffusion_model.{first}.lokr_w1": left,
        f"diffusion_model.{first}.lokr_w2_a": a,
        f"diffusion_model.{first}.lokr_w2_b": b,
        f"diffusion_model.{first}.alpha": torch.tensor(2.0),
        f"diffusion_model.{second}.lokr_w1": left,
        f"diffusion_model.{second}.lokr_w2": right,
        f"diffusion_model.{second}.alpha": torch.tensor(1e10),
    }
    return state, {first: torch.kron(left, a @ b) * 2 / RANK, second: torch.kron(left, right)}


def fused_lokr(pipeline: Pipeline) -> tuple[State, Deltas]:
    """Factors whose blocks do not end where query and key do."""
    targets = LAYERS[:3]
    outputs = [linears(pipeline)[name].out_features for name in targets]
    left, right = noise(2, 2), noise(sum(outputs) // 2, linears(pipeline)[targets[0]].in_features // 2, seed=1)
    state = {f"diffusion_model.{BLOCK}.qkv.lokr_w1": left, f"diffusion_model.{BLOCK}.qkv.lokr_w2": right}
    return state, dict(zip(targets, torch.kron(left, right).split(outputs), strict=True))


def loha(pipeline: Pipeline) -> tuple[State, Deltas]:
    name = f"{BLOCK}.to_v"
    rows, columns = linears(pipeline)[name].weight.shape
    a, b, c, d = noise(rows, 3), noise(3, columns, seed=1), noise(rows, 3, seed=2), noise(3, columns, seed=3)
    state = dict(zip(("w1_a", "w1_b", "w2_a", "w2_b"), (a, b, c, d), strict=True))
    state = {f"lora_unet_{name.replace('.', '_')}.hada_{part}": value for part, value in state.items()}
    state[f"lora_unet_{name.replace('.', '_')}.alpha"] = torch.tensor(1.5)
    return state, {name: (a @ b) * (c @ d) * 1.5 / 3}


def repeated(pipeline: Pipeline) -> tuple[State, Deltas]:
    """A trainer that writes query, key and value twice, fused as well; the single ones hold."""
    state, deltas = plain(pipeline, lambda name, side: f"lora_unet_{name.replace('.', '_')}.lora.{side}.weight")
    again, _ = fused(pipeline, f"lora_unet_{BLOCK.replace('.', '_')}_qkv.lora.{{}}.weight")
    return again | state, deltas


FLAT = BLOCK.replace(".", "_")
FORMATS: dict[str, Callable[[Pipeline], tuple[State, Deltas]]] = {
    "diffusers": lambda pipeline: plain(pipeline, peft("transformer.")),
    "ai-toolkit": lambda pipeline: plain(pipeline, peft("diffusion_model.")),
    "peft with the adapter's name": lambda pipeline: plain(pipeline, peft("diffusion_model.", "default.")),
    "kohya": lambda pipeline: plain(pipeline, kohya),
    "kohya with alpha": with_alpha,
    "kohya with attention_out": lambda pipeline: plain(pipeline, kohya_out),
    "kohya fused": lambda pipeline: fused(pipeline, f"lora_unet_{FLAT}_qkv.lora_{{}}.weight"),
    "dotted fused": lambda pipeline: fused(pipeline, f"lora_unet_{FLAT}_qkv.lora.{{}}.weight"),
    "dotted fused and single": repeated,
    "comfy fused lora_A": lambda pipeline: fused(pipeline, f"diffusion_model.{BLOCK}.qkv.lora_{{}}.weight", ("A", "B")),
    "comfy fused lora_down": lambda pipeline: fused(pipeline, f"diffusion_model.{BLOCK}.qkv.lora_{{}}.weight"),
    "LoKr": lokr,
    "LoKr fused": fused_lokr,
    "LoHa": loha,
    "bare": lambda pipeline: plain(pipeline, peft("")),
    "peft's base_model": lambda pipeline: plain(pipeline, peft("base_model.model.")),
}
# Those of them that diffusers' own loader converts; the others it refuses, or loads nothing from them.
CONVERTED = ("diffusers", "ai-toolkit", "peft with the adapter's name", "kohya", "kohya with alpha",
             "kohya with attention_out", "LoKr")  # fmt: skip


def read(pipeline: Pipeline, file: Path) -> Deltas:
    """What a file adds to each layer, as a whole matrix."""
    catalogue = Catalogue(linears(pipeline))
    lora_files.check(file, catalogue)
    changes = lora_files.read(file, catalogue, device=CPU, dtype=torch.float32)
    return {name: change(torch.eye(linears(pipeline)[name].in_features)).T for name, change in changes.items()}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_adds_what_its_numbers_say(pipeline: Pipeline, tmp_path: Path, name: str) -> None:
    state, wanted = FORMATS[name](pipeline)
    file = tmp_path / "style.safetensors"
    save(state, file)

    added = read(pipeline, file)

    assert added.keys() == wanted.keys()
    for layer, delta in wanted.items():
        assert torch.allclose(added[layer], delta, atol=1e-4, rtol=1e-4), layer


@pytest.mark.parametrize("name", CONVERTED)
def test_what_diffusers_converts_is_read_alike(pipeline: Pipeline, tmp_path: Path, name: str) -> None:
    state, _ = FORMATS[name](pipeline)
    file = tmp_path / "style.safetensors"
    save(state, file)
    theirs = ZImageLoraLoaderMixin.lora_state_dict(str(file))
    assert isinstance(theirs, dict)

    added = read(pipeline, file)

    for layer, delta in added.items():
        stem = f"transformer.{layer}"
        if f"{stem}.lora_A.weight" in theirs:
            wanted = theirs[f"{stem}.lora_B.weight"] @ theirs[f"{stem}.lora_A.weight"]
        else:
            right = theirs.get(f"{stem}.lokr_w2")
            if right is None:
                right = theirs[f"{stem}.lokr_w2_a"] @ theirs[f"{stem}.lokr_w2_b"]
            wanted = torch.kron(theirs[f"{stem}.lokr_w1"], right)
        assert torch.allclose(delta, wanted, atol=1e-4, rtol=1e-4), layer


def test_alpha_in_the_notes_of_diffusers_counts(pipeline: Pipeline, tmp_path: Path) -> None:
    state, wanted = plain(pipeline, peft("transformer."))
    file = tmp_path / "style.safetensors"
    save(state, file, {"lora_adapter_metadata": json.dumps({"transformer.lora_alpha": 8, "transformer.r": RANK})})

    added = read(pipeline, file)

    assert torch.allclose(added[LAYERS[0]], 2 * wanted[LAYERS[0]], atol=1e-4, rtol=1e-4)


def test_layers_of_a_text_encoder_are_left_out(pipeline: Pipeline, tmp_path: Path) -> None:
    state, wanted = plain(pipeline, kohya)
    file = tmp_path / "style.safetensors"
    save(state | {"lora_te_model_layers_0_self_attn_q_proj.lora_down.weight": noise(4, 8)}, file)

    assert read(pipeline, file).keys() == wanted.keys()


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"double_blocks.0.img_attn.proj.lora_A.weight": noise(4, 8)}, "changes no layer of this model"),
        ({"weight": noise(4, 8)}, "changes no layer of this model"),
        (
            {
                "transformer.layers.0.attention.to_q.lora_A.weight": noise(4, 3840),
                "transformer.layers.0.attention.to_q.lora_B.weight": noise(3840, 4),
            },
            "was made for another model: transformer.layers.0.attention.to_q has another size here",
        ),
        (
            {"transformer.layers.0.attention.to_q.dora_scale": noise(64, 1)},
            "is of a kind that cannot be used here (DoRA, or made for convolutions)",
        ),
    ],
)
def test_a_file_that_would_do_nothing_or_harm_is_refused_in_one_sentence(
    pipeline: Pipeline, tmp_path: Path, state: State, reason: str
) -> None:
    file = tmp_path / "style.safetensors"
    save(state, file)

    with pytest.raises(LoraProblem) as refused:
        lora_files.check(file, Catalogue(linears(pipeline)))

    assert str(refused.value) == f"The LoRA file style.safetensors {reason}."


def test_a_file_that_is_cut_off_or_has_no_numbers_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    state, _ = plain(pipeline, kohya)
    catalogue = Catalogue(linears(pipeline))
    cut, broken = tmp_path / "cut.safetensors", tmp_path / "broken.safetensors"
    save(state, cut)
    cut.write_bytes(cut.read_bytes()[:-100])
    save({name: value * float("nan") for name, value in state.items()}, broken)

    with pytest.raises(LoraProblem, match=r"^The LoRA file cut.safetensors is cut off or no safetensors file.$"):
        lora_files.check(cut, catalogue)
    with pytest.raises(LoraProblem, match=r"has numbers that are not finite"):
        lora_files.read(broken, catalogue, device=CPU, dtype=torch.float32)


def test_a_changed_layer_computes_like_one_with_merged_weights(pipeline: Pipeline, tmp_path: Path) -> None:
    state, deltas = FORMATS["LoKr"](pipeline)
    file = tmp_path / "style.safetensors"
    save(state, file)
    layer = linears(pipeline)[LAYERS[0]]
    (change,) = (
        change
        for name, change in lora_files.read(file, Catalogue(linears(pipeline)), device=CPU, dtype=torch.float32).items()
        if name == LAYERS[0]
    )
    x = noise(2, 7, layer.in_features)

    ours = Changed(layer, [(change, torch.tensor(0.7))])(x)

    merged = torch.nn.functional.linear(x, layer.weight + 0.7 * deltas[LAYERS[0]], layer.bias)
    assert torch.allclose(ours, merged, atol=1e-4, rtol=1e-4)
