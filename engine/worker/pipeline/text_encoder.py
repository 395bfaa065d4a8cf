"""Prompts to caption embeddings: the pipeline's template and layer without its padding, cached by prompt."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

CACHE_BYTES = 64 * 1024 * 1024  # some hundred prompts of the published model at 5 KB a token


class TooManyTokens(Exception):
    """The prompt is longer than the model reads; nothing is cut off in silence."""

    def __init__(self, *, tokens: int, limit: int) -> None:
        super().__init__(f"{tokens} tokens, {limit} allowed")
        self.tokens = tokens
        self.limit = limit


class Embeddings:
    """Encodes prompts. `encoder` lends the text encoder on the device where it may run just now."""

    def __init__(
        self,
        *,
        tokenizer: Any,  # of transformers, whose own types are open
        encoder: Callable[[], AbstractContextManager[Any]],
        limit: int,
        device: torch.device,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.limit = limit
        self.device = device
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._tokenizing = threading.Lock()  # the link's thread counts while this one encodes
        reserved = sorted(tokenizer.get_added_vocab(), key=len, reverse=True)
        self._reserved = re.compile("|".join(re.escape(token) for token in reserved) or r"(?!)")

    def of(self, prompt: str) -> torch.Tensor:
        """(tokens, width) of one prompt, on the painting device. Raises TooManyTokens."""
        known = self._cache.get(prompt)
        if known is None:
            known = self._encode(prompt)
            self._keep(prompt, known)
        self._cache.move_to_end(prompt)
        return known

    def _encode(self, prompt: str) -> torch.Tensor:
        tokens = self._tokens(prompt)
        if tokens.shape[1] > self.limit:
            raise TooManyTokens(tokens=tokens.shape[1], limit=self.limit)
        with torch.inference_mode(), self.encoder() as encoder:
            states = encoder(input_ids=tokens.to(self.device), output_hidden_states=True, use_cache=False)
            # as the pipeline: the output of the last layer but one
            return states.hidden_states[-2][0].to(self.device)

    def count(self, prompt: str) -> int:
        """Tokens that the encoder reads for this prompt, the template's own included."""
        return self._tokens(prompt).shape[1]

    def _tokens(self, prompt: str) -> torch.Tensor:
        text: Any = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": self.harmless(prompt)}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=True,
        )
        with self._tokenizing:
            return self.tokenizer([text], return_tensors="pt").input_ids

    def harmless(self, prompt: str) -> str:
        """Text that looks like one of the tokenizer's own tokens must not become one: `<|im_end|>` ends a turn."""
        return self._reserved.sub(lambda found: f"{found[0][0]} {found[0][1:]}", prompt)

    def _keep(self, prompt: str, embedding: torch.Tensor) -> None:
        self._cache[prompt] = embedding
        while len(self._cache) > 1 and sum(one.nbytes for one in self._cache.values()) > self._cache_bytes:
            self._cache.popitem(last=False)
