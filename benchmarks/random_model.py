"""A model of the published architecture, or a miniature of it, with random weights: to be timed, not looked at.

Never zeros: a GPU multiplies those faster than numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from transformers import PreTrainedTokenizerBase, Qwen2Tokenizer, Qwen3Config, Qwen3Model

from benchmarks.memory import TEXT_ENCODER, TRANSFORMER, VAE
from engine.training.models import build_tokenizer, byte_vocabulary
from engine.worker.image.schedule import SHIFT
from engine.worker.image.tokens import padded

DEVIATION = 0.02  # of all weights but those of norms, which are 1
TEMPLATE = (
    "{% for message in messages %}<|im_start|>user\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SCALING: dict[str, Any] = {"scaling_factor": 0.3611, "shift_factor": 0.1159}

Part = TypeVar("Part", bound=torch.nn.Module)


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """Configurations of the parts.

    `small`, `usual` and `large` are sides of pictures in pixels, painted in `steps`, for so many `users` at once.
    """

    transformer: Mapping[str, Any]
    text_encoder: Mapping[str, Any]
    vae: Mapping[str, Any]
    small: int
    usual: int
    large: int
    steps: int = 8
    users: int = 8

    def step_flops(self, side: int, caption: int, rows: int = 1) -> float:
        """Operations of one forward for pictures of `side` pixels with captions of so many tokens.

        Those of matrix products in the blocks, two for each multiplication, as torch's FlopCounterMode counts them:
        what is left out (embedding, modulation, last layer) is below a thousandth in the published model.
        """
        config = self.transformer
        dim, layers, refiners = config["dim"], config["n_layers"], config["n_refiner_layers"]
        weights = 4 * dim**2 + 3 * dim * int(dim / 3 * 8)  # q, k, v, out; three of the feed-forward
        picture, words = padded((side // 16) ** 2), padded(caption)
        together = picture + words
        products = 2 * weights * (layers * together + refiners * (picture + words))
        attention = 4 * dim * (layers * together**2 + refiners * (picture**2 + words**2))
        return float(rows * (products + attention))


PUBLISHED = Architecture(
    transformer=TRANSFORMER, text_encoder=TEXT_ENCODER, vae={**VAE, **SCALING}, small=512, usual=1024, large=1536
)
MINIATURE = Architecture(
    transformer={
        **TRANSFORMER,
        "dim": 96,
        "n_layers": 2,
        "n_refiner_layers": 1,
        "n_heads": 2,
        "n_kv_heads": 2,
        "cap_feat_dim": 64,
        "axes_dims": [16, 16, 16],
    },
    text_encoder={
        **TEXT_ENCODER,
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
    },
    vae={
        **VAE,
        **SCALING,
        "block_out_channels": (8, 16, 16, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "sample_size": 128,
    },
    small=64,
    usual=128,
    large=192,
    steps=2,
    users=2,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """The parts on their device."""

    transformer: ZImageTransformer2DModel
    text_encoder: Qwen3Model
    vae: AutoencoderKL
    tokenizer: PreTrainedTokenizerBase

    def pipeline(self) -> ZImagePipeline:
        """The bare pipeline over these parts."""
        tokenizer: Any = self.tokenizer
        bare = ZImagePipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=tokenizer,
            transformer=self.transformer,
        )
        bare.set_progress_bar_config(disable=True)
        return bare

    def in_main_memory(self) -> Model:
        """The same with weights of their own in main memory, all of one shape the same: for where, not for what."""
        known: dict[tuple[int, ...], torch.Tensor] = {}

        def moved(part: Part) -> Part:
            memo: dict[int, Any] = {}
            for one in part.parameters():
                if one.shape not in known:
                    known[one.shape] = one.detach().cpu()
                memo[id(one)] = torch.nn.Parameter(known[one.shape], requires_grad=False)
            return copy.deepcopy(part, memo).to("cpu")

        return Model(
            transformer=moved(self.transformer),
            text_encoder=moved(self.text_encoder),
            vae=moved(self.vae),
            tokenizer=self.tokenizer,
        )


def made(architecture: Architecture, device: torch.device, dtype: torch.dtype, *, seed: int = 0) -> Model:
    """The parts with random weights, drawn where they lie."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # else the largest part would first be there in fp32
    try:
        with torch.device(device):
            transformer = ZImageTransformer2DModel(**architecture.transformer)
            text_encoder = Qwen3Model(Qwen3Config(**architecture.text_encoder))
            vae = AutoencoderKL(**architecture.vae)
    finally:
        torch.set_default_dtype(before)
    generator = torch.Generator(device).manual_seed(seed)
    for part in (transformer, text_encoder, vae):
        part.eval().requires_grad_(False)
        for name, one in part.named_parameters():
            if one.dim() == 1 and name.endswith("weight"):
                one.fill_(1.0)
            else:
                one.normal_(0.0, DEVIATION, generator=generator)
    return Model(transformer=transformer, text_encoder=text_encoder, vae=vae, tokenizer=letters())


def twin(part: Part) -> Part:
    """Another module over the same weights, to be compiled or packed while the first stays as it is."""
    return copy.deepcopy(part, {id(one): one for one in part.parameters()})


def letters() -> Qwen2Tokenizer:
    """A tokenizer that knows bytes alone: the published one's words are not needed to time anything."""
    tokenizer = build_tokenizer(byte_vocabulary(), [])
    tokenizer.chat_template = TEMPLATE
    return tokenizer
