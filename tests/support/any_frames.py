"""What a broken or hostile peer may send, for hypothesis: any bytes, any message of either side, and those damaged."""

from __future__ import annotations

import hashlib

import msgspec
from hypothesis import strategies as st

from protocol import frames
from protocol.messages import (
    PROTOCOL,
    Beat,
    BotHello,
    Cancel,
    Cancelled,
    Command,
    CountTokens,
    EngineHello,
    Enhanced,
    Event,
    Failed,
    Finished,
    Loading,
    Progress,
    Refused,
    Started,
    Stored,
    TokensCounted,
)
from tests.support.fake_engine import CARD

TEXTS = st.one_of(st.sampled_from(["", "\x00", "../../etc/passwd", "\u202e", "{nothing}"]), st.text(max_size=20))
NUMBERS = st.one_of(st.sampled_from([-1, 0, 1, 2, 8, 2**31, 2**63 - 1]), st.integers(-(2**63), 2**64 - 1))
BYTES = st.binary(max_size=60)
MINE = "a" * 16  # a job that is nobody's
ONE = {"attempt": NUMBERS, "k": NUMBERS}
JOBS = st.one_of(st.just(MINE), TEXTS)


def _pictures() -> st.SearchStrategy[Finished]:
    return BYTES.flatmap(
        lambda png: st.builds(
            Finished, job=JOBS, **ONE, seed=NUMBERS, width=NUMBERS, height=NUMBERS, seconds=st.floats(),
            png=st.just(png), sha256=st.one_of(st.just(hashlib.sha256(png).hexdigest()), TEXTS),
        )
    )  # fmt: skip


EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Started, job=JOBS, attempt=NUMBERS),
    st.builds(Progress, job=JOBS, attempt=NUMBERS, step=NUMBERS, steps=NUMBERS, preview=st.none() | BYTES),
    st.builds(Enhanced, job=JOBS, attempt=NUMBERS, text=TEXTS, done=st.booleans()),
    st.builds(Failed, job=JOBS, **ONE, code=TEXTS, arguments=st.dictionaries(TEXTS, TEXTS | st.floats(), max_size=2)),
    st.builds(Cancelled, job=JOBS, **ONE),
    st.builds(TokensCounted, ticket=st.sampled_from(["0", "1", ""]), tokens=NUMBERS, limit=NUMBERS),
    st.builds(Beat, steps=NUMBERS, busy=st.booleans()),
    st.builds(Loading, protocol=st.just(PROTOCOL) | NUMBERS, build=TEXTS, engine=TEXTS, model=TEXTS, problem=TEXTS),
    st.builds(
        EngineHello, protocol=st.just(PROTOCOL) | NUMBERS, build=TEXTS, engine=st.sampled_from(["hostile", "good", ""]),
        card=st.just(msgspec.structs.replace(CARD, id="other")), device=TEXTS, dtype=TEXTS, threads=NUMBERS,
        memory=NUMBERS, policy=TEXTS, capacity=NUMBERS,
        running=st.lists(st.tuples(JOBS, NUMBERS), max_size=2).map(tuple),
        held=st.lists(st.tuples(JOBS, NUMBERS), max_size=2).map(tuple),
    ),
    _pictures(),
)  # fmt: skip
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(BotHello, protocol=NUMBERS, build=TEXTS),
    st.builds(Refused, reason=TEXTS),
    st.builds(Cancel, job=JOBS),
    st.builds(Stored, job=JOBS, k=NUMBERS),
    st.builds(CountTokens, ticket=TEXTS, texts=st.lists(TEXTS, max_size=2).map(tuple)),
)


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    frame = draw(_frames_of(EVENTS | COMMANDS))
    at = draw(st.integers(0, len(frame)))
    return frame[:at] + draw(st.binary(max_size=5)) + frame[at + draw(st.integers(0, 5)) :]


def _frames_of(messages: st.SearchStrategy[Event] | st.SearchStrategy[Command]) -> st.SearchStrategy[bytes]:
    return messages.map(frames.encode)


FRAMES = st.one_of(st.binary(max_size=80), _frames_of(EVENTS), _frames_of(COMMANDS), _damaged())
