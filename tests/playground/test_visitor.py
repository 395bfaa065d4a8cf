"""What the visitor without a browser reads."""

import pytest

from playground.visitor import as_text, form_as_text, readable
from playground.world.people import CHANNELS, PEOPLE

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (f"-# <@{PEOPLE[0].id}> · seed 7", "@Mia · seed 7"),
        (f"Set for <#{CHANNELS[0].id}>: steps = 4.", "Set for #paint: steps = 4."),
        (r"\*\*bold\*\* \`x\` \<@1>", "**bold** `x` <@1>"),
        ("### Queue\n**Waiting** · Next in line", "Queue\nWaiting · Next in line"),
        ("**Steps**\n```\n4  rough\n8  made for\n```", "Steps\n4  rough\n8  made for"),
        ("Try again <t:1800000045:R>.", "Try again in 45 seconds."),
        ("Try again <t:1800086400:R>.", "Try again in 1 day."),
        ("due <t:1799999940:R>", "due 1 minute ago"),
        ("snake_case 2 * 3", "snake_case 2 * 3"),
    ],
)
def test_a_terminal_shows_what_a_reader_sees_not_how_it_is_written(written: str, read: str) -> None:
    assert readable(written, now=NOW) == read


def test_a_message_is_read_from_top_to_bottom() -> None:
    button = {"type": 2, "label": "Reroll"}
    parts = [{"type": 10, "content": "**a**"}, {"type": 1, "components": [button]}]

    assert as_text({"content": "", "components": [{"type": 17, "components": parts}]}) == "a\n[Reroll]"


def test_a_form_shows_each_field_with_what_stands_in_it() -> None:
    options = [{"label": "Wide", "value": "16:9", "default": True}, {"label": "Tall", "value": "9:16"}]
    fields = [
        {"type": 18, "label": "Prompt", "component": {"type": 4, "custom_id": "prompt", "value": "a star"}},
        {"type": 18, "label": "Seed", "description": "Empty for a new one.", "component": {"type": 4}},
        {"type": 18, "label": "Shape", "component": {"type": 3, "options": options}},
    ]

    shown = form_as_text({"title": "Edit", "components": fields})

    assert shown == "[form] Edit\nPrompt: a star\nSeed (Empty for a new one.):\nShape: Wide"
