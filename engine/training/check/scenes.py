"""Prompts of shapes and signs that training never saw, their pictures, and what of them is right.

Sentence patterns and colour-shape combinations are held out of training; half of the prompts are Chinese.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

import torch
from diffusers import ZImagePipeline
from PIL import Image

from engine.training.check.measure import Verdict
from engine.training.check.tables import said
from engine.training.export import SHAPES
from engine.training.subjects import phrases
from engine.training.subjects.book import Sign
from engine.training.subjects.scenes import Scene

# Per cent that are to be right.
AIMS = {"background": 100, "colour": 99, "position": 98, "relation": 98, "shape": 97, "sign": 95}

Shown = TypeVar("Shown", Scene, Sign)
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question(Generic[Shown]):
    """A prompt, what it means, and how it is painted."""

    prompt: str
    language: str
    shown: Shown
    width: int
    height: int
    seed: int


def questions(count: int, draw: Callable[[Random], Shown], seed: int) -> Iterator[Question[Shown]]:
    """`count` prompts in held-out patterns, English and Chinese by turns, half of them square."""
    rng = Random(seed)
    others = [tuple(size) for size in SHAPES.values()][1:]
    for number in range(count):
        language = ("en", "zh")[number % 2]
        shown = draw(rng)
        width, height = (256, 256) if number % 4 < 2 else others[number // 4 % len(others)]
        prompt = phrases.say(shown, rng, language=language, held_out=True)
        yield Question(prompt=prompt, language=language, shown=shown, width=width, height=height, seed=number)


def paint(pipeline: ZImagePipeline, question: Question[Scene] | Question[Sign]) -> Image.Image:
    """The prompt's picture: 8 steps, no guidance."""
    output = pipeline(
        question.prompt,
        width=question.width,
        height=question.height,
        num_inference_steps=8,
        guidance_scale=0.0,
        generator=torch.Generator().manual_seed(question.seed),
    )
    return output.images[0]  # pyright: ignore[reportAttributeAccessIssue]


def shares(verdicts: list[Verdict]) -> dict[str, tuple[int, int]]:
    """Right answers and answers asked for, by what was asked."""
    answers = {
        "background": [verdict.background for verdict in verdicts],
        "colour": [value for verdict in verdicts for value in verdict.colours],
        "position": [verdict.place for verdict in verdicts if verdict.place is not None],
        "relation": [verdict.relation for verdict in verdicts if verdict.relation is not None],
        "shape": [value for verdict in verdicts for value in verdict.shapes],
        "all of it": [verdict.right for verdict in verdicts],
    }
    return {name: (sum(values), len(values)) for name, values in answers.items()}


def table(asked: list[Question[Scene]], verdicts: list[Verdict]) -> str:
    """A Markdown table: what, aim, all, English, Chinese, other sizes than the square."""
    lines = ["| right | aim | all | English | Chinese | 256² | other sizes |", "|---|---|---|---|---|---|---|"]
    columns = [shares(group) for group in groups(asked, verdicts)]
    for name in columns[0]:
        aim = f"{AIMS[name]} %" if name in AIMS else ""
        lines.append(f"| {name} | {aim} | {' | '.join(said(*column[name]) for column in columns)} |")
    return "\n".join(lines)


def sign_table(asked: list[Question[Sign]], texts: list[str]) -> str:
    """The same for signs, by what stands on them."""
    right = [question.shown.text == text for question, text in zip(asked, texts, strict=True)]
    lines = ["| right | all | English | Chinese | 256² | other sizes |", "|---|---|---|---|---|---|"]
    for name, belongs in {
        "sign": lambda text: True,
        "a word": lambda text: text.isascii() and text.isalpha(),
        "a digit": str.isdecimal,
        "Chinese": lambda text: not text.isascii(),
    }.items():
        of_it = [[value for question, value in group if belongs(question.shown.text)]
                 for group in groups(asked, list(zip(asked, right, strict=True)))]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(said(sum(column), len(column)) for column in of_it)} |")
    return "\n".join(lines)


def groups(asked: Sequence[Question[Scene] | Question[Sign]], values: list[Value]) -> list[list[Value]]:
    """The values of all questions, of the English, the Chinese, the square ones and the others."""
    pairs = list(zip(asked, values, strict=True))
    return [
        values,
        *([value for question, value in pairs if question.language == language] for language in ("en", "zh")),
        *(
            [value for question, value in pairs if (question.width == question.height) is flat]
            for flat in (True, False)
        ),
    ]
