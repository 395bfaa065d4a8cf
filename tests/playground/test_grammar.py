"""The composer's language, by example and by property."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.client import grammar
from playground.client.grammar import GrammarError

PROMPT = {"type": 3, "name": "prompt", "name_localizations": {"zh-CN": "提示词"}, "required": True}
SEED = {"type": 4, "name": "seed", "name_localizations": {"zh-CN": "种子"}, "min_value": 0, "max_value": 4294967295}
SHAPE = {
    "type": 3,
    "name": "shape",
    "choices": [
        {"name": "square", "value": "1:1", "name_localizations": {"zh-CN": "方形"}},
        {"name": "wide 16:9", "value": "16:9"},
    ],
}
STRENGTH = {"type": 10, "name": "strength", "min_value": 0.05, "max_value": 1.0}
HD = {"type": 5, "name": "hd"}
IMAGE = {"type": 11, "name": "image"}
IMAGINE = {
    "name": "imagine",
    "name_localizations": {"zh-CN": "画"},
    "type": 1,
    "options": [PROMPT, SEED, SHAPE, STRENGTH, HD, IMAGE],
}
SET = {"type": 1, "name": "set", "options": [{"type": 4, "name": "steps"}, {"type": 4, "name": "count"}]}
SHOW = {"type": 1, "name": "show", "options": []}
ADMIN = {
    "name": "admin",
    "type": 1,
    "options": [{"type": 2, "name": "defaults", "options": [SHOW, SET]}, {"type": 1, "name": "pause"}],
}
GROW = {"name": "seed", "type": 1, "options": [SEED | {"required": True}]}
COMMANDS = [IMAGINE, ADMIN, GROW]
NAMES = grammar.known_names(IMAGINE["options"])


def values(text: str) -> dict[str, Any]:
    return {given.name: given.value for given in grammar.parse(text, COMMANDS).given}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/imagine prompt:a red star", {"prompt": "a red star"}),
        ("/imagine prompt:ratio 3:2, note: hi seed:7", {"prompt": "ratio 3:2, note: hi", "seed": 7}),
        ("/imagine seed:7 prompt:  spaced   out  ", {"seed": 7, "prompt": "spaced   out"}),
        ("/imagine prompt:two\nlines\nseed:7", {"prompt": "two\nlines", "seed": 7}),
        ("/imagine prompt:birdseed:9", {"prompt": "birdseed:9"}),
        ("/imagine prompt:x shape:SQUARE", {"prompt": "x", "shape": "1:1"}),
        ("/imagine prompt:x shape:16:9", {"prompt": "x", "shape": "16:9"}),
        ("/imagine prompt:x shape:方形", {"prompt": "x", "shape": "1:1"}),
        ("/imagine prompt:x hd:是 strength:.5", {"prompt": "x", "hd": True, "strength": 0.5}),
        ("/imagine prompt:x hd:No", {"prompt": "x", "hd": False}),
        ("/Imagine prompt:x image:@my cat.png", {"prompt": "x", "image": "my cat.png"}),
        ("/画 提示词：白色背景上的红色星星 种子：7", {"prompt": "白色背景上的红色星星", "seed": 7}),
        ("/imagine a red star", {"prompt": "a red star"}),
        ("/imagine a red star, 3:2 seed:7", {"prompt": "a red star, 3:2", "seed": 7}),
        ("/画 白色背景上的红色星星", {"prompt": "白色背景上的红色星星"}),
        ("/imagine Prompt: a star SEED: 7", {"prompt": "a star", "seed": 7}),
        ("／imagine prompt:a star", {"prompt": "a star"}),
        ("、画 提示词：星星　种子：7", {"prompt": "星星", "seed": 7}),
        ("/imagine prompt:x image:＠cat.png", {"prompt": "x", "image": "cat.png"}),
        ("/imagine prompt:ſeed:9 a ſeed:9", {"prompt": "ſeed:9 a ſeed:9"}),
        ("/admin defaults set steps:8 count:2", {"steps": 8, "count": 2}),
        ("/admin defaults show", {}),
        ("/admin pause", {}),
    ],
)
def test_a_line_is_read(text: str, expected: dict[str, Any]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("imagine", 'A command starts with "/".'),
        ("/paint", 'There is no command "/paint"; there are /imagine, /admin, /seed.'),
        ("/imagine", '/imagine needs the option "prompt".'),
        (
            "/admin defaults set eight count:2",
            '/admin defaults set does not understand "eight" before its first option. Write "steps:eight".',
        ),
        (
            "/imagine a star prompt:a cat",
            '/imagine does not understand "a star" before its first option. Write "prompt:a star".',
        ),
        ("/seed five", 'The option "seed" wants a whole number, not "five".'),
        ("/imagine prompt: seed:1", 'The option "prompt" is empty.'),
        ("/imagine prompt:a seed:b", 'The option "seed" wants a whole number, not "b".'),
        ("/imagine prompt:a seed:-1", 'The option "seed" must be 0 or more.'),
        ("/imagine prompt:a seed:4294967296", 'The option "seed" must be 4294967295 or less.'),
        ("/imagine prompt:a strength:much", 'The option "strength" wants a number, not "much".'),
        ("/imagine prompt:a strength:2", 'The option "strength" must be 1 or less.'),
        ("/imagine prompt:a strength:0", 'The option "strength" must be 0.05 or more.'),
        ("/imagine prompt:a hd:maybe", 'The option "hd" wants true or false, not "maybe".'),
        ("/imagine prompt:a seed:1 seed:2", 'The option "seed" is given twice.'),
        ("/imagine prompt:a shape:round", '"round" is not a choice of "shape"; there are square, wide 16:9.'),
        ("/admin", "/admin needs one of: defaults, pause."),
        ("/admin defaults get", "/admin defaults needs one of: show, set."),
        ("/admin pause now", '/admin pause does not understand "now" before its first option.'),
    ],
)
def test_a_mistake_is_said_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(GrammarError) as refused:
        grammar.parse(text, COMMANDS)

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/画 提示词:猫 种子:-1", 'The option "种子" must be 0 or more.'),
        ("/imagine seed:1", '/画 needs the option "提示词".'),
        ("/画 猫 提示词:狗", '/画 does not understand "猫" before its first option. Write "提示词:猫".'),
        ("/画 提示词:猫 shape:圆", '"圆" is not a choice of "shape"; there are 方形、wide 16:9.'),
        ("/不存在", 'There is no command "/不存在"; there are /画、/admin、/seed.'),
    ],
)
def test_a_mistake_names_things_in_the_readers_language(text: str, sentence: str) -> None:
    with pytest.raises(GrammarError) as refused:
        grammar.parse(text, COMMANDS, "zh-CN")

    assert str(refused.value) == sentence


words = st.text(min_size=1, max_size=60).filter(lambda text: text.strip() and not grammar.split(text, NAMES)[0])


@given(prompt=words, seed=st.integers(0, 4294967295), seed_first=st.booleans())
def test_what_names_no_option_is_one_value_in_any_order(prompt: str, seed: int, seed_first: bool) -> None:
    parts = [f"prompt:{prompt}", f"seed:{seed}"]

    read = values("/imagine " + " ".join(reversed(parts) if seed_first else parts))

    assert read == {"prompt": prompt.strip(), "seed": seed}


@given(text=st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for line in (text, f"/imagine {text}", f"/admin {text}"):
        with contextlib.suppress(GrammarError):
            grammar.parse(line, COMMANDS)


@given(text=st.text(alphabet="promtsedhap: :\n", max_size=60))
def test_segments_lie_where_they_say(text: str) -> None:
    segments, before = grammar.split(text, NAMES)

    assert all(text[part.value_start : part.end].strip() == part.value for part in segments)
    assert all(text[part.start : part.value_start].rstrip(":：") == part.name for part in segments)
    assert text[: segments[0].start if segments else None].strip() == before


def test_a_button_is_found_by_its_longest_label() -> None:
    labels = ["Upscale", "Upscale 2", "Edit", "重画"]

    assert grammar.button_of("click:Upscale 2", labels) == ("Upscale 2", "")
    assert grammar.button_of("click: upscale 3", labels) == ("Upscale", "3")
    assert grammar.button_of("click:edit prompt:a b", labels) == ("Edit", "prompt:a b")
    assert grammar.button_of("click:重画", labels) == ("重画", "")
    assert grammar.button_of("click:Editor", labels) is None
    assert grammar.button_of("Click：重画", labels) == ("重画", "")


@pytest.mark.parametrize(
    ("message", "locale", "line"),
    [
        ("a red star", "en-US", "/imagine prompt:a red star"),
        ("Prompt: a red star", "en-US", "/imagine prompt:a red star"),
        ("红色星星", "zh-CN", "/画 提示词:红色星星"),
        ("提示词：红色星星", "zh-CN", "/画 提示词:红色星星"),
        ("prompt:", "en-US", None),
    ],
)
def test_a_plain_message_is_told_the_line_that_would_have_painted(message: str, locale: str, line: str | None) -> None:
    assert grammar.line_for(message, COMMANDS, locale) == line


def test_there_is_no_such_line_without_a_command_that_takes_words() -> None:
    assert grammar.line_for("a red star", [ADMIN, GROW], "en-US") is None


def test_fields_are_named_by_id_or_label_in_any_case() -> None:
    fields = {"prompt": "prompt", "What to paint": "prompt", "seed": "seed", "Zufall": "seed"}

    assert grammar.fill("Prompt:a b seed:9", fields) == {"prompt": "a b", "seed": "9"}
    assert grammar.fill("what to paint:a zufall:", fields) == {"prompt": "a", "seed": ""}
    with pytest.raises(GrammarError, match="given twice"):
        grammar.fill("prompt:a What to paint:b", fields)
    with pytest.raises(GrammarError, match='does not understand "colour:red"; its fields are prompt, seed'):
        grammar.fill("colour:red", fields)


def test_a_form_names_each_of_its_fields_once_as_it_stands_there() -> None:
    fields = {"Prompt": "prompt", "prompt": "prompt", "New seed": "seed", "seed": "seed"}  # the label comes first

    with pytest.raises(GrammarError, match=r"its fields are Prompt, New seed\.$"):
        grammar.fill("colour:red", fields)
