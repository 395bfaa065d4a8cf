"""Paints things by name and tells which of them are right.

Every thing alone in both languages, in sentences that training never says; then pairs and places that it never shows,
and names that it never heard. Right is a thing when it is nearer to the emoji asked for than to any other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from PIL import Image

from engine.training import flow
from engine.training.autoencoder import encode
from engine.training.check.recognise import Recogniser
from engine.training.check.tables import said, sheet
from engine.training.export import STARTER
from engine.training.latents import Norm, pixels
from engine.training.models import Parts
from engine.training.subjects import emoji, stage, stage_phrases
from engine.training.subjects.emoji import Emoji
from engine.training.subjects.stage import Prop, Stage
from engine.training.things import load

SINGLE_AIM, PAIR_AIM = 95.0, 90.0  # per cent
PAIRS = {"place": 0.3, "pair": 0.4, "pair in place": 0.3}
# 100 prompts as newcomers type them, written down before training: prompt, language, and whether the list holds it.
FIRST_PROMPTS = Path(__file__).with_name("first_prompts.tsv")
BATCH = 20  # pictures painted at once
HALF, WHOLE = (128, 2), (256, 1)  # side in pixels, and how far apart positions stand


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A prompt, what it means, and which part of the list it belongs to."""

    part: str
    language: str
    prompt: str
    shown: Stage


def questions(cast: Sequence[Emoji], pairs: int, seed: int, *, singles: int | None = None) -> Iterator[Asked]:
    """Things in English and in Chinese, `pairs` unseen pairs and places by turns, and each unheard name.

    Each thing, or so many `singles` of them by chance in either language.
    """
    rng = Random(seed)
    for language in ("en", "zh"):
        for thing in cast if singles is None else Random(f"{language} {seed}").sample(cast, singles):
            shown = Stage(props=(Prop(emoji=thing),), ground="white")
            name = (thing.english if language == "en" else thing.chinese)[0]
            prompt = stage_phrases.named(name, thing, language=language)
            yield Asked(part="single", language=language, prompt=prompt, shown=shown)
    for number in range(pairs):
        language = ("en", "zh")[number % 2]
        shown = stage.random_stage(rng, cast, kinds=PAIRS, held_out=True)
        prompt = stage_phrases.say(shown, rng, language=language, held_out=True)
        yield Asked(part="pair or place", language=language, prompt=prompt, shown=shown)
    for thing in cast:
        shown = Stage(props=(Prop(emoji=thing),), ground="white")
        for language, names in (("en", thing.unseen_english), ("zh", thing.unseen_chinese)):
            for name in names:
                prompt = stage_phrases.named(name, thing, language=language)
                yield Asked(part="unheard name", language=language, prompt=prompt, shown=shown)


def paint(parts: Parts, prompts: Sequence[str], *, side: int, seed: int, stride: int) -> list[Image.Image]:
    """One picture of `side`² for each prompt; `stride` 2 for weights that have seen half-size pictures only."""
    flow.use_plain_attention(parts.transformer)
    norm = Norm(shift=parts.vae.config["shift_factor"], scale=parts.vae.config["scaling_factor"])
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), BATCH):
        texts = list(prompts[start : start + BATCH])
        noise = torch.stack(
            [
                torch.randn(16, side // 8, side // 8, generator=torch.Generator().manual_seed(seed + start + number))
                for number in range(len(texts))
            ]
        )
        with torch.no_grad():
            ids, lengths = flow.tokenize(parts.tokenizer, texts)
            words = flow.encode(parts.text_encoder, ids)
            latents = flow.sample(parts.transformer, noise, words, lengths, stride=stride)
            decoded = parts.vae.decode(latents / norm.scale + norm.shift, return_dict=False)[0]  # pyright: ignore[reportArgumentType]
        values = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        pictures += [Image.fromarray(one) for one in values.numpy()]
    return pictures


def right(picture: Image.Image, shown: Stage, recogniser: Recogniser) -> list[bool]:
    """For each thing of `shown` whether the picture has it in its place."""
    return [
        recogniser.recognise(picture, shown, index) == prop.emoji.code
        for index, prop in enumerate(shown.props)
        if prop.emoji is not None
    ]


def table(asked: Sequence[Asked], verdicts: Sequence[list[bool]]) -> str:
    """A Markdown table: what, aim, all, English, Chinese; counted in things."""
    lines = ["| right | aim | all | English | Chinese |", "|---|---|---|---|---|"]
    for part, aim in (("single", f"{SINGLE_AIM:.0f} %"), ("pair or place", f"{PAIR_AIM:.0f} %"), ("unheard name", "")):
        columns = [_count(asked, verdicts, part, language) for language in ("", "en", "zh")]
        lines.append(f"| {part} | {aim} | {' | '.join(said(*column) for column in columns)} |")
    return "\n".join(lines)


def _count(asked: Sequence[Asked], verdicts: Sequence[list[bool]], part: str, language: str) -> tuple[int, int]:
    values = [
        value
        for question, verdict in zip(asked, verdicts, strict=True)
        if question.part == part and language in ("", question.language)
        for value in verdict
    ]
    return sum(values), len(values)


def own_accuracy(
    cast: Sequence[Emoji], recogniser: Recogniser, pictures: stage.Pictures, parts: Parts, side: int
) -> tuple[int, int]:
    """How many things the recogniser finds in drawings that went through the autoencoder, and of how many."""
    rng, found, count = Random(1), 0, 0
    for _ in range(300):
        shown = stage.random_stage(rng, cast, kinds=PAIRS)
        drawn = stage.draw(shown, pictures, side, side)
        verdict = right(through(parts, drawn), shown, recogniser)
        found, count = found + sum(verdict), count + len(verdict)
    return found, count


def through(parts: Parts, picture: Image.Image) -> Image.Image:
    """The picture as the autoencoder gives it back."""
    with torch.no_grad():
        decoded = parts.vae.decode(encode(parts.vae, pixels([picture])).mean, return_dict=False)[0]  # pyright: ignore[reportArgumentType]
    values = ((decoded[0] / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    return Image.fromarray(values.numpy())


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What was painted, and what of it is right. `verdicts` has a value for each thing of a picture."""

    asked: Sequence[Asked]
    painted: Sequence[Image.Image]
    verdicts: Sequence[list[bool]]
    own: tuple[int, int]  # how much the recogniser tells apart of drawings, and of how many

    @property
    def reached(self) -> bool:
        """Whether both shares reach their aims."""
        singles, pairs = (_count(self.asked, self.verdicts, part, "") for part in ("single", "pair or place"))
        return 100 * singles[0] >= SINGLE_AIM * singles[1] and 100 * pairs[0] >= PAIR_AIM * pairs[1]

    def told(self) -> str:
        """In Markdown, with what a machine that compares pixels makes of the drawings themselves."""
        return f"{table(self.asked, self.verdicts)}\n\nThe recogniser itself, on drawings: {said(*self.own)}."

    def wrong(self) -> Iterator[str]:
        """A line for each prompt that did not come out right."""
        for question, verdict in zip(self.asked, self.verdicts, strict=True):
            if not all(verdict):
                yield f"- {question.part}: {question.prompt}"

    def draw_singles(self, path: Path) -> None:
        """One sheet of the things that were asked for alone, in English."""
        english = [
            picture
            for picture, question in zip(self.painted, self.asked, strict=True)
            if (question.part, question.language) == ("single", "en")
        ]
        sheet(english, path, columns=20, cell=96)

    def draw(self, folder: Path) -> None:
        """A sheet of each part."""
        for part in dict.fromkeys(question.part for question in self.asked):
            shown = [
                picture for picture, question in zip(self.painted, self.asked, strict=True) if question.part == part
            ]
            sheet(shown, folder / f"{part.replace(' ', '-')}.png", columns=20, cell=136)


def measured(
    parts: Parts,
    cast: Sequence[Emoji],
    pictures: stage.Pictures,
    *,
    pairs: int,
    seed: int,
    singles: int | None = None,
    half: bool = False,
) -> Findings:
    """Painted and recognised, see `questions`; `half` for weights that have seen half-size pictures only."""
    recogniser = Recogniser([thing.code for thing in cast], pictures)
    asked = list(questions(cast, pairs, seed, singles=singles))
    side, stride = HALF if half else WHOLE
    painted = paint(parts, [question.prompt for question in asked], side=side, seed=seed, stride=stride)
    verdicts = [right(picture, question.shown, recogniser) for picture, question in zip(painted, asked, strict=True)]
    return Findings(
        asked=asked, painted=painted, verdicts=verdicts, own=own_accuracy(cast, recogniser, pictures, parts, side)
    )


def main() -> int:
    """Of weights that are still trained; the whole check is `engine.training.check`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--cache", type=Path, default=emoji.CACHE, help="folder of the emoji and their names")
    parser.add_argument("--things", type=int, default=None, help="how many, the commonest first; else all")
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--half", action="store_true", help="for weights that have seen half-size pictures only")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheets", type=Path, default=Path("sheets"), help="a folder for a sheet of each part")
    parser.add_argument("--first", action="store_true", help="only paint the 100 first prompts, on a sheet")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    parts = load(options.model)
    if options.first:
        lines = [line.split("\t")[0] for line in FIRST_PROMPTS.read_text(encoding="utf-8").splitlines()]
        side, stride = HALF if options.half else WHOLE
        painted = paint(parts, lines, side=side, seed=options.seed, stride=stride)
        sheet(painted, options.sheets / "first.png", columns=10)
        return 0
    emoji.fetch(options.cache)
    everything, pictures = emoji.load(options.cache)
    cast = everything[: options.things]
    found = measured(parts, cast, pictures, pairs=options.pairs, seed=options.seed, half=options.half)
    print(found.told(), *found.wrong(), sep="\n")
    found.draw(options.sheets)
    return 0 if found.reached else 1


if __name__ == "__main__":
    sys.exit(main())
