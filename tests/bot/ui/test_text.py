"""What people type is shown as they typed it and can do nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.jobs.errors import OutOfRange, PerDayReached, PerMinuteReached, UnknownShape
from bot.jobs.job import Failure
from bot.ui import text
from protocol.card import Z_IMAGE_TURBO
from tests.support.fake_engine import CARD


@given(st.text(max_size=1500))
def test_nothing_in_a_prompt_can_mention_or_turn_the_text(prompt: str) -> None:
    shown = text.safe(prompt)

    assert not re.search(r"(?<!\\)<", shown)
    assert "@everyone" not in shown
    assert "@here" not in shown
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066\u2067]", shown)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", shown)


@given(st.text(max_size=3000), st.integers(10, 200))
def test_a_shown_text_is_never_longer_than_twice_its_limit(prompt: str, limit: int) -> None:
    assert len(text.plain(text.clip(prompt, limit))) <= limit
    assert (
        len(text.safe(prompt, limit)) <= 2 * limit + 2 * limit
    )  # each character may need its escape, lines their marks


def test_right_to_left_text_stays_in_its_place() -> None:
    assert text.safe("נופים") == "\u2068נופים\u2069"
    assert text.safe("a star") == "a star"


def test_marks_of_markdown_are_shown_as_they_are() -> None:
    assert text.safe("**a** _b_ `c` ~~d~~") == r"\*\*a\*\* \_b\_ \`c\` \~\~d\~\~"
    assert text.safe("# head").startswith("\\")
    assert text.safe("||a|| \\*\n - b\n1. c\n> d\n-# e\nx - y. #1 > 2") == (
        "\\|\\|a\\|\\| \\\\\\*\n \\- b\n1\\. c\n\\> d\n\\-# e\nx - y. #1 > 2"
    )
    assert text.safe("1-20") == "1-20"
    assert text.safe("<@1> <t:0:R> <:x:1>") == r"\<@1> \<t:0:R> \<:x:1>"


@pytest.mark.parametrize(
    "prompt",
    [
        "[Claim your free Nitro](https://evil.example)",
        "[a](https://one.example) and [Claim **your** free `Nitro`](https://evil.example)",
        "see https://evil.example/a_b now",
        "[a] (b) [c](<https://evil.example>)",
    ],
)
def test_no_link_of_a_prompt_is_live(prompt: str) -> None:
    shown = text.safe(prompt)

    assert not re.search(r"(?<!\\)\[", shown)
    assert not re.search(r"(?<!\\)[*`<]", shown)
    assert not re.search(r"(?<!\\)://", shown)
    assert re.sub(r"\\(.)", r"\1", shown) == prompt


@given(st.text(alphabet="a1 \n\\*_~`|[]()<>#-+.:/", max_size=60))
def test_what_is_shown_is_what_was_typed_with_each_mark_escaped(prompt: str) -> None:
    shown = text.safe(prompt)

    assert re.sub(r"\\([^0-9A-Za-z\s])", r"\1", shown) == text.plain(prompt)
    assert not re.search(r"[*_~`|\[\]<]", re.sub(r"\\.", "", shown))


def test_a_name_between_backticks_stays_between_them_and_is_not_escaped() -> None:
    assert text.code("z_image_turbo.gguf", 100) == "`z_image_turbo.gguf`"
    assert text.code("a` **b**\n", 100) == "`a **b**`"
    assert text.code("`", 100) == "` `"


@pytest.mark.parametrize(
    ("typed", "shape"),
    [
        ("square", "1:1"), ("Portrait", "2:3"), ("portrait 2:3", "2:3"), ("3:4", "3:4"), ("16x9", "16:9"),
        ("16：9", "16:9"), ("竖图", "2:3"), ("宽屏 16:9", "16:9"), (" tall ", "9:16"), ("heart", "heart"),
    ],
)  # fmt: skip
def test_shapes_are_understood_as_people_say_them(typed: str, shape: str) -> None:
    assert text.shape_of(typed, CARD.shapes) == shape


def test_the_bar_counts_steps() -> None:
    assert text.bar(3, 8) == "▰▰▰▱▱▱▱▱"
    assert text.bar(0, 4) == "▱▱▱▱"
    assert text.bar(60, 60) == "▰" * 8


def test_a_refusal_is_one_sentence_with_its_numbers() -> None:
    assert text.refusal("en-US", OutOfRange(name="seed", value="x", least=0, most=2**32 - 1)) == (
        "“seed” must lie between 0 and 4294967295; you gave x."
    )
    assert text.refusal("zh-CN", PerMinuteReached(limit=20, retry=1_800_000_000.2)) == (
        "每分钟最多画 20 张，请在 <t:1800000001:T> 之后再试。"
    )
    refused = UnknownShape(shape="<@1> **x**", shapes="1:1, 2:3")
    assert text.refusal("en-US", refused) == (
        r"There is no shape “\<@1> \*\*x\*\*”. Choose one of: Square 1:1, Portrait 2:3."
    )


def test_a_failure_that_has_no_sentence_is_still_said() -> None:
    assert text.failure("en-US", Failure(code="new-in-the-engine", arguments={})) == (
        "The painter could not finish this picture."
    )
    tokens = Failure(code="prompt-too-many-tokens", arguments={"tokens": 600, "limit": 512})
    assert text.failure("zh-CN", tokens) == "提示词对这个模型来说太长了：600 个词元，最多 512 个。"
    assert text.failure("en-US", tokens) == "The prompt is too long for this model: 600 tokens, 512 is the most."


def test_a_days_allowance_is_told_with_its_day() -> None:
    told = text.refusal("en-US", PerDayReached(limit=20, retry=1_800_000_000))

    assert told == "You may ask for 20 pictures a day. Try again after <t:1800000000:f>."


@pytest.mark.parametrize(
    ("typed", "shape"),
    [
        ("832x1248", "2:3"),
        ("1024×1024", "1:1"),
        ("1024", "1:1"),
        ("6:9", "2:3"),
        ("2/3", "2:3"),
        ("5:4", "5:4"),
        ("576 x 1024", "576x1024"),
        ("７６８", "768x768"),
        ("500*333", "500x333"),
        ("0x0", "0x0"),
        ("512x0", "512x0"),
    ],
)
def test_a_size_of_the_model_is_its_shape_and_any_other_is_meant_as_it_was_typed(typed: str, shape: str) -> None:
    assert text.shape_of(typed, Z_IMAGE_TURBO.shapes) == shape


def test_a_size_that_is_typed_is_offered_with_what_the_model_makes_of_it() -> None:
    offered = text.shape_choices("en-US", Z_IMAGE_TURBO, "770x500")

    assert [(one.name, one.value) for one in offered] == [("770 × 500 → 768 × 496", "770x500")]
    assert "768x768" in [one.value for one in text.shape_choices("zh-CN", Z_IMAGE_TURBO, "")]
    assert text.shape_choices("en-US", Z_IMAGE_TURBO, "9000x9000") == []
