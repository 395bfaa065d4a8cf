"""Files as ComfyUI users have them: what holds the model paints as the model does, what does not is refused."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from engine.worker.device.memory import GIB, Device, Policy, Storage, find_device, weight_bytes
from engine.worker.loading.loading import STARTER, Beside, LoadingProblem, Parts, find, load, weigh
from engine.worker.pipeline.pipeline import Pipeline
from protocol.card import Z_IMAGE_TURBO
from protocol.messages import Generate
from protocol.request import Lora
from tests.engine.worker.adapters.test_controlnet import following
from tests.support import lora_file, tiny_control, tiny_model
from tests.support.likeness import assert_same_pixels
from tests.support.model_files import (
    Tensors,
    ae,
    block_fp8,
    comfy_transformer,
    int8,
    int8_note,
    llama_cpp,
    prefixed,
    raw_fp8,
    save,
    save_gguf,
    scaled_fp8,
    weights_of,
)
from tests.support.orders import order
from tests.support.painting import finish

CPU = find_device("cpu")


@pytest.fixture(scope="module")
def whole(tiny: Path) -> Parts:
    """The model that all these files are made of."""
    return load(tiny, CPU)


@pytest.fixture(scope="module")
def transformer(whole: Parts) -> Tensors:
    return weights_of(whole.transformer)


def loaded(file: Path, base: Path, **beside: Any) -> Parts:
    return load(find(str(file), gpu=False, beside=Beside(base=str(base), **beside)), CPU)


def painted(parts: Parts) -> np.ndarray:
    return painted_by(Pipeline(parts, CPU), order(steps=3))


def painted_by(pipeline: Pipeline, asked: Generate) -> np.ndarray:
    sample = pipeline.begin(asked, 0)
    while not sample.done:
        pipeline.step([sample])
    pixels = finish(pipeline, sample)
    assert isinstance(pixels, np.ndarray)
    return pixels.astype(int)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((one - other) ** 2), 1e-9)))


EXACT: list[Callable[[Tensors], Tensors]] = [
    dict,
    comfy_transformer,
    lambda w: w | {"norm_final.weight": torch.ones(4)},
    lambda w: prefixed(comfy_transformer(w), "model.diffusion_model."),
    lambda w: prefixed(comfy_transformer(w), "diffusion_model."),
]


@pytest.mark.parametrize("layout", EXACT)
def test_a_transformer_file_holds_the_same_model_in_every_layout(
    tiny: Path, whole: Parts, transformer: Tensors, tmp_path: Path, layout: Callable[[Tensors], Tensors]
) -> None:
    parts = loaded(save(layout(transformer), tmp_path / "mine.safetensors"), tiny)

    assert parts.card.id == parts.card.name == "mine"
    assert parts.card.shapes == whole.card.shapes
    for name, value in parts.transformer.state_dict().items():
        assert torch.equal(value, transformer[name]), name


# The least signal-to-noise ratio in dB; with all matrices of all blocks zero it would be 30.
CLOSE: list[tuple[Callable[[Tensors], Tensors], float]] = [
    (raw_fp8, 43),
    (lambda w: raw_fp8(comfy_transformer(w)), 43),
    (scaled_fp8, 50),
    (lambda w: scaled_fp8(comfy_transformer(w), ending="scale_weight", note=None) | {"scaled_fp8": torch.ones(2)}, 50),
    (block_fp8, 45),
    (lambda w: block_fp8(w, block=32), 45),
    (int8, 50),
    (lambda w: int8(w, note=False), 50),
    (lambda w: int8(comfy_transformer(w), turned=16), 50),
    (lambda w: int8(comfy_transformer(w), turned=64), 50),
    (lambda w: {name: value.to(torch.bfloat16) for name, value in w.items()}, 55),
    (lambda w: {name: value.half() for name, value in w.items()}, 60),
]


@pytest.mark.parametrize(("stored", "least"), CLOSE)
def test_a_rounded_transformer_file_paints_nearly_the_same_picture(
    tiny: Path,
    whole: Parts,
    transformer: Tensors,
    tmp_path: Path,
    stored: Callable[[Tensors], Tensors],
    least: float,
) -> None:
    parts = loaded(save(stored(transformer), tmp_path / "mine.safetensors"), tiny)

    assert {value.dtype for value in parts.transformer.parameters()} == {torch.float32}
    assert psnr(painted(parts), painted(whole)) >= least


@pytest.mark.parametrize("layout", [dict, comfy_transformer])
@pytest.mark.parametrize(("kind", "least"), [("Q8_0", 53), ("Q5_1", 42), ("Q4_0", 35), ("BF16", 55)])
def test_a_gguf_file_stays_packed_and_paints_nearly_the_same_picture(
    tiny: Path,
    whole: Parts,
    transformer: Tensors,
    tmp_path: Path,
    layout: Callable[..., Tensors],
    kind: str,
    least: int,
) -> None:
    file = save_gguf(layout(transformer), tmp_path / "mine.gguf", kind)

    parts = loaded(file, tiny)

    assert parts.storage is Storage.GGUF
    assert psnr(painted(parts), painted(whole)) >= least
    assert weight_bytes(parts.transformer) < weight_bytes(whole.transformer) or kind == "BF16"


def test_a_gguf_file_whose_pad_tokens_are_plain_vectors_is_read_all_the_same(
    tiny: Path, whole: Parts, transformer: Tensors, tmp_path: Path
) -> None:
    file = save_gguf(comfy_transformer(transformer), tmp_path / "mine.gguf", flat_pads=True)

    parts = loaded(file, tiny)

    assert torch.equal(parts.transformer.x_pad_token, whole.transformer.x_pad_token)


def test_a_gguf_model_is_weighed_as_it_is_stored(tiny: Path, transformer: Tensors, tmp_path: Path) -> None:
    file = save_gguf(comfy_transformer(transformer), tmp_path / "mine.gguf")
    source = find(str(file), gpu=False, beside=Beside(base=str(tiny)))

    weights = weigh(source, CPU)

    assert weights.transformer == pytest.approx(weight_bytes(load(source, CPU).transformer), rel=0.001)


@pytest.mark.parametrize("policy", ["group-offload", "sequential"])
def test_a_packed_model_can_be_kept_in_main_memory(
    tiny: Path, transformer: Tensors, tmp_path: Path, policy: str
) -> None:
    file = save_gguf(transformer, tmp_path / "mine.gguf")
    source, device = find(str(file), gpu=False, beside=Beside(base=str(tiny))), find_device("cpu", policy)

    assert psnr(painted(load(source, device)), painted(load(source, CPU))) > 80


def test_weights_that_only_the_header_tells_of_are_read_as_it_says(
    tiny: Path, whole: Parts, transformer: Tensors, tmp_path: Path
) -> None:
    stored = prefixed(int8(transformer, turned=16, note=False), "model.diffusion_model.")
    layers = {name.removesuffix(".weight_scale"): int8_note(16) for name in stored if name.endswith(".weight_scale")}
    header = {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": layers})}

    parts = loaded(save(stored, tmp_path / "mine.safetensors", header), tiny)

    assert psnr(painted(parts), painted(whole)) >= 50


@pytest.mark.parametrize("stored", [block_fp8, int8])
def test_a_text_encoder_of_one_byte_a_weight_is_unpacked(
    tiny: Path, whole: Parts, transformer: Tensors, tmp_path: Path, stored: Callable[[Tensors], Tensors]
) -> None:
    te = save(stored(prefixed(weights_of(whole.text_encoder), "model.")), tmp_path / "te.safetensors")

    parts = loaded(save(transformer, tmp_path / "mine.safetensors"), tiny, text_encoder=te)

    assert psnr(painted(parts), painted(whole)) >= 40


def test_what_belongs_to_no_part_of_a_checkpoint_is_said(tiny: Path, transformer: Tensors, tmp_path: Path) -> None:
    more = {"vae_of_somebody": torch.ones(1), "model_ema.decay": torch.ones(1), "scaled_fp8": torch.ones(2)}
    file = save(prefixed(transformer, "model.diffusion_model.") | more, tmp_path / "mine.safetensors")

    parts = loaded(file, tiny)

    assert parts.notice == f"{file} holds model_ema.decay and 1 more, which belong to no part of this model."
    assert loaded(save(transformer, tmp_path / "plain.safetensors"), tiny).notice == ""


TEXT_ENCODERS: list[Callable[[Tensors, Path], Path]] = [
    lambda w, f: save(w, f / "te.safetensors"),
    lambda w, f: save(prefixed(w, "model.") | {"lm_head.weight": torch.ones(2, 2)}, f / "te.safetensors"),
    lambda w, f: save_gguf(llama_cpp(w), f / "te.gguf", "BF16"),
]


@pytest.mark.parametrize("saved", TEXT_ENCODERS)
def test_a_text_encoder_file_takes_the_place_of_the_folders(
    tiny: Path, transformer: Tensors, tmp_path: Path, saved: Callable[[Tensors, Path], Path]
) -> None:
    other = load(tiny_model.write(tmp_path / "other", seed=5), CPU)
    file = saved(weights_of(other.text_encoder), tmp_path)

    parts = loaded(save(transformer, tmp_path / "mine.safetensors"), tiny, text_encoder=file)

    for name, value in parts.text_encoder.state_dict().items():
        assert torch.allclose(value, other.text_encoder.state_dict()[name], rtol=0.01), name


def test_a_text_encoder_in_scaled_fp8_is_unpacked(
    tiny: Path, whole: Parts, transformer: Tensors, tmp_path: Path
) -> None:
    te = save(scaled_fp8(prefixed(weights_of(whole.text_encoder), "model.")), tmp_path / "te.safetensors")

    parts = loaded(save(transformer, tmp_path / "mine.safetensors"), tiny, text_encoder=te)

    assert psnr(painted(parts), painted(whole)) >= 40


@pytest.mark.parametrize("layout", [dict, ae, lambda w: prefixed(ae(w), "first_stage_model.")])
def test_a_vae_file_takes_the_place_of_the_folders(
    tiny: Path, transformer: Tensors, tmp_path: Path, layout: Callable[[Tensors], Tensors]
) -> None:
    other = load(tiny_model.write(tmp_path / "other", seed=5), CPU)
    file = save(layout(weights_of(other.vae)), tmp_path / "ae.safetensors")

    parts = loaded(save(transformer, tmp_path / "mine.safetensors"), tiny, vae=file)

    for name, value in parts.vae.state_dict().items():
        assert torch.equal(value, other.vae.state_dict()[name]), name


def test_files_for_all_three_parts_need_only_the_small_files_of_the_folder(
    tiny: Path, whole: Parts, transformer: Tensors, tmp_path: Path
) -> None:
    small = shutil.copytree(tiny, tmp_path / "small", ignore=shutil.ignore_patterns("*.safetensors"))
    te = save(prefixed(weights_of(whole.text_encoder), "model."), tmp_path / "qwen_3_4b.safetensors")
    vae = save(ae(weights_of(whole.vae)), tmp_path / "ae.safetensors")
    mine = save(comfy_transformer(transformer), tmp_path / "z_image_turbo_bf16.safetensors")

    parts = loaded(mine, small, text_encoder=te, vae=vae)

    assert_same_pixels(painted(parts), painted(whole))


def test_a_checkpoint_with_all_parts_in_one_file_needs_no_others(
    tiny: Path, whole: Parts, transformer: Tensors, tmp_path: Path
) -> None:
    small = shutil.copytree(tiny, tmp_path / "small", ignore=shutil.ignore_patterns("*.safetensors"))
    everything = prefixed(comfy_transformer(transformer), "model.diffusion_model.")
    everything |= prefixed(weights_of(whole.text_encoder), "text_encoders.qwen3_4b.transformer.model.")
    everything |= prefixed(ae(weights_of(whole.vae)), "vae.")

    parts = loaded(save(everything, tmp_path / "all.safetensors"), small)

    assert_same_pixels(painted(parts), painted(whole))


def test_a_card_beside_a_file_is_the_one_used(tiny: Path, transformer: Tensors, tmp_path: Path) -> None:
    file = save(transformer, tmp_path / "mine.safetensors")
    own = msgspec.structs.replace(Z_IMAGE_TURBO, id="own", name="My own")
    (tmp_path / "mine.zimagine.json").write_bytes(msgspec.json.encode(own))

    assert loaded(file, tiny).card == own


def saved(change: Callable[[Tensors], Tensors]) -> Callable[[Tensors, Path], Path]:
    return lambda weights, folder: save(change(weights), folder / "mine.safetensors")


def told(notes: dict[str, Any]) -> Callable[[Tensors, Path], Path]:
    header = {"_quantization_metadata": json.dumps(notes)}
    return lambda weights, folder: save(weights, folder / "mine.safetensors", header)


def note(**said: object) -> torch.Tensor:
    return torch.tensor(list(json.dumps(said).encode()), dtype=torch.uint8)


def cut(file: Path) -> Path:
    file.write_bytes(file.read_bytes()[:-1000])
    return file


def written(name: str, content: bytes) -> Callable[[Tensors, Path], Path]:
    def write(_weights: Tensors, folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


WRONG: list[tuple[Callable[[Tensors, Path], Path], str]] = [
    (lambda w, f: cut(save(w, f / "mine.safetensors")), "mine.safetensors is cut off"),
    (lambda w, f: cut(save_gguf(w, f / "mine.gguf")), "mine.gguf is cut off or no GGUF file"),
    (written("mine.safetensors", b""), "cut off or no safetensors file"),
    (written("mine.safetensors", b"<html>not found</html>"), "cut off or no safetensors file"),
    (written("mine.safetensors", (2).to_bytes(8, "little") + b"[]"), "mine.safetensors cannot be read"),
    (written("mine.gguf", b"<html>not found</html>"), "mine.gguf is cut off or no GGUF file"),
    (written("mine.gguf", b""), "mine.gguf is cut off or no GGUF file"),
    (written("mine.ckpt", b"x"), "mine.ckpt is a file of another kind"),
    (saved(lambda w: {k: v for k, v in w.items() if "layers.1." not in k}), "it lacks layers.1"),
    (saved(lambda w: {"double_blocks.0.img_attn.qkv.weight": torch.ones(4, 4)}), "is no Z-Image transformer"),
    (saved(lambda w: {"diffusion_model.layers.0.attention.qkv.lora_A.weight": torch.ones(4, 4)}), "it lacks"),
    (saved(lambda w: w | {"x_pad_token": torch.ones(1, 63)}), "x_pad_token is 1x63, not 1x64"),
    (saved(lambda w: scaled_fp8(w, note="nvfp4")), "in the format nvfp4, which only ComfyUI reads"),
    (saved(lambda w: w | {"layers.0.attention.to_q.weight_scale": torch.ones(2, 2)}), "to_q.weight scaled in blocks"),
    (saved(lambda w: scaled_fp8(w, ending="scale")), "brings layers.0.adaLN_modulation.0.scale and 15 more"),
    (saved(lambda w: scaled_fp8(w, ending="scales")), "brings layers.0.adaLN_modulation.0.scales and 15 more"),
    (saved(lambda w: raw_fp8(w) | {"layers.0.attention.to_q.weight_scale_inv": torch.ones(3, 5)}), "do not fit it"),
    (saved(lambda w: w | {"t_embedder_2.mlp.0.weight": torch.ones(4)}),
     "brings t_embedder_2.mlp.0.weight and 0 more, for which a Z-Image transformer has no place"),
    (saved(lambda w: w | {"siglip_embedder.0.weight": torch.ones(4), "siglip_pad_token": torch.ones(1, 4)}),
     "brings siglip_embedder.0.weight and 1 more"),
    (saved(lambda w: w | {"layers.0.attention.to_q.weight": torch.ones(64, 64, dtype=torch.int8)}),
     "to_q.weight in whole numbers, without a factor"),
    (saved(lambda w: w | {"layers.0.attention.gone.weight_scale": torch.ones(1)}), "gone.weight_scale and 0 more"),
    (saved(lambda w: scaled_fp8(w, note="int8_blockwise")), "in the format int8_blockwise, which only ComfyUI reads"),
    (saved(lambda w: int8(w, turned=16) | {"layers.0.attention.to_q.comfy_quant": note(
        format="int8_tensorwise", codebook=7)}), "int8_tensorwise with codebook, which only ComfyUI reads"),
    (saved(lambda w: int8(w) | {"layers.0.attention.to_q.comfy_quant": note(
        format="int8_tensorwise", convrot=True, convrot_groupsize=256)}), "turned in groups of 256, which do not fit"),
    (told({"layers": {"layers.0.attention.to_q": {"format": "nvfp4"}}}), "in the format nvfp4, which only ComfyUI"),
    (told({"blocks": 3}), "tells in its header of weights in a form that is not known here"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "sentence"), WRONG)
def test_a_file_that_is_not_the_model_is_refused_in_one_sentence(
    tiny: Path, transformer: Tensors, tmp_path: Path, make: Callable[[Tensors, Path], Path], sentence: str
) -> None:
    file = make(transformer, tmp_path)

    with pytest.raises(LoadingProblem, match=sentence) as refused:
        loaded(file, tiny)

    assert file.name in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("part", ["text_encoder", "vae"])
def test_a_wrong_file_beside_it_is_named(tiny: Path, transformer: Tensors, tmp_path: Path, part: str) -> None:
    mine = save(transformer, tmp_path / "mine.safetensors")
    wrong = save(transformer, tmp_path / "wrong.safetensors")

    for file, sentence in [
        (wrong, "wrong.safetensors is no "),
        (tmp_path / "gone.safetensors", "gone.safetensors is missing"),
        (tmp_path / "tiny.txt", "tiny.txt is no .safetensors or .gguf file"),
    ]:
        (tmp_path / "tiny.txt").touch()
        with pytest.raises(LoadingProblem, match=sentence):
            loaded(mine, tiny, **{part: file})


def test_a_transformer_file_without_the_small_files_says_how_to_get_them(transformer: Tensors, tmp_path: Path) -> None:
    file = save(transformer, tmp_path / "mine.safetensors")

    with pytest.raises(
        LoadingProblem, match=r"mine.safetensors needs .*engine.base.* hf download .* --exclude"
    ) as told:
        find(str(file), gpu=False, beside=Beside(base="nobody/nothing"))

    assert str(told.value).count(". ") == 0


def test_a_part_that_neither_file_nor_folder_has_is_asked_for(tiny: Path, transformer: Tensors, tmp_path: Path) -> None:
    small = shutil.copytree(tiny, tmp_path / "small", ignore=shutil.ignore_patterns("*.safetensors"))

    with pytest.raises(LoadingProblem, match=r"holds no text_encoder .* name a file: engine.text_encoder"):
        loaded(save(transformer, tmp_path / "mine.safetensors"), small)


def test_a_transformer_for_another_configuration_is_refused(transformer: Tensors, tmp_path: Path) -> None:
    file = save(transformer, tmp_path / "mine.safetensors")

    with pytest.raises(LoadingProblem, match=r"mine.safetensors (does not fit|is no)"):
        loaded(file, STARTER)


# Weights packed when they are loaded


@pytest.mark.parametrize(("storage", "least"), [(Storage.INT8, 55), (Storage.FP8, 47)])
@pytest.mark.parametrize("policy", ["resident", "encoder-evicted", "group-offload"])
def test_packed_weights_paint_nearly_the_same_picture_in_less_space(
    tiny: Path, whole: Parts, storage: Storage, least: int, policy: str
) -> None:
    device = find_device("cpu", policy)

    parts = load(tiny, device, storage)

    assert parts.storage is storage
    assert psnr(painted(parts), painted(whole)) >= least
    weights = weigh(tiny, device, storage)
    assert weights.transformer == pytest.approx(weight_bytes(parts.transformer), rel=0.02)  # and a factor for each row
    assert weights.transformer < weight_bytes(whole.transformer)
    assert weights.text_encoder < weight_bytes(whole.text_encoder)


def test_a_file_in_comfys_layout_can_be_packed_too(
    tiny: Path, whole: Parts, transformer: Tensors, tmp_path: Path
) -> None:
    file = save(comfy_transformer(transformer), tmp_path / "m.safetensors")
    source = find(str(file), gpu=False, beside=Beside(base=str(tiny)))

    assert psnr(painted(load(source, CPU, Storage.INT8)), painted(whole)) >= 55


def test_what_is_packed_is_not_packed_again(tiny: Path, transformer: Tensors, tmp_path: Path) -> None:
    packed = save_gguf(transformer, tmp_path / "mine.gguf")
    gguf = find(str(packed), gpu=False, beside=Beside(base=str(tiny)))

    with pytest.raises(LoadingProblem, match=r"engine.weights can only be plain"):
        load(gguf, CPU, Storage.INT8)
    with pytest.raises(LoadingProblem, match=r"engine.memory cannot be fp8-storage"):
        load(tiny, find_device("cpu", "fp8-storage"), Storage.INT8)


def test_auto_never_casts_packed_weights(tiny: Path) -> None:
    weights = weigh(tiny, CPU, Storage.FP8)
    sizes = (quarter * GIB // 4 for quarter in range(80))

    for free in sizes:
        device = Device(torch_device=torch.device("cuda", 0), dtype=torch.bfloat16, total=80 * GIB, free=free)
        assert device.policy(weights) is not Policy.FP8_STORAGE


@pytest.fixture(params=["int8", "fp8", "gguf"])
def packed(request: pytest.FixtureRequest, tiny: Path, transformer: Tensors, tmp_path: Path) -> Parts:
    """The model with its weights packed in one of the ways there are."""
    if request.param == "gguf":
        return loaded(save_gguf(comfy_transformer(transformer), tmp_path / "mine.gguf"), tiny)
    return load(tiny, CPU, Storage(request.param))


def test_a_lora_does_to_packed_weights_what_it_does_to_plain_ones(tiny: Path, packed: Parts, tmp_path: Path) -> None:
    lora_file.write(tmp_path / "loras" / "ink.safetensors", tiny)
    asked, undressed = order(steps=3, loras=(Lora(name="ink"),)), painted(packed)
    ours, theirs = (Pipeline(parts, CPU, loras=tmp_path / "loras") for parts in (packed, load(tiny, CPU)))

    dressed = painted_by(ours, asked)

    assert psnr(dressed, painted_by(theirs, asked)) >= 45
    assert psnr(dressed, undressed) < 30


def test_a_controlnet_leads_packed_weights_as_it_leads_plain_ones(
    tiny: Path, whole: Parts, packed: Parts, tmp_path: Path
) -> None:
    net = tiny_control.write_folder(tmp_path / "union", "2.1")
    led, bare = Pipeline(packed, CPU), Pipeline(whole, CPU)
    asked = following(steps=3)

    assert led.load_controlnet(net) == bare.load_controlnet(net) == ""
    assert psnr(painted_by(led, asked), painted_by(bare, asked)) >= 40


@pytest.mark.parametrize("package", ["gguf", "torchao"])
def test_a_package_that_is_not_installed_is_named(
    tiny: Path, transformer: Tensors, tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save_gguf(transformer, tmp_path / "mine.gguf")
    for name in [one for one in sys.modules if one.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(LoadingProblem, match=rf"one more package: pip install -e .\[{package}\]"):
        loaded(file, tiny) if package == "gguf" else load(tiny, CPU, Storage.INT8)
