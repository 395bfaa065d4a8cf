"""Every kind of LoRA file that trainers write changes the picture as it says, or is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import ZImageTransformer2DModel
from diffusers.loaders import ZImageLoraLoaderMixin
from safetensors.torch import save_file

from engine.worker.adapters import lora_files
from engine.worker.adapters.lora_files import LoraProblem
from engine.worker.adapters.lora_layers import Change, Changed
from engine.worker.adapters.lora_names import Catalogue, changeable
from engine.worker.pipeline.pipeline import Pipeline
from tests.support.needs import lora_layouts

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


def norms(pipeline: Pipeline) -> dict[str, torch.nn.Module]:
    layers = changeable(pipeline.transformer)
    return {name: layer for name, layer in layers.items() if not isinstance(layer, torch.nn.Linear)}


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


def with_alpha(
    pipeline: Pipeline, form: Callable[[str, str], str] = kohya, word: str = "alpha"
) -> tuple[State, Deltas]:
    state, deltas = plain(pipeline, form)
    stems = [name.partition(".lora")[0] for name in state if "down" in name or "lora_A" in name]
    alphas = {f"{stem}.{word}": torch.tensor(2.0) for stem in stems}
    return state | alphas, {name: delta * 2 / RANK for name, delta in deltas.items()}


def as_kohya(prefix: str) -> Callable[[str, str], str]:
    return lambda name, side: f"{prefix}{name.replace('.', '_')}.lora_{side}.weight"


def whole(pipeline: Pipeline, form: str, flat: bool = False, low: tuple[str, ...] = ()) -> tuple[State, Deltas]:
    """A file that has changes as they are, beside some of low rank."""
    state: State = {}
    deltas: Deltas = {}
    for name, (down, up) in pairs(pipeline).items():
        deltas[name] = up @ down
        if name in low:
            state |= {peft("diffusion_model.")(name, "down"): down, peft("diffusion_model.")(name, "up"): up}
        else:
            state[form.format(name.replace(".", "_") if flat else name)] = up @ down
    return state, deltas


def fused_whole(pipeline: Pipeline) -> tuple[State, Deltas]:
    state, deltas = fused(pipeline, "{}")
    return {f"diffusion_model.{BLOCK}.qkv.diff": state["up"] @ state["down"]}, deltas


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
    "VideoX-Fun": lambda pipeline: with_alpha(pipeline, as_kohya("lora_unet__")),
    "LyCORIS": lambda pipeline: with_alpha(pipeline, as_kohya("lycoris_")),
    "SimpleTuner": lambda pipeline: with_alpha(pipeline, peft("transformer."), "lora_alpha"),
    "peft with another adapter's name": lambda pipeline: plain(pipeline, peft("transformer.", "default_0.")),
    "DiffSynth": lambda pipeline: plain(pipeline, peft("pipe.dit.", "default.")),
    "compiled": lambda pipeline: plain(pipeline, peft("_orig_mod.")),
    "diffusers of old": lambda pipeline: plain(pipeline, lambda name, side: f"unet.{name}_lora.{side}.weight"),
    "linear_layer": lambda pipeline: plain(pipeline, lambda name, side: f"{name}.lora_linear_layer.{side}.weight"),
    "whole": lambda pipeline: whole(pipeline, "diffusion_model.{}.diff"),
    "whole, LyCORIS": lambda pipeline: whole(pipeline, "lycoris_{}.diff", flat=True),
    "whole, fused": fused_whole,
    "whole beside low rank": lambda pipeline: whole(pipeline, "diffusion_model.{}.diff", low=LAYERS[:2]),
} | {
    f"under {prefix}": lambda pipeline, prefix=prefix: plain(pipeline, peft(prefix))
    for prefix in ("model.", "unet.", "dit.", "net.", "module.", "zimage.", "transformer.transformer.")
}
# Those of them that diffusers' own loader converts; the others it refuses, or loads nothing from them.
CONVERTED = ("diffusers", "ai-toolkit", "peft with the adapter's name", "kohya", "kohya with alpha",
             "kohya with attention_out", "LoKr")  # fmt: skip


def read(pipeline: Pipeline, file: Path) -> Deltas:
    """What a file adds to each layer, as a whole matrix."""
    changes = everything(pipeline.transformer, file)
    return {name: sum_of(many, torch.eye(linears(pipeline)[name].in_features)).T for name, many in changes.items()}


def everything(transformer: torch.nn.Module, file: Path) -> dict[str, tuple[Change, ...]]:
    """All that a file changes, by layer."""
    catalogue = Catalogue(changeable(transformer))
    lora_files.check(file, catalogue)
    return lora_files.read(file, catalogue, device=CPU, dtype=torch.float32)


def sum_of(changes: tuple[Change, ...], x: torch.Tensor) -> torch.Tensor:
    return torch.stack([change(x).expand(*x.shape[:-1], -1) for change in changes]).sum(0)


def unused(transformer: torch.nn.Module, file: Path) -> tuple[str, ...]:
    return lora_files.check(file, Catalogue(changeable(transformer)))


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


NOTES: list[tuple[dict[str, str], dict[str, float]]] = [
    ({"lora_adapter_metadata": json.dumps({"transformer.lora_alpha": 4, "transformer.alpha_pattern": {"to_q": 16}})},
     {LAYERS[0]: 4, LAYERS[1]: 1}),
    ({"lora_adapter_metadata": json.dumps({"lora_alpha": 4, "alpha_pattern": {r".*attention\.to_[qk]": 8}})},
     {LAYERS[0]: 2, LAYERS[1]: 2, LAYERS[2]: 1}),
    ({"lora_adapter_metadata": json.dumps({"transformer.lora_alpha": 8, "transformer.use_rslora": True})},
     {LAYERS[0]: 4}),
    ({"lora_alpha": "16", "rank": "4", "format": "pt"}, {LAYERS[0]: 4}),
    ({"transformer.lora_alpha": "16"}, {LAYERS[0]: 4}),
    ({"network_alpha": "2"}, {LAYERS[0]: 0.5}),
    ({"peft_config": json.dumps({"r": 4, "lora_alpha": 16})}, {LAYERS[0]: 4}),
    ({"ss_network_alpha": "16", "ss_network_dim": "4"}, {LAYERS[0]: 1}),  # kohya's: its alpha is in the tensors
]  # fmt: skip


@pytest.mark.parametrize(("notes", "times"), NOTES)
def test_a_file_is_as_strong_as_its_notes_say(
    pipeline: Pipeline, tmp_path: Path, notes: dict[str, str], times: dict[str, float]
) -> None:
    state, wanted = plain(pipeline, peft("transformer."))
    file = tmp_path / "style.safetensors"
    save(state, file, notes)

    added = read(pipeline, file)

    for layer, factor in times.items():
        assert torch.allclose(added[layer], factor * wanted[layer], atol=1e-4, rtol=1e-4), layer


def test_a_file_of_pefts_is_as_strong_as_the_configuration_beside_it_says(pipeline: Pipeline, tmp_path: Path) -> None:
    state, wanted = plain(pipeline, peft("base_model.model."))
    file = tmp_path / "adapter_model.safetensors"
    save(state, file)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": RANK, "lora_alpha": 16}))

    added = read(pipeline, file)

    assert torch.allclose(added[LAYERS[0]], 4 * wanted[LAYERS[0]], atol=1e-4, rtol=1e-4)


def test_biases_that_a_file_brings_are_added_as_strongly_as_its_products(pipeline: Pipeline, tmp_path: Path) -> None:
    state, deltas = with_alpha(pipeline, peft("transformer."))
    biases = {name: noise(linears(pipeline)[name].out_features, seed=n) for n, name in enumerate(LAYERS)}
    state |= {f"transformer.{name}.lora_B.bias": bias for name, bias in biases.items()}
    state |= {f"transformer.{LAYERS[0]}.diff_b": biases[LAYERS[0]]}
    file = tmp_path / "style.safetensors"
    save(state, file)

    changes = everything(pipeline.transformer, file)

    for name in LAYERS:
        x = noise(3, linears(pipeline)[name].in_features, seed=5)
        scale = 2 / RANK + (1 if name == LAYERS[0] else 0)
        assert torch.allclose(sum_of(changes[name], x), x @ deltas[name].T + scale * biases[name], atol=1e-4), name


@pytest.mark.parametrize("form", ["diffusion_model.{}.diff", "lora_unet_{}.w_norm", "transformer.{}.diff.weight"])
def test_what_a_file_adds_to_norms_is_added(pipeline: Pipeline, tmp_path: Path, form: str) -> None:
    state, _ = plain(pipeline, peft("diffusion_model."))
    added = {name: noise(norm.weight.numel(), seed=n) for n, (name, norm) in enumerate(norms(pipeline).items())}  # pyright: ignore[reportCallIssue]
    comfy = {name: name.replace("norm_q", "q_norm").replace("norm_k", "k_norm") for name in added}
    state |= {form.format(comfy[name].replace(".", "_") if "_{}" in form else comfy[name]): vector
              for name, vector in added.items()}  # fmt: skip
    file = tmp_path / "style.safetensors"
    save(state, file)

    changes = everything(pipeline.transformer, file)

    assert len(added) == 25
    for name, vector in added.items():
        norm = norms(pipeline)[name]
        x = noise(3, vector.numel(), seed=5)
        ours = Changed(norm, [(change, torch.tensor(0.5)) for change in changes[name]])(x)
        theirs = torch.func.functional_call(norm, {"weight": norm.weight + 0.5 * vector}, x)
        assert torch.allclose(ours, theirs, atol=1e-5), name


FOREIGN: list[State] = [
    {"lora_te_model_layers_0_self_attn_q_proj.lora_down.weight": noise(4, 8)},
    {"text_encoders.qwen3_4b.transformer.model.layers.0.self_attn.q_proj.lora_A.weight": noise(4, 8),
     "text_encoders.qwen3_4b.transformer.model.layers.0.self_attn.q_proj.dora_scale": noise(8, 1)},
    {"diffusion_model.layers.77.attention.to_q.lora_A.weight": noise(4, 64)},
    {"bundle_emb.mytoken.qwen3_4b": noise(2, 64)},
    {f"diffusion_model.{BLOCK}.qkv.lora_A.weight": noise(4, 64)},  # of what is there in other words already
    {"diffusion_model.layers.1.feed_forward.w3.alpha": torch.tensor(2.0)},  # of nothing
]  # fmt: skip


@pytest.mark.parametrize("more", FOREIGN)
def test_what_a_file_brings_for_parts_that_are_not_here_is_left_out_and_named(
    pipeline: Pipeline, tmp_path: Path, more: State
) -> None:
    state, wanted = plain(pipeline, peft("diffusion_model."))
    file = tmp_path / "style.safetensors"
    save(state | more, file)

    assert sorted(unused(pipeline.transformer, file)) == sorted(more)
    assert read(pipeline, file).keys() == wanted.keys()


def named(*layers: str) -> Callable[[Pipeline], State]:
    """Tensors of these names beside a LoRA that is whole."""
    return lambda pipeline: plain(pipeline, peft("transformer."))[0] | {name: noise(4, 4) for name in layers}


def without(ending: str) -> Callable[[Pipeline], State]:
    return lambda pipeline: {k: v for k, v in plain(pipeline, kohya)[0].items() if not k.endswith(f"to_q.{ending}")}


REFUSED: list[tuple[Callable[[Pipeline], State], str]] = [
    (named(f"transformer.{BLOCK}.to_q.oft_R.weight"), "is of a kind that cannot be used here (OFT)"),
    (named(f"lycoris_{FLAT}_to_q.oft_blocks"), "is of a kind that cannot be used here (OFT)"),
    (named(f"lora_unet_{FLAT}_to_q.a1.weight"), "is of a kind that cannot be used here (GLoRA)"),
    (named(f"lora_unet_{FLAT}_to_k.on_input"), "is of a kind that cannot be used here (IA3)"),
    (named(f"base_model.model.{BLOCK}.to_k.ia3_l"), "is of a kind that cannot be used here (IA3)"),
    (named(f"base_model.model.{BLOCK}.to_k.vera_lambda_b"), "is of a kind that cannot be used here (VeRA)"),
    (named(f"base_model.model.{BLOCK}.to_k.lora_E.default"), "is of a kind that cannot be used here (AdaLoRA)"),
    (named(f"lora_unet_{FLAT}_to_k.lora_mid.weight"), "is of a kind that cannot be used here (made for convolutions)"),
    (lambda _: {"lora_te1_q.dora_scale": noise(4, 1)}, "is of a kind that cannot be used here (DoRA)"),
    (named(f"{BLOCK}.to_q.weight"), f"brings {BLOCK}.to_q.weight, which is no change that is known here"),
    (named(f"{BLOCK}.to_q.lora_A.bias"), f"brings {BLOCK}.to_q.lora_A.bias, which is no change that is known here"),
    (named(f"transformer.{BLOCK}.to_q.diff"), f"changes transformer.{BLOCK}.to_q in two ways at once"),
    (without("lora_up.weight"), f"is not whole: of lora_unet_{FLAT}_to_q it has only lora_down.weight"),
    (without("lora_down.weight"), f"is not whole: of lora_unet_{FLAT}_to_q it has only lora_up.weight"),
    (lambda _: {f"lora_unet_{FLAT}_to_q.lokr_w1": noise(4, 4)},
     f"is not whole: of lora_unet_{FLAT}_to_q it has only lokr_w1"),
    (lambda _: {f"{BLOCK}.to_q.lora_A.weight": noise(0, 64), f"{BLOCK}.to_q.lora_B.weight": noise(64, 0)},
     f"is damaged: {BLOCK}.to_q has parts without numbers, or an alpha of several"),
    (lambda _: {f"{BLOCK}.norm_q.diff": noise(7)}, f"was made for another model: {BLOCK}.norm_q has another size here"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), REFUSED)
def test_a_file_that_would_be_read_in_part_is_refused_by_what_is_wrong_with_it(
    pipeline: Pipeline, tmp_path: Path, make: Callable[[Pipeline], State], reason: str
) -> None:
    file = tmp_path / "style.safetensors"
    save(make(pipeline), file)

    with pytest.raises(LoraProblem) as refused:
        unused(pipeline.transformer, file)

    assert str(refused.value) == f"The LoRA file style.safetensors {reason}."


@pytest.mark.parametrize("notes", ['{"lora_alpha": "strong"}', "{", "[]"])
def test_a_file_whose_notes_on_its_strength_are_garbled_is_refused(
    pipeline: Pipeline, tmp_path: Path, notes: str
) -> None:
    file = tmp_path / "style.safetensors"
    save(plain(pipeline, kohya)[0], file, {"lora_adapter_metadata": notes})

    with pytest.raises(LoraProblem, match=r"has notes on its strength that cannot be read.$"):
        unused(pipeline.transformer, file)


# Of the layouts beside this repository: those that cannot be used, and how much of others has no place here.
BESIDE_REFUSED = {
    "onetrainer_oft": r"\(OFT\)", "lycoris_glora": r"\(GLoRA\)", "dora": r"\(DoRA\)",
    "one_half_missing": "is not whole",
}  # fmt: skip
BESIDE_UNUSED = {"with_text_encoder": 4, "foreign_depth": 14, "onetrainer_bundle_emb": 1}


def test_every_layout_that_was_collected_changes_each_layer_as_it_should(tmp_path: Path) -> None:
    wide = ZImageTransformer2DModel(
        in_channels=16, dim=96, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=64,
        axes_dims=[16, 16, 16], axes_lens=[1536, 512, 512],
    )  # fmt: skip
    layers = changeable(wide)
    sizes = {n: (m.out_features, m.in_features) for n, m in layers.items() if isinstance(m, torch.nn.Linear)}
    own: list[tuple[str, Deltas]] = [("own", {LAYERS[0]: noise(96, 96)})]
    save({f"{name}.diff": delta for name, delta in own[0][1].items()}, tmp_path / "own.safetensors")
    collected = lora_layouts()
    if collected is not None:
        others = {n: m.weight.numel() for n, m in layers.items() if n not in sizes}  # pyright: ignore[reportCallIssue]
        own += [(name, deltas) for name, (deltas, _) in collected.make(sizes, others, tmp_path).items()]

    for name, deltas in own:
        file = tmp_path / f"{name}.safetensors"
        if name in BESIDE_REFUSED:
            with pytest.raises(LoraProblem, match=BESIDE_REFUSED[name]):
                unused(wide, file)
            continue
        changes = everything(wide, file)
        assert len(unused(wide, file)) == BESIDE_UNUSED.get(name, 0), name
        for layer, delta in deltas.items():
            x = torch.cat([torch.eye(delta.shape[1]), torch.zeros(1, delta.shape[1])])
            added = sum_of(changes[layer], x)
            assert torch.allclose((added - added[-1])[:-1].T, delta, atol=1e-4, rtol=1e-3), (name, layer)
            assert name != "peft_lora_bias" or added[-1].any()
        more = set(changes) - set(deltas)
        assert more == ({n for n in layers if n not in sizes} if "norm" in name else set()), name


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (
            {"double_blocks.0.img_attn.proj.lora_A.weight": noise(4, 8)},
            "changes no layer of this model: it is about double_blocks.0.img_attn.proj.lora_A.weight",
        ),
        ({"weight": noise(4, 8)}, "changes no layer of this model: it is about weight"),
        ({}, "changes no layer of this model"),
        (
            {
                "transformer.layers.0.attention.to_q.lora_A.weight": noise(4, 3840),
                "transformer.layers.0.attention.to_q.lora_B.weight": noise(3840, 4),
            },
            "was made for another model: transformer.layers.0.attention.to_q has another size here",
        ),
        (
            {"transformer.layers.0.attention.to_q.dora_scale": noise(64, 1)},
            "is of a kind that cannot be used here (DoRA)",
        ),
    ],
)
def test_a_file_that_would_do_nothing_or_harm_is_refused_in_one_sentence(
    pipeline: Pipeline, tmp_path: Path, state: State, reason: str
) -> None:
    file = tmp_path / "style.safetensors"
    save(state, file)

    with pytest.raises(LoraProblem) as refused:
        unused(pipeline.transformer, file)

    assert str(refused.value) == f"The LoRA file style.safetensors {reason}."


def test_a_file_that_is_cut_off_or_has_no_numbers_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    state, _ = plain(pipeline, kohya)
    catalogue = Catalogue(changeable(pipeline.transformer))
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
    (change,) = everything(pipeline.transformer, file)[LAYERS[0]]
    x = noise(2, 7, layer.in_features)

    ours = Changed(layer, [(change, torch.tensor(0.7))])(x)

    merged = torch.nn.functional.linear(x, layer.weight + 0.7 * deltas[LAYERS[0]], layer.bias)
    assert torch.allclose(ours, merged, atol=1e-4, rtol=1e-4)
