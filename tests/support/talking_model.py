"""The tiny model with a text encoder that passes for a language model: a real vocabulary, roles, a little practice."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import torch
from diffusers import ZImagePipeline
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Tokenizer, Qwen3Model

from engine.training.models import build_tokenizer
from engine.worker.pipeline.enhance import PROBE
from tests.support import tiny_model

VOCABULARY = 30_100
LESSONS = (PROBE, "A red fox sits in the snow. Its fur is thick and warm. 一只红色的狐狸坐在雪地里。")
# As Qwen3's, in short: a role for every message, and an answer without thinking where that is asked for.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


def write(folder: Path, *, practised: bool = True) -> Path:
    """Save a pipeline into `folder`; 20 MB. Without practice its encoder is noise in the shape of a language model."""
    tokenizer = _tokenizer()
    pipeline: ZImagePipeline = tiny_model.tiny_pipeline()
    pipeline.tokenizer = tokenizer
    pipeline.text_encoder = _text_encoder(tokenizer, steps=60 if practised else 0)
    pipeline.save_pretrained(folder)
    return folder


def _text_encoder(tokenizer: Qwen2Tokenizer, *, steps: int) -> Qwen3Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = tiny_model.text_encoder(tokenizer)
        _practise(encoder, tokenizer, steps)
    return encoder


def _practise(encoder: Qwen3Model, tokenizer: Qwen2Tokenizer, steps: int) -> None:
    optimizer = torch.optim.Adam(encoder.parameters(), lr=4e-3)
    lessons = [tokenizer([lesson], return_tensors="pt").input_ids for lesson in LESSONS]
    for step in range(steps):
        tokens = lessons[step % len(lessons)]
        states = encoder(input_ids=tokens).last_hidden_state[0, :-1]
        logits = torch.nn.functional.linear(states, encoder.embed_tokens.weight)
        torch.nn.functional.cross_entropy(logits, tokens[0, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()


def _tokenizer() -> Qwen2Tokenizer:
    """Bytes, and names for pairs of them that nothing is ever merged into: the size of a real vocabulary."""
    symbols = sorted(ByteLevel.alphabet())
    pairs = ["".join(pair) for pair in product(symbols, repeat=2)]
    tokenizer = build_tokenizer({symbol: index for index, symbol in enumerate([*symbols, *pairs][:VOCABULARY])}, [])
    tokenizer.chat_template = TEMPLATE
    return tokenizer
