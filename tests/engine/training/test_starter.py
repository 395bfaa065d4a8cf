"""The bundled folder is a plain diffusers folder of the published classes, small enough for a repository."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from PIL import Image
from safetensors import safe_open
from transformers import Qwen2Tokenizer, Qwen3Model

from engine.training import gallery
from engine.training.export import STARTER, card
from engine.training.flow import templated


@pytest.fixture(scope="module")
def pipeline() -> ZImagePipeline:
    torch.set_num_threads(1)
    loaded = DiffusionPipeline.from_pretrained(STARTER, dtype=torch.float32)
    assert isinstance(loaded, ZImagePipeline)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def test_it_loads_as_the_published_classes(pipeline: ZImagePipeline) -> None:
    classes = (ZImageTransformer2DModel, Qwen3Model, Qwen2Tokenizer, AutoencoderKL, FlowMatchEulerDiscreteScheduler)

    parts = (
        pipeline.transformer,
        pipeline.text_encoder,
        pipeline.tokenizer,
        pipeline.vae,
        pipeline.scheduler,
    )

    assert [type(part) for part in parts] == list(classes)
    assert list(pipeline.transformer.config["axes_lens"]) == [1536, 512, 512]
    assert pipeline.text_encoder.config.hidden_size == pipeline.transformer.config["cap_feat_dim"]
    assert pipeline.scheduler.config["shift"] == 3.0
    assert not pipeline.scheduler.config["use_dynamic_shifting"]
    assert pipeline.vae_scale_factor == 8


def test_the_gallery_shows_the_examples_of_the_card_as_the_model_paints_them(pipeline: ZImagePipeline) -> None:
    folder = gallery.OUT / "zimagine-starter-2"
    shown = json.loads((folder / "gallery.json").read_text("utf-8"))

    listed = {language: {one["prompt"]: one["seed"] for one in pictures} for language, pictures in shown.items()}
    assert listed == gallery.EXAMPLES
    for pictures in shown.values():
        for one in pictures[:2]:
            stored = Image.open(folder / one["src"])
            painted = gallery.paint(pipeline, one["prompt"], one["seed"])
            error = np.asarray(painted, np.float32) - np.asarray(stored.convert("RGB"), np.float32)
            assert stored.size == (256, 256)
            assert np.square(error).mean() < 40, one["prompt"]  # 32 dB: what WebP leaves


def test_it_weighs_at_most_24_megabytes_in_bf16() -> None:
    weights = sorted(STARTER.rglob("*.safetensors"))

    kinds: set[str] = set()
    for path in weights:
        with safe_open(path, "pt") as stored:
            kinds |= {str(stored.get_slice(name).get_dtype()) for name in stored.keys()}  # noqa: SIM118

    assert sum(path.stat().st_size for path in STARTER.rglob("*") if path.is_file()) <= 24_000_000
    assert len(weights) == 3
    assert kinds == {"BF16"}


def test_its_chat_template_is_the_one_it_was_trained_with(pipeline: ZImagePipeline) -> None:
    tokenizer = pipeline.tokenizer

    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "白底红星"}], tokenize=False, add_generation_prompt=True, enable_thinking=True
    )

    assert text == templated("白底红星")
    assert len(tokenizer(text).input_ids) <= 7


def test_the_same_seed_paints_the_same_picture(pipeline: ZImagePipeline) -> None:
    def paint(seed: int) -> bytes:
        generator = torch.Generator().manual_seed(seed)
        output = pipeline("a red star", width=128, height=128, num_inference_steps=2, guidance_scale=0.0,
                          generator=generator)  # fmt: skip
        return output.images[0].tobytes()  # pyright: ignore[reportAttributeAccessIssue]

    first, again, other = paint(1), paint(1), paint(2)

    assert first == again != other


def test_its_card_is_written_from_code() -> None:
    stored = (STARTER / "zimagine.json").read_text(encoding="utf-8")

    values = json.loads(stored)

    assert card(values["latent_rgb"], values["latent_rgb_bias"]) == stored
    assert all(side % 16 == 0 for shape in values["shapes"].values() for side in shape)
    assert Path(STARTER / "model_index.json").exists()
