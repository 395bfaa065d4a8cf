"""Model folders: what is whole loads, what is not is said in one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file, save_file

from engine.worker.device.memory import GIB, Device, find_device
from engine.worker.loading import cards, loading
from engine.worker.loading.loading import LoadingProblem, Source
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.preview import Previews
from protocol.card import Z_IMAGE, Z_IMAGE_TURBO, ModelCard
from tests.support import tiny_model

CPU = Device(torch_device=torch.device("cpu"), dtype=torch.float32, total=0, free=0)
GPU = Device(torch_device=torch.device("cuda", 0), dtype=torch.bfloat16, total=24 * GIB, free=23 * GIB)


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    shutil.copytree(tiny, tmp_path / "model")
    return tmp_path / "model"


def rewrite(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def add(file: Path, *names: str) -> None:
    """Put tensors into a weight file that it did not have."""
    weights = {name: value.clone() for name, value in load_file(file).items()}
    save_file(weights | {name: torch.ones(2) for name in names}, file, {"format": "pt"})


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


DAMAGE: list[tuple[Callable[[Path], object], str]] = [
    (lambda f: (f / "model_index.json").unlink(), "model_index.json is missing"),
    (lambda f: (f / "model_index.json").write_text("{"), "model_index.json cannot be read"),
    (lambda f: (f / "model_index.json").write_text("[]"), "is not a JSON object"),
    (
        lambda f: rewrite(f / "model_index.json", _class_name="FluxPipeline"),
        "is of class FluxPipeline, not ZImagePipeline",
    ),
    (
        lambda f: rewrite(f / "model_index.json", text_encoder=["transformers", "T5"]),
        "The text_encoder of .* is of class T5",
    ),
    (lambda f: shutil.rmtree(f / "vae"), "has no vae"),
    (lambda f: (f / "vae" / "config.json").unlink(), "config.json is missing"),
    (lambda f: (f / "text_encoder" / "model.safetensors").unlink(), "has no weights"),
    (lambda f: cut(f / "transformer" / "diffusion_pytorch_model.safetensors"), "is cut off"),
    (lambda f: (f / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(b"x" * 99), "cut off or no"),
    (lambda f: (f / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(b""), "cut off or no"),
    (
        lambda f: (f / "vae" / "x.safetensors.index.json").write_text('{"weight_map": {"a": "gone.safetensors"}}'),
        "gone.safetensors is missing",
    ),
    (
        lambda f: shutil.copy(f / "vae/diffusion_pytorch_model.safetensors", f / "text_encoder/model.safetensors"),
        "lack embed_tokens.weight and 3. more",
    ),
    (lambda f: rewrite(f / "transformer" / "config.json", dim=32), "does not load: its configuration contradicts"),
    (lambda f: rewrite(f / "transformer" / "config.json", n_heads=4, dim=128), "does not load: "),
    (lambda f: rewrite(f / "transformer" / "config.json", n_layers=3), "lack layers.2.* and .* more"),
    (
        lambda f: rewrite(f / "scheduler" / "scheduler_config.json", use_dynamic_shifting=True),
        "shifts its schedule by size",
    ),
    *[
        (
            lambda f, said=said: rewrite(f / "scheduler" / "scheduler_config.json", **said),
            f"The scheduler of .* asks for {next(iter(said))}, which is not known here",
        )
        for said in (
            {"use_karras_sigmas": True},
            {"use_beta_sigmas": True},
            {"use_exponential_sigmas": True},
            {"invert_sigmas": True},
            {"stochastic_sampling": True},
            {"shift_terminal": 0.02},
            {"sigmas_of_tomorrow": "cosine"},
        )
    ],
    (lambda f: rewrite(f / "scheduler" / "scheduler_config.json", num_train_timesteps=500), "counts 500 times"),
    (lambda f: rewrite(f / "scheduler" / "scheduler_config.json", shift="3"), "has a shift of 3"),
    (lambda f: rewrite(f / "scheduler" / "scheduler_config.json", shift=0), "has a shift of 0"),
    (
        lambda f: add(f / "transformer" / "diffusion_pytorch_model.safetensors", "t_embedder_2.mlp.0.weight"),
        "transformer brings t_embedder_2.mlp.0.weight and 0 more",
    ),
    (lambda f: add(f / "text_encoder" / "model.safetensors", "visual.patch.weight"), "brings visual.patch.weight"),
    (lambda f: add(f / "vae" / "diffusion_pytorch_model.safetensors", "quant_conv.weight"), "brings quant_conv.weight"),
    (lambda f: (f / "zimagine.json").write_text('{"id": "x"}'), "is no model card"),
]


@pytest.mark.parametrize(("damage", "sentence"), DAMAGE)
def test_a_damaged_folder_is_refused_in_one_sentence(
    folder: Path, damage: Callable[[Path], object], sentence: str
) -> None:
    damage(folder)

    with pytest.raises(LoadingProblem, match=sentence) as refused:
        loading.load(folder, CPU)

    assert "\n" not in str(refused.value)


def test_a_folder_of_a_model_that_sees_pictures_is_refused(tmp_path: Path) -> None:
    folder = tiny_model.write(tmp_path / "omni", siglip=True)

    with pytest.raises(LoadingProblem, match=r"a model which sees pictures \(siglip_feat_dim\)"):
        loading.load(folder, CPU)


def test_a_schedule_whose_shift_is_not_told_is_as_diffusers_has_it(folder: Path) -> None:
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != "shift"}))

    assert loading.load(folder, CPU).shift == FlowMatchEulerDiscreteScheduler.from_pretrained(file.parent).shift == 1.0


def test_an_idle_norm_or_language_head_in_a_folder_is_no_hindrance(folder: Path) -> None:
    add(folder / "transformer" / "diffusion_pytorch_model.safetensors", "norm_final.weight")
    add(folder / "text_encoder" / "model.safetensors", "lm_head.weight")

    assert loading.load(folder, CPU).notice == ""


def test_any_complete_folder_gets_a_card_around_its_own_size(tiny: Path) -> None:
    card = loading.load(tiny, CPU).card

    assert card.id == tiny.name
    assert card.shapes["1:1"] == (64, 64)
    assert card.shapes["3:2"] == (80, 48)
    assert all(side % 16 == 0 for size in card.shapes.values() for side in size)


def test_the_card_beside_the_weights_is_the_one_used(folder: Path) -> None:
    own = msgspec.structs.replace(Z_IMAGE_TURBO, id="mine", name="Mine")
    (folder / "zimagine.json").write_bytes(msgspec.json.encode(own))

    assert loading.load(folder, CPU).card == own


def test_the_published_model_is_known_by_its_name(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "models--Tongyi-MAI--Z-Image-Turbo" / "snapshots" / "abc")

    card = loading.load(tmp_path / "models--Tongyi-MAI--Z-Image-Turbo" / "snapshots" / "abc", CPU).card

    assert card == Z_IMAGE_TURBO


def hub_snapshot(tiny: Path, cache: Path, repository: str) -> Path:
    """A copy as it lies in the hub's cache, in a folder called by its commit."""
    cached = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / "0a1b2c3d4e5f"
    shutil.copytree(tiny, cached)
    return cached


def test_a_hub_model_is_called_by_its_name_and_not_by_its_commit(tiny: Path, tmp_path: Path) -> None:
    snapshot = hub_snapshot(tiny, tmp_path, "somebody/Z-Image-Woods")
    parts = loading.load(snapshot, CPU)
    (snapshot / "transformer" / "config.json").write_text("{}")

    with pytest.raises(LoadingProblem, match=r"^somebody/Z-Image-Woods does not load"):
        loading.load(snapshot, CPU)

    assert (parts.card.id, parts.card.name) == ("somebody/Z-Image-Woods", "Z-Image-Woods")


def test_what_others_made_of_turbo_has_its_sizes_under_its_own_name(tiny: Path, tmp_path: Path) -> None:
    made = loading.load(hub_snapshot(tiny, tmp_path, "somebody/Z-Image-Turbo-Woods"), CPU).card
    same_name = loading.load(hub_snapshot(tiny, tmp_path, "somebody/Z-Image-Turbo"), CPU).card

    assert made == msgspec.structs.replace(
        Z_IMAGE_TURBO, id="somebody/Z-Image-Turbo-Woods", name="Z-Image-Turbo-Woods", licence=""
    )
    assert same_name.id == "somebody/Z-Image-Turbo"


@pytest.mark.parametrize(("shift", "recipe"), [(3.0, Z_IMAGE_TURBO), (6.0, Z_IMAGE)])
def test_a_child_of_the_family_is_known_by_the_width_of_its_net_and_the_shift_of_its_schedule(
    tmp_path: Path, shift: float, recipe: ModelCard
) -> None:
    folder = tmp_path / "woods"
    for part, config in (
        ("transformer", {"dim": 3840}),
        ("scheduler", {"shift": shift}),
        ("vae", {"sample_size": 1024}),
    ):
        (folder / part).mkdir(parents=True)
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        (folder / part / name).write_text(json.dumps(config))

    card = cards.read_card(Source(folder=folder))

    assert card == msgspec.structs.replace(recipe, id="woods", name="woods", licence="")


def test_the_model_that_turbo_was_distilled_from_has_its_own_recipe(tiny: Path, tmp_path: Path) -> None:
    card = loading.load(hub_snapshot(tiny, tmp_path, "Tongyi-MAI/Z-Image"), CPU).card

    assert card == Z_IMAGE
    assert (card.steps.default, card.steps.ceiling, card.guidance.usual) == (28, 60, 4.0)


def test_a_folder_below_one_that_is_called_turbo_is_no_turbo_for_that(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "my z-image-turbo things" / "woods")

    card = loading.load(tmp_path / "my z-image-turbo things" / "woods", CPU).card

    assert (card.id, card.shapes["1:1"]) == ("woods", (64, 64))


@pytest.mark.parametrize("part", ["transformer", "text_encoder", "vae"])
def test_a_pickle_is_never_opened(folder: Path, part: str) -> None:
    (weights,) = (folder / part).glob("*.safetensors")
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin" if part == "text_encoder" else
                                                    "diffusion_pytorch_model.bin"))  # fmt: skip
    weights.rename(weights.with_name("of another name.safetensors"))

    with pytest.raises(LoadingProblem, match=r"does not load: .*no file named"):
        loading.load(folder, CPU)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("/no/such/folder", "There is no model folder /no/such/folder"),
        ("./nowhere", "There is no model folder"),
        ("models/x.gguf", "There is no model file models/x.gguf\\.$"),
        ("models/X.SAFETENSORS", "There is no model file models/X.SAFETENSORS\\.$"),
        ("somebody/model.ckpt", "There is no model file somebody/model.ckpt\\.$"),
        ("engine/nothing-here", "There is no model folder engine/nothing-here\\.$"),  # lies beside what is there
        ("nobody/nothing-here", "is not on this machine; fetch it with: hf download nobody/nothing-here"),
    ],
)
def test_a_model_that_is_not_there_is_said_to_be_missing(model: str, sentence: str) -> None:
    with pytest.raises(LoadingProblem, match=sentence):
        loading.find(model, gpu=False)


@pytest.mark.parametrize(
    ("gpu", "lack"),
    [(False, "there is no supported GPU"), (True, "Tongyi-MAI/Z-Image-Turbo is not complete on disk")],
)
def test_auto_without_gpu_or_files_is_the_starter_and_tells_how_to_get_the_real_model(gpu: bool, lack: str) -> None:
    source = loading.find("auto", gpu=gpu)

    assert source == Source(folder=loading.STARTER)
    assert loading.advice("auto", source, gpu=gpu) == (
        f"The starter paints because {lack}; the real model (33 GB) comes with: hf download Tongyi-MAI/Z-Image-Turbo"
    )
    assert loading.advice("starter", source, gpu=gpu) == ""


def test_the_processor_paints_in_fp32() -> None:
    device = find_device("cpu")

    assert (device.torch_device.type, device.dtype, device.name) == ("cpu", torch.float32, "cpu")


def test_a_card_without_preview_colours_gets_them_from_its_vae(pipeline: Pipeline) -> None:
    assert pipeline.card.latent_rgb == ()

    previews = Previews(pipeline.card, pipeline.vae, pipeline.device.torch_device)
    matrix, bias = pipeline.vae.fit_preview()

    assert matrix.shape == (16, 3)
    assert torch.isfinite(matrix).all()
    assert torch.equal(matrix, previews.matrix)
    assert torch.equal(bias, previews.bias)


def test_the_starter_loads_and_fits_its_card() -> None:
    parts = loading.load(loading.STARTER, CPU)

    assert isinstance(parts.card, ModelCard)
    assert parts.transformer.dtype is parts.text_encoder.dtype is parts.vae.dtype is torch.float32
    assert parts.shift == 3.0
