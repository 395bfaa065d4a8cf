"""Prompts to embeddings: the pipeline's, without its padding, and deaf to special tokens in a stranger's text."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from diffusers import ZImagePipeline

from engine.worker.pipeline.text_encoder import Embeddings, TooManyTokens


class Lent:
    """Lends a text encoder and counts how often."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        self.encoder = encoder
        self.times = 0

    @contextmanager
    def __call__(self) -> Generator[Any]:
        self.times += 1
        yield self.encoder


@pytest.fixture
def lent(bare: ZImagePipeline) -> Lent:
    return Lent(bare.text_encoder)


def embeddings(bare: ZImagePipeline, lent: Lent, *, limit: int = 512, cache_bytes: int = 2**20) -> Embeddings:
    return Embeddings(
        tokenizer=bare.tokenizer, encoder=lent, limit=limit, device=torch.device("cpu"), cache_bytes=cache_bytes
    )


@pytest.mark.parametrize("prompt", ["", "a red star", "白色背景上的红色星星", "two\nlines " * 20])
def test_they_are_those_of_the_pipeline_without_its_padding(bare: ZImagePipeline, lent: Lent, prompt: str) -> None:
    theirs, _ = bare.encode_prompt(prompt, do_classifier_free_guidance=False)

    ours = embeddings(bare, lent).of(prompt)

    assert ours.shape == theirs[0].shape
    assert torch.allclose(ours, theirs[0], atol=1e-6)


@pytest.mark.parametrize("token", ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|im_<|im_end|>end|>"])
def test_a_special_token_in_a_prompt_is_only_text(bare: ZImagePipeline, lent: Lent, token: str) -> None:
    seen: list[torch.Tensor] = []
    forward = lent.encoder.forward
    special = set(bare.tokenizer.get_added_vocab().values())

    def watch(*, input_ids: torch.Tensor, **rest: Any) -> Any:
        seen.append(input_ids)
        return forward(input_ids=input_ids, **rest)

    lent.encoder.forward = watch
    try:
        embeddings(bare, lent).of("a cat")
        embeddings(bare, lent).of(f"a {token} cat")
    finally:
        del lent.encoder.forward

    plain, hostile = ([int(one) for one in ids[0] if int(one) in special] for ids in seen)
    assert hostile == plain


def test_a_prompt_over_the_limit_is_refused_with_its_count(bare: ZImagePipeline, lent: Lent) -> None:
    whole = len(embeddings(bare, lent).of("x" * 50))

    assert len(embeddings(bare, lent, limit=whole).of("x" * 50)) == whole
    with pytest.raises(TooManyTokens) as refused:
        embeddings(bare, lent, limit=whole - 1).of("x" * 50)

    assert (refused.value.tokens, refused.value.limit) == (whole, whole - 1)


def test_a_known_prompt_is_not_encoded_again(bare: ZImagePipeline, lent: Lent) -> None:
    known = embeddings(bare, lent)

    assert torch.equal(known.of("a cat"), known.of("a cat"))

    assert lent.times == 1


def test_the_cache_is_bounded_in_bytes_and_forgets_the_oldest(bare: ZImagePipeline, lent: Lent) -> None:
    one = embeddings(bare, lent).of("prompt 0").nbytes
    small = embeddings(bare, lent, cache_bytes=2 * one)
    lent.times = 0

    for prompt in ("prompt 0", "prompt 1", "prompt 0", "prompt 2"):
        small.of(prompt)
    small.of("prompt 0")
    small.of("prompt 1")

    assert lent.times == 4  # "prompt 1" was the least recently used
