"""Options typed into the prompt: what fingers know from elsewhere does the same here, and nothing is painted unsaid."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.jobs.errors import BadFlag, FlagContradicts, FlagNeedsNumber, FlagNeedsWords, FlagTwice, UnknownFlag
from bot.requests import flags
from bot.requests.draft import RequestDraft
from bot.ui import text
from protocol.card import Z_IMAGE_TURBO
from protocol.request import ImageRequest, Lora


def read(prompt: str, *, old: ImageRequest | None = None, **options: Any) -> RequestDraft:
    """The draft of these words, and of options beside them."""
    draft = RequestDraft(prompt=prompt, **options)
    return flags.applied(draft, shape_of=lambda typed: text.shape_of(typed, Z_IMAGE_TURBO.shapes), old=old)


@pytest.mark.parametrize(
    ("prompt", "words", "said"),
    [
        ("a cat --ar 3:2", "a cat", {"shape": "3:2"}),
        ("a cat --aspect 16x9", "a cat", {"shape": "16:9"}),
        ("a cat --size 576x1024", "a cat", {"shape": "576x1024"}),
        ("a cat --seed 42 on a mat", "a cat on a mat", {"seed": 42}),
        ("--steps 4 a cat", "a cat", {"steps": 4}),
        ("a cat --n 3", "a cat", {"count": 3}),
        ("a cat --count=2", "a cat", {"count": 2}),
        ("a cat --no fog, rain --seed 7", "a cat", {"negative": "fog, rain", "seed": 7}),
        ("a cat --no fog --no rain", "a cat", {"negative": "fog, rain"}),
        ("a cat --style ink painting", "a cat", {"style": "ink painting"}),
        ("a cat --variety 0.4", "a cat", {"variety": 0.4}),
        ("a cat --chaos 40", "a cat", {"variety": 0.4}),
        ("a cat --guidance .5", "a cat", {"guidance": 0.5}),
        ("a cat --enhance", "a cat", {"enhance": True}),
        ("a cat --enhance 0", "a cat", {"enhance": False}),
        ("a cat --lora ink:0.7", "a cat", {"loras": (Lora(name="ink", weight=0.7),)}),
        (
            "a cat --lora my style --lora b:-1",
            "a cat",
            {"loras": (Lora(name="my style", weight=1.0), Lora(name="b", weight=-1.0))},
        ),
        ("a cat —ar 3:2", "a cat", {"shape": "3:2"}),
        ("a cat –seed 5", "a cat", {"seed": 5}),
        ("A CAT --SEED 5", "A CAT", {"seed": 5}),
        ("一只猫－－ar 3：2", "一只猫", {"shape": "3:2"}),
        ("一只猫——种子４２，在雪地里", "一只猫，在雪地里", {"seed": 42}),
        ("一只猫--不要雾、雨", "一只猫", {"negative": "雾、雨"}),
        ("一只猫 --比例 竖图", "一只猫", {"shape": "2:3"}),
        ("一只猫 --风格：水墨", "一只猫", {"style": "水墨"}),
    ],
)
def test_a_flag_does_what_its_option_does(prompt: str, words: str, said: dict[str, Any]) -> None:
    assert read(prompt) == RequestDraft(prompt=words, **said)


@pytest.mark.parametrize("typed", ["--q", "--q 2", "--quality", "--精修"])
def test_a_switch_may_have_a_number_behind_it(typed: str) -> None:
    assert read(f"a cat {typed} on a mat").as_said == {"quality": True}
    assert read(f"a cat {typed} on a mat").prompt == "a cat on a mat"


@pytest.mark.parametrize(
    "prompt",
    [
        "a well--known cat",
        "the sea — calm and blue",
        "the sea —calm and blue",
        "一只猫——在雪地里",
        'a sign that says "--seed 5"',
        "写着“--种子 5”的牌子",
        "a - b -- c --- d",
        "10--20 cats, -5 degrees",
        "--",
        "a cat\n\nwith  two spaces",
    ],
)
def test_a_dash_in_prose_is_no_flag(prompt: str) -> None:
    assert read(prompt) == RequestDraft(prompt=prompt)


@pytest.mark.parametrize(
    ("prompt", "refusal"),
    [
        ("a cat --v 6", UnknownFlag),
        ("a cat --stylize 200", UnknownFlag),
        ("a cat －－niji", UnknownFlag),
        ("a cat --seed", FlagNeedsWords),
        ("a cat --ar", FlagNeedsWords),
        ("a cat --no --seed 5", FlagNeedsWords),
        ("a cat --seed lots", FlagNeedsNumber),
        ("a cat --seed 12abc", FlagNeedsNumber),
        ("a cat --steps 4.5", FlagNeedsNumber),
        ("a cat --lora ink:much", FlagNeedsNumber),
        ("a cat --seed 1 --seed 2", FlagTwice),
        ("a cat --chaos 10 --variety 0.5", FlagTwice),
    ],
)
def test_a_flag_that_cannot_be_read_is_said_and_not_painted(prompt: str, refusal: type[BadFlag]) -> None:
    with pytest.raises(refusal):
        read(prompt)


def test_a_flag_and_an_option_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(FlagContradicts):
        read("a cat --seed 5", seed=6)
    with pytest.raises(FlagContradicts):
        read("a cat --q", as_said={"quality": False})
    assert read("a cat --seed 5", seed=5).seed == 5


def test_loras_of_both_are_applied_together() -> None:
    first, second = Lora(name="a", weight=1.0), Lora(name="b", weight=0.5)

    assert read("a cat --lora b:0.5", loras=(first,)).loras == (first, second)


def test_in_a_form_what_was_filled_in_already_contradicts_nothing() -> None:
    old = ImageRequest(prompt="a cat", shape="1:1", width=1024, height=1024, steps=8, seed=1)
    form: dict[str, Any] = {"shape": "1:1", "seed": 1, "steps": 4}

    assert read("a cat --ar 2:3 --seed 9", old=old, **form).shape == "2:3"
    with pytest.raises(FlagContradicts):
        read("a cat --steps 6", old=old, **form)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_a_sentence(prompt: str) -> None:
    with suppress(BadFlag):
        assert len(read(prompt).prompt) <= len(prompt)
