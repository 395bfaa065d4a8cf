"""Paintings that follow a picture: the same as the bare pipeline's, alone, in company, and with those that do not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from diffusers import ZImageControlNetPipeline, ZImagePipeline
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file

from engine.worker.device.memory import find_device
from engine.worker.image import edges
from engine.worker.loading.loading import load
from engine.worker.pipeline.pipeline import Pipeline
from protocol.messages import Failed, Finished, Generate
from protocol.request import Control, ControlKind, Kind, Region
from tests.engine.worker.pipeline.test_parity import SOURCE, painted, png
from tests.engine.worker.test_loop import of, perform
from tests.support import tiny_control
from tests.support.likeness import LATENTS, assert_same_latents, relative
from tests.support.orders import order

CPU = torch.device("cpu")
SHAPES = Image.new("RGB", (96, 64), "white")
ImageDraw.Draw(SHAPES).ellipse((20, 12, 60, 52), fill="red")


def leading(kind: ControlKind = ControlKind.DEPTH, strength: float = 0.75) -> Control:
    return Control(kind=kind, picture="0" * 64, strength=strength)


def following(
    job: str = "led", picture: Image.Image = SHAPES, control: Control | None = None, **wish: object
) -> Generate:
    """An order for a picture that follows this one."""
    plain = order(job, **({"width": 96, "height": 64} | wish))
    request = msgspec.structs.replace(plain.request, control=control or leading())
    return msgspec.structs.replace(plain, request=request, control=png(picture))


def painter_with(tiny: Path, controlnet: Path) -> Pipeline:
    device = find_device("cpu")
    pipeline = Pipeline(load(tiny, device), device)
    assert pipeline.load_controlnet(controlnet) == ""
    return pipeline


@pytest.fixture
def led(tiny: Path, tmp_path: Path) -> Pipeline:
    """The tiny model with a tiny ControlNet beside it."""
    return painter_with(tiny, tiny_control.write_folder(tmp_path / "tiny-union", "2.1"))


@pytest.mark.parametrize("version", tiny_control.VERSIONS)
@pytest.mark.parametrize("single_file", [False, True])
@pytest.mark.parametrize("guidance", [0.0, 2.5])
def test_a_picture_that_follows_another_equals_that_of_the_bare_pipeline(
    tiny: Path, tmp_path: Path, version: str, single_file: bool, guidance: float
) -> None:
    write = tiny_control.write_file if single_file else tiny_control.write_folder
    pipeline = painter_with(tiny, write(tmp_path / "union.safetensors", version))
    bare = ZImagePipeline.from_pretrained(tiny, local_files_only=True)
    published = ZImageControlNetPipeline(**bare.components, controlnet=tiny_control.tiny_controlnet(version))
    published.set_progress_bar_config(disable=True)
    wish = following(control=leading(strength=0.6), guidance=guidance, negative="grey")
    theirs = published(
        wish.request.prompt,
        negative_prompt="grey",
        control_image=SHAPES,
        controlnet_conditioning_scale=0.6,
        width=96,
        height=64,
        num_inference_steps=8,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
    ).images

    (sample,) = painted(pipeline, pipeline.begin(wish, 0))

    assert_same_latents(sample.latent.squeeze(1), theirs[0])


def test_it_makes_a_difference(led: Pipeline) -> None:
    plain = order(width=96, height=64)
    latents = [painted(led, led.begin(one, 0))[0].latent for one in (plain, following())]

    assert relative(latents[1], latents[0]) > 1e-2


def test_those_that_follow_and_those_that_do_not_share_forwards_and_come_out_as_alone(led: Pipeline) -> None:
    photo = png(SOURCE)
    wishes = [
        following("led", steps=5),
        order("plain", width=144, guidance=2.5, negative="grey"),
        following("other", picture=SOURCE, width=64, height=128, guidance=3.0, control=leading(strength=1.4)),
        order("photo", width=64, height=96, kind=Kind.IMAGE, strength=0.6, source=photo, prompt="x" * 200),
        following("photo led", kind=Kind.IMAGE, strength=0.6, source=photo),
        following("part led", kind=Kind.INPAINT, region=Region.LEFT, source=photo),
    ]
    alone = [painted(led, led.begin(wish, 0))[0].latent for wish in wishes]

    together = painted(led, *(led.begin(wish, 0) for wish in wishes))

    for sample, latent in zip(together, alone, strict=True):
        assert_same_latents(sample.latent, latent)


def test_without_anybody_who_follows_the_transformer_is_called_as_ever(led: Pipeline, pipeline: Pipeline) -> None:
    ours, theirs = (painted(one, one.begin(order(), 0))[0].latent for one in (led, pipeline))

    assert_same_latents(ours, theirs)


def test_only_what_this_file_was_made_for_is_offered(tiny: Path, tmp_path: Path, pipeline: Pipeline) -> None:
    union = painter_with(tiny, tiny_control.write_file(tmp_path / "Union-2.1.safetensors", "2.1"))
    tile = painter_with(tiny, tiny_control.write_file(tmp_path / "Z-Image-Tile.safetensors", "2.1"))

    assert union.card.controls == (ControlKind.CANNY, ControlKind.DEPTH, ControlKind.POSE, ControlKind.SCRIBBLE)
    assert tile.card.controls == (ControlKind.TILE,)
    assert union.card.offers("control")
    assert not pipeline.card.offers("control")
    assert pipeline.card.controls == ()


def test_without_kornia_no_edges_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "find_spec", lambda name: None)

    assert edges.available(list(ControlKind)) == tuple(kind for kind in ControlKind if kind is not ControlKind.CANNY)


def damaged(file: Path, *more: str, lacking: str = "") -> None:
    """A ControlNet with tensors that it does not have, or without one that it has."""
    weights = load_file(tiny_control.write_file(file))
    kept = {name: value.clone() for name, value in weights.items() if name != lacking}
    save_file(kept | {name: torch.ones(2) for name in more}, file)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda file: None, "There is no ControlNet"),
        (lambda file: file.write_bytes(b"nonsense" * 9), "is cut off or no safetensors file"),
        (lambda file: tiny_control.save_file({"weight": torch.zeros(2)}, file), "is no ControlNet for this model"),
        (
            lambda file: damaged(file, "control_layers.0.attention.to_q.weight_scale"),
            "it brings control_layers.0.att",
        ),
        (lambda file: damaged(file, lacking="control_layers.0.before_proj.bias"), "it lacks control_layers.0.before"),
    ],
)
def test_a_wrong_file_is_named_in_one_sentence_and_the_painter_paints_on(
    tiny: Path, tmp_path: Path, make: object, problem: str
) -> None:
    file = tmp_path / "union.safetensors"
    make(file)  # pyright: ignore[reportCallIssue]
    device = find_device("cpu")
    pipeline = Pipeline(load(tiny, device), device)

    said = pipeline.load_controlnet(file)

    assert problem in said
    assert str(file) in said
    assert said.count(".") >= 1
    assert "\n" not in said
    assert not pipeline.card.offers("control")
    assert of(perform(pipeline, order()), Finished)


def test_a_control_picture_that_does_not_decode_fails_its_own_request(led: Pipeline) -> None:
    broken = following("broken")
    broken = Generate(job="broken", attempt=1, request=broken.request, wanted=(0,), control=b"nothing")

    events = perform(led, broken, following("whole"))

    assert [(one.job, one.code) for one in events if isinstance(one, Failed)] == [("broken", "bad-control")]
    assert of(events, Finished, "whole")


def test_it_is_painted_right_under_a_backend_that_refuses_masks(led: Pipeline, tiny: Path, tmp_path: Path) -> None:
    device = find_device("cpu")
    other = Pipeline(load(tiny, device), device, attention="_native_flash")  # stands for flash: it runs on a processor
    try:
        other.load_controlnet(tmp_path / "tiny-union")
        ours = painted(other, other.begin(following(), 0))[0].latent
    finally:
        other.transformer.set_attention_backend("native")  # the choice is the whole process's

    assert_same_latents(ours, painted(led, led.begin(following(), 0))[0].latent)


@pytest.mark.parametrize("policy", ["fp8-storage", "group-offload", "sequential"])
def test_it_lies_where_the_weights_lie(led: Pipeline, tiny: Path, tmp_path: Path, policy: str) -> None:
    device = find_device("cpu", policy)
    frugal = Pipeline(load(tiny, device), device)
    assert frugal.load_controlnet(tmp_path / "tiny-union") == ""

    latents = [painted(one, one.begin(following(), 0))[0].latent for one in (frugal, led)]

    assert relative(*latents) <= (0.1 if policy == "fp8-storage" else LATENTS)


def test_edges_of_a_picture_are_thin_white_lines_where_its_colours_change() -> None:
    found = np.asarray(edges.prepared(SHAPES, ControlKind.CANNY, CPU))

    assert set(np.unique(found)) == {0, 255}
    assert 0.005 < (found > 0).mean() < 0.1
    distance = np.hypot(*(np.argwhere(found[:, :, 0] > 0) - (32, 40)).T)
    assert np.abs(distance - 20).max() <= 2.5  # all of them on the circle


def test_edges_that_are_given_stay_as_they_are() -> None:
    lines = Image.new("RGB", (96, 64))
    ImageDraw.Draw(lines).ellipse((20, 12, 60, 52), outline="white")

    assert edges.prepared(lines, ControlKind.CANNY, CPU) is lines


def test_ink_on_paper_is_turned_into_light_on_dark_and_nothing_else_is_touched() -> None:
    ink = Image.new("RGB", (96, 64), "white")
    ImageDraw.Draw(ink).line((0, 32, 95, 32), fill="black", width=4)

    sketch = np.asarray(edges.prepared(ink, ControlKind.SCRIBBLE, CPU))

    assert sketch[5, 47].tolist() == [0, 0, 0]
    assert sketch[32, 47].tolist() == [255, 255, 255]
    for kind in (ControlKind.DEPTH, ControlKind.POSE, ControlKind.TILE):
        assert edges.prepared(ink, kind, CPU) is ink


def test_the_recipe_in_the_picture_names_what_was_followed(led: Pipeline) -> None:
    (picture,) = of(perform(led, following(control=leading(ControlKind.CANNY))), Finished, "led")

    assert b'ControlNet 0: "Module: canny, Weight: 0.75"' in picture.png
