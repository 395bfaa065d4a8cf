"""A card crosses the wire and is kept: older and newer ones are understood, and none is too large to travel."""

from __future__ import annotations

import msgspec
import pytest

from protocol import frames
from protocol.card import MOST_WORDS, Z_IMAGE_TURBO, Knows, ModelCard, Vocabulary
from protocol.messages import PROTOCOL, EngineHello

MOST_MESSAGE = 1024 * 1024  # bytes that a NATS server takes as one message where nothing is configured
ENGLISH = Vocabulary(about="shapes", examples=("a star", "a ring"), words=("star", "ring"))
CHINESE = Vocabulary(about="图形", examples=("星星", "圆环"), words=("星", "环"))


def hello(knows: Knows | None) -> EngineHello:
    card = msgspec.structs.replace(Z_IMAGE_TURBO, knows=knows)
    return EngineHello(
        protocol=PROTOCOL, build="1", engine="e", card=card, device="cpu", dtype="float32", threads=1, memory=1,
        policy="resident",
    )  # fmt: skip


def test_a_card_kept_before_models_said_what_they_know_is_one_that_paints_anything() -> None:
    kept = msgspec.to_builtins(Z_IMAGE_TURBO)
    del kept["knows"]

    card = msgspec.json.decode(msgspec.json.encode(kept), type=ModelCard)

    assert card == Z_IMAGE_TURBO
    assert card.knows is None


def test_the_hello_of_an_engine_that_was_started_before_is_understood() -> None:
    said = msgspec.to_builtins(hello(None))
    del said["card"]["knows"]

    assert frames.decode_event(msgspec.msgpack.encode(said)) == hello(None)


def test_a_bot_without_the_field_leaves_it_out() -> None:
    fields = [(field.name, field.type) for field in msgspec.structs.fields(ModelCard) if field.name != "knows"]
    older = msgspec.defstruct("ModelCard", fields, frozen=True, kw_only=True)

    card = msgspec.json.decode(msgspec.json.encode(hello(Knows(en=ENGLISH, zh=CHINESE)).card), type=older)

    assert msgspec.structs.asdict(card).keys() == {name for name, _ in fields}


def test_the_largest_card_travels_in_one_message() -> None:
    words = ("😀" * 24,) * MOST_WORDS
    fullest = Vocabulary(about="😀" * 200, examples=("😀" * 60,) * 8, words=words)
    said = hello(Knows(en=fullest, zh=fullest, texts=words))

    frame = frames.encode(said)

    assert frames.decode_event(frame) == said
    assert len(frame) < MOST_MESSAGE


@pytest.mark.parametrize(
    "wrong",
    [
        {"words": ["star"] * (MOST_WORDS + 1)}, {"words": [""]}, {"words": ["x" * 25]},
        {"examples": ["a star"]}, {"about": "x" * 201},
    ],
)  # fmt: skip
def test_a_card_that_knows_out_of_all_bounds_is_a_bad_frame(wrong: dict[str, object]) -> None:
    said = msgspec.to_builtins(hello(Knows(en=ENGLISH, zh=CHINESE)))
    said["card"]["knows"]["en"] |= wrong

    with pytest.raises(frames.BadFrame):
        frames.decode_event(msgspec.msgpack.encode(said))
