"""Whatever a library says, and however it is logged, no token and no secret goes out."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
import sys

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from rich.console import Console
from rich.logging import RichHandler
from yarl import URL

from bot.jobs.few_lines import FewLines
from config.logs import MASK, Discreet, start_log
from tests.support.clocks import ManualClock

TOKEN = "aW50ZXJhY3Rpb24-GzEeuAgEE_LcyGEbwY4K07X"
BOT_TOKEN = "MTE3MzU2MDU4NzM2MDk2MDUxMg.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
SEED = "SUAM" + "A2B3C4D5E6F7" * 4 + "QRSTUV"
EDIT = f"https://discord.com/api/v10/webhooks/1100/{TOKEN}/messages/157?with_components=1"
ANSWER = f"https://discord.com/api/v10/interactions/1573/{TOKEN}/callback"
HEADERS = CIMultiDictProxy(CIMultiDict({"Authorization": f"Bot {BOT_TOKEN}", "User-Agent": "x"}))
REQUEST = aiohttp.RequestInfo(URL(EDIT), "PATCH", HEADERS, URL(EDIT))
LINES: list[tuple[str, tuple[object, ...]]] = [
    ("%s %s with %s has returned %s", ("POST", ANSWER, '{"type": 4}', 204)),  # discord.webhook, discord.http
    ("%s", ({"op": 2, "d": {"token": BOT_TOKEN, "properties": {"os": "linux"}}},)),  # discord.gateway, on its way out
    ("event %s", ({"t": "INTERACTION_CREATE", "d": {"id": "1", "token": TOKEN}},)),  # and on its way in
    ("event %s", (f'{{"d":{{"token":"{TOKEN}"}}}}',)),
    ("headers %s", ({"Authorization": f"Bot {BOT_TOKEN}"},)),
    ("headers %r", ([(b"Authorization", b"Bearer hush-hush-hush")],)),
    ("Authorization: Bearer hush-hush-hush", ()),
    ("refused: InteractionToken(token='hush-hush-hush', at=0.0)", ()),
    ("broker %s", ("nats://bot:hush-hush-hush@host:4222",)),
    ("key %s", (SEED,)),
    ("engine.json holds %s", ("our-very-own",)),
    ("too few arguments: %s %s", (ANSWER,)),
]


@pytest.fixture
def said() -> io.StringIO:
    """What `loud` writes."""
    return io.StringIO()


@pytest.fixture
def loud(said: io.StringIO) -> logging.Logger:
    """A logger outside the tree of loggers, in the product's form."""
    handler = logging.StreamHandler(said)
    handler.setFormatter(Discreet("%(levelname)s %(name)s  %(message)s", secrets=("our-very-own", "x")))
    log = logging.Logger("loud", logging.DEBUG)
    log.addHandler(handler)
    return log


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientOSError(None, f"Can not write request body for {EDIT}"),
        aiohttp.ServerTimeoutError(f"Connection timeout to host {EDIT}"),
        aiohttp.ServerDisconnectedError(f"Server disconnected: {ANSWER}"),
        aiohttp.ClientResponseError(REQUEST, (), status=502, message="Bad Gateway"),
        aiohttp.ContentTypeError(REQUEST, (), status=200, message="no JSON"),
        aiohttp.InvalidURL(ANSWER),
        RuntimeError(f"urllib3: Max retries exceeded with url: /api/v10/webhooks/1100/{TOKEN} (caused by x)"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_says_nothing_secret_whether_as_text_as_argument_or_as_traceback(
    loud: logging.Logger, said: io.StringIO, error: Exception
) -> None:
    loud.info("tried again: %s", error)
    loud.info(f"tried again: {error!r}")
    loud.warning(error)
    try:
        try:
            raise error
        except Exception as cause:
            raise ExceptionGroup("unhandled", [ValueError(repr(cause))]) from cause
    except ExceptionGroup as group:
        loud.error("stopped", exc_info=group)

    assert "Traceback" in said.getvalue()
    assert type(error).__name__ in said.getvalue()
    assert not any(secret in said.getvalue() for secret in (TOKEN, BOT_TOKEN)), said.getvalue()


@pytest.mark.parametrize(("form", "arguments"), LINES)
def test_a_line_of_any_library_says_nothing_secret(
    loud: logging.Logger, said: io.StringIO, form: str, arguments: tuple[object, ...]
) -> None:
    loud.debug(form, *arguments)

    assert MASK in said.getvalue()
    secrets = (TOKEN, BOT_TOKEN, SEED, "hush-hush-hush", "our-very-own")
    assert not any(secret in said.getvalue() for secret in secrets), said.getvalue()


def test_an_error_that_another_handler_has_written_out_before_is_masked_too(
    loud: logging.Logger, said: io.StringIO
) -> None:
    record = logging.LogRecord("loud", logging.ERROR, "", 1, "stopped", (), None)
    record.exc_text = f"Traceback\n  ClientOSError: {EDIT}"

    loud.handle(record)

    assert EDIT.replace(TOKEN, MASK) in said.getvalue()


def test_ordinary_lines_stay_as_they_are(loud: logging.Logger, said: io.StringIO) -> None:
    lines = [
        "engine fake is ready: Fake Painter on cpu",
        "job 5vmlox6qenmfgyor: its ending is tried again: Server disconnected",
        "a prompt of 256 tokens; prompt_tokens=256, at most 2000 characters",
        "the bot at ws://127.0.0.1:8421/engine cannot be reached: Bot is away",
        "GET https://discord.com/api/v10/channels/1/messages?limit=100 has returned 200",
        "x marks the spot",
    ]

    for line in lines:
        loud.info(line)

    assert said.getvalue().splitlines() == [f"INFO loud  {line}" for line in lines]


FORGED = "fake\n12:00:00 INFO    run_bot  all is well\r\u2028\x1b[2Jgone\u202e"


def test_a_name_that_brings_lines_along_forges_none(loud: logging.Logger, said: io.StringIO) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        loud.exception("engine %s was turned away", FORGED)

    first, *rest = said.getvalue().splitlines()
    assert first == "ERROR loud  engine fake"
    assert all(line.startswith("  ") for line in rest), rest
    assert not {"\x1b", "\u202e"} & set(said.getvalue())


def test_of_what_is_said_again_and_again_the_log_keeps_a_line_and_a_number(
    loud: logging.Logger, said: io.StringIO
) -> None:
    clock = ManualClock(0.0)
    loud.addFilter(FewLines(seconds=60, monotonic=clock))

    for _ in range(2000):
        loud.warning("turned away")
    clock.advance(61)
    for _ in range(3):
        loud.warning("turned away")
    loud.warning("something else")

    assert said.getvalue().splitlines() == [
        "WARNING loud  turned away",
        "WARNING loud  turned away (1999 times more since the last such line)",
        "WARNING loud  something else",
    ]


def test_a_coloured_terminal_is_as_discreet() -> None:
    text = io.StringIO()
    handler = RichHandler(console=Console(file=text, width=500), show_path=False)
    handler.setFormatter(Discreet("%(name)s  %(message)s"))

    handler.handle(logging.makeLogRecord({"msg": "lost: %s", "args": (EDIT,), "levelname": "INFO"}))

    assert TOKEN not in text.getvalue()
    assert "/messages/157" in text.getvalue()


async def test_what_asyncio_says_of_an_error_that_nobody_took_goes_the_same_way(
    loud: logging.Logger, said: io.StringIO
) -> None:
    handler = loud.handlers[0]
    asyncio_log = logging.getLogger("asyncio")
    asyncio_log.addHandler(handler)
    try:
        error = aiohttp.ClientOSError(None, f"Can not write request body for {EDIT}")
        asyncio.get_running_loop().call_exception_handler({"message": "never retrieved", "exception": error})
    finally:
        asyncio_log.removeHandler(handler)

    assert "ClientOSError" in said.getvalue()
    assert TOKEN not in said.getvalue()


def test_the_error_that_ends_a_process_goes_the_same_way() -> None:
    program = (
        "import logging\nfrom config.logs import start_log\n"
        "start_log(logging.StreamHandler(), form='%(message)s', level='DEBUG')\n"
        "import warnings\nwarnings.warn('see " + ANSWER + "')\n"
        "raise OSError('lost: " + EDIT + "')\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "OSError" in ended.stderr
    assert "UserWarning" in ended.stderr
    assert TOKEN not in ended.stderr


def test_every_process_starts_its_log_so() -> None:
    import run_bot
    from engine import __main__ as supervisor
    from engine.worker import __main__ as worker

    assert all(module.start_log is start_log for module in (run_bot, supervisor, worker))
