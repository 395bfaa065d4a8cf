"""The starter's denoiser and text encoder in training: batched forwards of one size, and the flow-matching loss.

`forward` computes what `ZImageTransformer2DModel.forward` computes (a test compares them), for whole tensors
instead of lists: the published one handles its samples in a Python loop.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import ZImageTransformer2DModel
from torch import Tensor
from transformers import Qwen2Tokenizer, Qwen3Model

from engine.training.models import SHIFT

MULTIPLE = 32  # captions and pictures are padded to multiples of so many tokens (SEQ_MULTI_OF in diffusers)
STEPS = 8  # of the sampler that will be used
NOISY = 0.7  # exponent of the even spread of levels: below 1 for more noise


def templated(text: str) -> str:
    """What the chat template makes of one user message."""
    return f"<|im_start|>{text}<|im_end|><|im_start|>"


def tokenize(tokenizer: Qwen2Tokenizer, texts: list[str]) -> tuple[Tensor, Tensor]:
    """Ids (batch x longest, up to a multiple of 32) and lengths (batch)."""
    rows = [row.ids for row in tokenizer.backend_tokenizer.encode_batch([templated(text) for text in texts])]
    lengths = torch.tensor([len(row) for row in rows])
    width = -(-int(lengths.max()) // MULTIPLE) * MULTIPLE
    blank: Any = tokenizer.pad_token_id
    ids = torch.full((len(rows), width), blank)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
    return ids, lengths


def encode(encoder: Qwen3Model, ids: Tensor) -> Tensor:
    """hidden_states[-2] for right-padded ids (batch x n): the model is causal, so padding changes nothing before it."""
    hidden = encoder.embed_tokens(ids)
    positions = torch.arange(ids.shape[1], device=ids.device)[None]
    rotary = encoder.rotary_emb(hidden, positions)
    for layer in encoder.layers[:-1]:
        hidden = layer(hidden, attention_mask=None, position_embeddings=rotary, position_ids=positions)
    return hidden


def forward(
    model: ZImageTransformer2DModel, latents: Tensor, time: Tensor, captions: Tensor, lengths: Tensor, stride: int = 1
) -> Tensor:
    """The model's output for latents (batch x 16 x h x w) at `time` = 1 - sigma (batch).

    `captions` is batch x n x width with n a multiple of 32, of which `lengths` are words. `stride` spreads the
    positions: a picture of half the size then covers the same ground as a whole one.
    """
    batch, channels, height, width = latents.shape
    rows, columns, words = height // 2, width // 2, captions.shape[1]
    patches = latents.view(batch, channels, rows, 2, columns, 2).permute(0, 2, 4, 3, 5, 1)
    image = model.all_x_embedder["2-1"](patches.reshape(batch, rows * columns, 4 * channels))
    padding = -image.shape[1] % MULTIPLE
    if padding:
        image = torch.cat([image, model.x_pad_token.to(image.dtype).expand(batch, padding, -1)], 1)
    image_freqs, caption_freqs = _frequencies(model, rows, columns, words, padding, stride, latents.device)
    when = model.t_embedder(time * model.t_scale)
    for block in model.noise_refiner:
        image = block(image, None, image_freqs, when)
    text = model.cap_embedder(captions)
    blank = torch.arange(words, device=lengths.device)[None] >= lengths[:, None]
    text = torch.where(blank[..., None], model.cap_pad_token.to(text.dtype), text)
    for block in model.context_refiner:
        text = block(text, None, caption_freqs)
    both = torch.cat([image, text], 1)
    freqs = torch.cat([image_freqs, caption_freqs], 1)
    for block in model.layers:
        both = block(both, None, freqs, when)
    painted = model.all_final_layer["2-1"](both[:, : rows * columns], c=when)
    painted = painted.view(batch, rows, columns, 2, 2, channels).permute(0, 5, 1, 3, 2, 4)
    return painted.reshape(batch, channels, height, width)


@lru_cache(maxsize=64)
def _frequencies(
    model: ZImageTransformer2DModel,
    rows: int,
    columns: int,
    words: int,
    padding: int,
    stride: int,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Rotary factors of the image tokens and of the caption tokens, each 1 x n x head/2 x (cosine, sine)."""
    grid = torch.zeros(rows, columns, 3, dtype=torch.int64)
    grid[..., 0] = words + 1
    grid[..., 1] = torch.arange(rows)[:, None] * stride
    grid[..., 2] = torch.arange(columns)[None] * stride
    image = F.pad(grid.view(-1, 3), (0, 0, 0, padding))
    caption = torch.zeros(words, 3, dtype=torch.int64)
    caption[:, 0] = 1 + torch.arange(words)
    turns = (model.rope_embedder(ids)[None] for ids in (image, caption))
    image_turns, caption_turns = (torch.view_as_real(turn).to(device) for turn in turns)
    return image_turns, caption_turns


def mixed_precision(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Multiply in `dtype`; fp32 is plain arithmetic."""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16)


def sample_sigmas(batch: int, generator: torch.Generator) -> Tensor:
    """Noise levels: half of them exactly those the sampler visits, half between them; more of the high ones.

    What a picture shows is settled while there is much noise; the rest is learned soon.
    """
    device = generator.device
    numbers = torch.arange(batch, device=device)
    spread = (numbers + torch.rand(batch, generator=generator, device=device)) / batch  # stratified
    spread = spread[torch.randperm(batch, generator=generator, device=device)]
    spread = spread**NOISY
    visited = torch.ceil(spread * STEPS) / STEPS
    plain = torch.where(numbers % 2 == 0, visited, spread.clamp(min=0.004))
    return SHIFT * plain / (1 + (SHIFT - 1) * plain)


def loss(
    model: ZImageTransformer2DModel,
    clean: Tensor,
    captions: Tensor,
    lengths: Tensor,
    *,
    step: int,
    stride: int,
    dtype: torch.dtype = torch.bfloat16,
) -> Tensor:
    """Mean squared error of the flow's direction, multiplied in `dtype`; noise and times follow from `step`."""
    generator = torch.Generator(clean.device).manual_seed(step)
    sigma = sample_sigmas(len(clean), generator)
    noise = torch.randn(clean.shape, generator=generator, device=clean.device)
    mixed = torch.lerp(clean, noise, sigma[:, None, None, None])
    with mixed_precision(clean.device, dtype):
        painted = forward(model, mixed, 1 - sigma, captions, lengths, stride)
    return F.mse_loss(painted.float(), clean - noise)


@torch.no_grad()
def sample(model: ZImageTransformer2DModel, noise: Tensor, captions: Tensor, lengths: Tensor, *, stride: int) -> Tensor:
    """What the model makes of noise (batch x 16 x h x w) in STEPS Euler steps, those of the pipeline's scheduler."""
    plain = torch.arange(STEPS, -1, -1, dtype=torch.float32) / STEPS
    sigmas = SHIFT * plain / (1 + (SHIFT - 1) * plain)
    latents = noise
    for sigma, below in itertools.pairwise(sigmas.tolist()):
        time = torch.full((len(latents),), 1 - sigma, device=latents.device)
        latents = latents + (sigma - below) * forward(model, latents, time, captions, lengths, stride)
    return latents


def use_plain_attention(model: ZImageTransformer2DModel) -> None:
    """Let the blocks take the frequencies that `forward` gives them."""
    for module in model.modules():
        if hasattr(module, "set_processor"):
            module.set_processor(PlainAttention())  # pyright: ignore[reportCallIssue]


class PlainAttention:
    """The blocks' attention in real arithmetic, on a CPU in plain products.

    There the complex rotation is slow, and torch's fused attention takes four times as long in bf16.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        freqs_cis: Tensor | None = None,
    ) -> Tensor:
        heads = attn.heads
        query, key, value = (
            layer(hidden_states).unflatten(-1, (heads, -1)) for layer in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = attn.norm_q(query), attn.norm_k(key)
        assert freqs_cis is not None
        cos, sin = (part.to(query.dtype) for part in freqs_cis.unsqueeze(2).unbind(-1))
        query, key = _rotate(query, cos, sin), _rotate(key, cos, sin)
        query, key, value = (part.transpose(1, 2).to(value.dtype) for part in (query, key, value))
        if query.is_cuda:
            mixed = F.scaled_dot_product_attention(query, key, value)
        else:
            weights = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
            mixed = weights.to(value.dtype) @ value
        return attn.to_out[0](mixed.transpose(1, 2).flatten(2))


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)
