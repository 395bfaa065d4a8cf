"""Learns the starter's byte-level BPE vocabulary from captions, word by word, so that no token spans two words."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random

import torch
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import Qwen2Tokenizer, Qwen3Model

from engine.training.models import build_text_encoder, build_tokenizer, byte_vocabulary
from engine.training.subjects import phrases
from engine.training.subjects.book import HAN, random_landscape
from engine.training.subjects.scenes import random_scene

TOKENS = 1700  # at most, special ones included
CAPTIONS = 6000
# Everyday characters beside those of the captions, each one token instead of three bytes.
HAN_COMMON = (
    "的一是了我不在人们有来他这上着个地到大里说就去子得也和那要下看天时过出小么起你都把好还多没为又可家学只以主会样年想生同老中十从自面前头道它后然走很像见两用她国动"
    "进成回什边作对开而己些现山民候经发工向事命给长水几义三声于高手知理眼志点心战二问但身方实吃做叫当住听革打呢真全才四已所敌之最光产情路分总条白话东席次亲如被花口放儿"
    "常气五第使写军吧文运再果怎定许快明行因别飞外树物活部门无往船望新带队先力完却站代员机更九您每风级跟笑啊孩万少直意夜比阶连车重便斗马哪化太指变社似士者干石满日决百原拿"
    "群究各六本思解立河村八难早论吗根共让相研今其书坐接应关信觉步反处记将千找争领或师结块跑谁草越字加脚紧爱等习阵怕月青半火法题建赶位唱海七女任件感准张团屋离色脸片科倒睛"
    "利世刚且由送切星导晚表够整认响雪流未场该并底深刻平伟忙提确近亮轻讲农古黑告界拉名呀土清阳照办史改历转画造嘴此治北必服雨穿内识验传业菜爬睡兴形量咱观苦体众通冲合破友度"
    "术饭公旁房极南枪读沙岁线野坚空收算至政城劳落钱特围弟胜教热展包歌类渐强数乡呼性音答哥际旧神座章帮啦受系令跳非何牛取入岸敢掉忽种装顶急林停息句区衣般报叶压慢叔背细"
)


def learn_tokenizer(seed: int = 0) -> Qwen2Tokenizer:
    """A Qwen2Tokenizer whose merges were learned from training captions; the same seed gives the same one."""
    plain = build_tokenizer(byte_vocabulary(), [])
    backend = plain.backend_tokenizer
    backend.model = BPE()
    trainer = BpeTrainer(
        vocab_size=TOKENS - 3, min_frequency=2, initial_alphabet=sorted(byte_vocabulary()), show_progress=False
    )
    backend.train_from_iterator(_words(Random(seed)), trainer)
    learned = json.loads(backend.to_str())["model"]
    merges = [(str(left), str(right)) for left, right in learned["merges"]]
    vocabulary = {token: index for token, index in learned["vocab"].items() if not token.startswith("<|")}
    ordered = sorted(vocabulary, key=lambda token: vocabulary[token])
    return build_tokenizer({token: index for index, token in enumerate(ordered)}, merges)


def _words(rng: Random) -> Iterator[str]:
    """Chinese word by Chinese word, English caption by English caption; signs are left out: letters stay letters."""
    for _ in range(CAPTIONS):
        subject = random_scene(rng) if rng.random() < 0.7 else random_landscape(rng)
        yield phrases.spaced(subject, rng, language="en").lower()
        yield from phrases.spaced(subject, rng, language="zh").split("|")
    for _ in range(40):
        yield from HAN_COMMON
        yield from HAN
        yield from (" " + word for word in phrases.FILLERS_EN)
    for word in ("sign", "says", "saying", "text", "word", "letters", "reading", "written", "with", "that"):
        yield from [f" {word}"] * 200
    for word in ("牌子", "标牌", "招牌", "木牌", "写", "着", "上面", "“", "”", "「", "」", "：", "一块"):
        yield from [word] * 200


def extend(tokenizer: Qwen2Tokenizer, words: Mapping[str, int], count: int) -> Qwen2Tokenizer:
    """The tokenizer with up to `count` tokens more, merged from its own in the order of how often `words` need them.

    Its old tokens and merges stay, so that what it knew is still said in the tokens that the weights know.
    """
    backend = tokenizer.backend_tokenizer
    model = json.loads(backend.to_str())["model"]
    merges = [(str(left), str(right)) for left, right in model["merges"]]
    vocabulary = [token for token, _ in sorted(model["vocab"].items(), key=lambda pair: pair[1]) if token[:2] != "<|"]
    pieces: Counter[tuple[str, ...]] = Counter()
    for text, often in words.items():
        for piece, _ in backend.pre_tokenizer.pre_tokenize_str(text):  # pyright: ignore[reportOptionalMemberAccess]
            pieces[tuple(token.value for token in backend.model.tokenize(piece))] += often
    for left, right in _new_merges([(list(piece), often) for piece, often in pieces.items()], count):
        merges.append((left, right))
        vocabulary.append(left + right)
    return build_tokenizer({token: index for index, token in enumerate(dict.fromkeys(vocabulary))}, merges)


def _new_merges(pieces: list[tuple[list[str], int]], count: int) -> Iterator[tuple[str, str]]:
    """The pairs to merge, one after another: the most needed first, of equals the first in the alphabet."""
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str], set[int]] = {}

    def add(index: int, sign: int) -> None:
        piece, often = pieces[index]
        for pair in itertools.pairwise(piece):
            counts[pair] += sign * often
            found.setdefault(pair, set()).add(index)

    for index in range(len(pieces)):
        add(index, 1)
    for _ in range(count):
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            return
        yield best
        for index in found.pop(best):
            add(index, -1)
            joined: list[str] = []
            for token in pieces[index][0]:
                if joined and (joined[-1], token) == best:
                    joined[-1] += token
                else:
                    joined.append(token)
            pieces[index] = (joined, pieces[index][1])
            add(index, 1)
        del counts[best]


def grown(encoder: Qwen3Model, old: Qwen2Tokenizer, new: Qwen2Tokenizer) -> Qwen3Model:
    """`encoder` with rows for the tokens of `new`: known ones as they were, the others as the mean of their pieces."""
    result = build_text_encoder(new)
    state = encoder.state_dict()
    before = old.get_vocab()
    rows = torch.empty(len(new), state["embed_tokens.weight"].shape[1])
    for token, index in new.get_vocab().items():
        parts = (
            [before[token]]
            if token in before
            else [before[piece.value] for piece in old.backend_tokenizer.model.tokenize(token)]
        )
        rows[index] = state["embed_tokens.weight"][parts].float().mean(0)
    result.load_state_dict({**state, "embed_tokens.weight": rows})
    return result
