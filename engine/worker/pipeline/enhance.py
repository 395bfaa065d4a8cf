"""Writes a prompt out into a full prompt: the text encoder as the language model that it is, some tokens at a time.

Nothing is copied: last layer, final norm and the head, which is the table of embeddings, are loaded anyway.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jinja2
import msgspec
import torch
from transformers import DynamicCache

from engine.worker.device.memory import Policy
from engine.worker.pipeline.text_encoder import Embeddings
from protocol.card import ModelCard
from protocol.request import MAX_PROMPT, ImageRequest, is_chinese

MOST_TOKENS = 200  # of an answer: some 130 English words; the published model reads 512 tokens in all
SPARE_TOKENS = 8  # by which an answer may grow when it is read again as a prompt
LEAST_ROOM = 24  # tokens that an answer may be longer than the prompt; with less a prompt is full as it is

# What Qwen advises for its third generation without thinking.
TEMPERATURE, TOP_K, TOP_P = 0.7, 20, 0.8

LEAST_VOCABULARY = 30_000  # tokens; published language models start at about 32 000
PROBE = "The sun rises in the east and sets in the west. 太阳从东边升起，从西边落下。"
MOST_SURPRISE = 6.0  # nats a token over the probe: a language model has about 2, weights without one 10 and more

WRITES = (Policy.RESIDENT, Policy.ENCODER_EVICTED, Policy.FP8_STORAGE)  # the others would fetch it anew for each token

# What a text encoder calls the keys and values of what it has read: the first since transformers 5.24, whose 5.40 drops
# the second; whatever name it does not know it would ignore without a word, and read each token as if it were alone.
CACHE_NAMES = ("cache", "past_key_values")

INSTRUCTION_EN = (
    "You write prompts for a painter who sees nothing but your words. Write the wish out into one paragraph of at most "
    "110 words. Begin with its subject and keep every number, colour, name and position exactly as given; then "
    "describe surroundings, composition, light, materials and colours. Text that shall be readable in the picture "
    "stands in double quotes, letter for letter. Say only what can be seen: no comparisons, no praise, nothing about "
    "image quality. Answer with the paragraph alone, in English."
)
INSTRUCTION_ZH = (
    "你为画师写提示词，画师只能看到你写的文字。请把用户的愿望写成一段话，不超过 150 字。先写主体，数量、颜色、名称和"
    "位置都与原话一致；再写环境、构图、光线、材质和色彩。画面中要出现的文字逐字放在双引号里。只写看得见的内容，"
    "不用比喻，不夸赞，不谈画质。只回答这一段话，用中文。"
)
STYLED_EN = " The picture will be painted in this style, so write nothing against it: {style}"
STYLED_ZH = "画面会采用以下风格，不要写与之矛盾的内容：{style}"

_SENTENCE_END = re.compile(r"[.!?。！？](?=[\s\"”’)）]|$|[\u3400-\u9fff])")


log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class PromptDraft:
    """An answer being written. Changes with each token, and only in the torch thread; hence not frozen."""

    unread: torch.Tensor  # (1, tokens) that the model has not seen: the question, then the token it wrote last
    most: int  # tokens
    generator: torch.Generator
    text: str = ""
    done: bool = False
    tokens: list[int] = field(default_factory=list[int])
    cache: DynamicCache = field(default_factory=DynamicCache)


class PromptWriter:
    """Over the encoder that `embeddings` borrows too. `visits` says whether it lies elsewhere between two turns."""

    def __init__(self, embeddings: Embeddings, *, visits: Callable[[], bool] = lambda: False) -> None:
        self._embeddings = embeddings
        self._tokenizer: Any = embeddings.tokenizer
        self._ends = {*self._tokenizer.get_added_vocab().values(), self._tokenizer.eos_token_id}
        self._visits = visits

    @property
    def visits(self) -> bool:
        return self._visits()

    def begin(self, request: ImageRequest) -> PromptDraft:
        """A draft for the words of a request; done at once where they are nearly as long as an answer may be."""
        count = self._embeddings.count
        most = min(MOST_TOKENS, self._embeddings.limit - SPARE_TOKENS - count(_framed(request)))
        draft = PromptDraft(
            unread=self._tokenizer([self._question(request)], return_tensors="pt").input_ids,
            most=most,
            generator=torch.Generator().manual_seed(request.seed),
        )
        if most - (count(request.prompt) - count("")) < LEAST_ROOM:
            draft.text, draft.done = request.prompt, True
        return draft

    @torch.inference_mode()
    def write(self, draft: PromptDraft, request: ImageRequest, tokens: int) -> None:
        """At most so many tokens more."""
        with self._embeddings.encoder() as encoder:
            for _ in range(tokens):
                if draft.done:
                    return
                self._append_token(draft, request, self._next_token(encoder, draft))

    def _next_token(self, encoder: Any, draft: PromptDraft) -> int:
        unread = draft.unread.to(self._embeddings.device)
        cache = {cache_name(encoder): draft.cache}
        states = encoder(input_ids=unread, use_cache=True, **cache).last_hidden_state
        return _drawn(_logits(encoder, states[0, -1]), draft.generator)

    def _append_token(self, draft: PromptDraft, request: ImageRequest, token: int) -> None:
        draft.done = token in self._ends
        if not draft.done:
            draft.tokens.append(token)
            draft.unread = torch.tensor([[token]])
        text = tidied(self._tokenizer.decode(draft.tokens, skip_special_tokens=True))
        if not draft.done and (len(draft.tokens) >= draft.most or len(text) >= MAX_PROMPT):
            draft.done, text = True, whole_sentences(text)[:MAX_PROMPT]
        draft.text = text or (request.prompt if draft.done else "")

    def _question(self, request: ImageRequest) -> str:
        chinese = is_chinese(request.prompt)
        instruction = INSTRUCTION_ZH if chinese else INSTRUCTION_EN
        if request.style is not None:
            instruction += (STYLED_ZH if chinese else STYLED_EN).format(style=request.style.around("…"))
        messages = [
            {"role": "system", "content": self._embeddings.harmless(instruction)},
            {"role": "user", "content": self._embeddings.harmless(request.prompt)},
        ]
        return self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )


def unable(embeddings: Embeddings, policy: Policy) -> str:
    """Why this encoder cannot write, in a few words for the log; nothing where it can.

    Looks at its parts, then lets it read a sentence that every language model finds easy.
    """
    if policy not in WRITES:
        return f"under {policy} it comes over anew for each token"
    if not _knows_roles(embeddings.tokenizer):
        return "its chat template has no assistant"
    try:
        with torch.inference_mode(), embeddings.encoder() as encoder:
            config = encoder.config
            if not config.tie_word_embeddings:
                return "it has no head: its embeddings are not tied"
            if config.vocab_size < LEAST_VOCABULARY:
                return f"its vocabulary has {config.vocab_size} tokens"
            cache_name(encoder)
            surprise = _surprise(encoder, embeddings)
    except (RuntimeError, NotImplementedError, TypeError) as error:  # packed weights that cannot be a head
        return f"it does not run as a language model: {str(error).splitlines()[0]}"
    return "" if surprise <= MOST_SURPRISE else f"a plain sentence surprises it by {surprise:.1f} nats a token"


def writer_of(
    card: ModelCard, embeddings: Embeddings, policy: Policy, *, visits: Callable[[], bool]
) -> tuple[PromptWriter | None, ModelCard]:
    """A writer where the card offers one and the encoder can, and the card with what is left of its offer."""
    if not card.offers("enhance"):
        return None, card
    reason = unable(embeddings, policy)
    if not reason:
        return PromptWriter(embeddings, visits=visits), card
    log.info("prompts are not written out here: the text encoder cannot, as %s", reason)
    left = tuple(feature for feature in card.features if feature != "enhance")
    return None, msgspec.structs.replace(card, features=left)


def tidied(answer: str) -> str:
    """One line without control characters, broken ones or quotes around the whole."""
    line = "".join(one for one in " ".join(answer.split()) if one.isprintable()).replace("\ufffd", "").strip()
    for left, right in ('""', "“”", "「」"):
        inside = line[1:-1]
        if line.startswith(left) and line.endswith(right) and left not in inside and right not in inside:
            return inside.strip()
    return line


def whole_sentences(text: str) -> str:
    """Without a sentence that was cut off, where that leaves at least half."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends and 2 * ends[-1] >= len(text) else text


def _framed(request: ImageRequest) -> str:
    """What the model reads besides the answer: the template of the style."""
    return request.style.around("") if request.style is not None else ""


def cache_name(encoder: Any) -> str:
    """Under which name this encoder takes its cache; TypeError where it takes none."""
    # of the class: offloading and memory policies wrap the forward of the object
    known = inspect.signature(type(encoder).forward).parameters
    for name in CACHE_NAMES:
        if name in known:
            return name
    raise TypeError(f"{type(encoder).__name__} takes no cache of what it has read")


def _logits(encoder: Any, states: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.linear(states, encoder.get_input_embeddings().weight).float()


def _drawn(logits: torch.Tensor, generator: torch.Generator) -> int:
    """One of the likeliest tokens, drawn on the processor: the same draw on every device."""
    likeliest = logits.topk(min(TOP_K, len(logits)))
    weights = torch.softmax(likeliest.values.cpu() / TEMPERATURE, dim=-1)
    weights = weights * (weights.cumsum(dim=-1) - weights < TOP_P)
    return int(likeliest.indices.cpu()[torch.multinomial(weights, 1, generator=generator)])


def _surprise(encoder: Any, embeddings: Embeddings) -> float:
    """Nats a token over the probe."""
    tokens = embeddings.tokenizer([PROBE], return_tensors="pt").input_ids.to(embeddings.device)
    logits = _logits(encoder, encoder(input_ids=tokens, use_cache=False).last_hidden_state[0, :-1])
    return float(torch.nn.functional.cross_entropy(logits, tokens[0, 1:]))


def _knows_roles(tokenizer: Any) -> bool:
    def said(role: str, *, asking: bool = False) -> str:
        messages = [{"role": role, "content": "x"}]
        return tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=asking, enable_thinking=False
        )

    try:
        opened = said("user", asking=True).removeprefix(said("user"))
        return "assistant" in opened and said("system") != said("user")
    except (ValueError, jinja2.TemplateError):
        return False
