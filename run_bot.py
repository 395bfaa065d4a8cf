"""Command line and composition root: settings -> ledger -> link and engine -> bot. The only file that knows all."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import discord
from rich.console import Console
from rich.logging import RichHandler

from bot.client import ImageBot
from bot.data_folder import Unusable, data_folder
from bot.errors import Refusal
from bot.jobs.database import LedgerUnusable, back_up
from bot.jobs.defaults import OwnerSettings
from bot.jobs.job import JobState
from bot.jobs.retention import Keep, pruning
from bot.jobs.service import Ended, JobEvent, JobService, PainterState, open_service
from bot.links.embedded import EmbeddedEngine, embedded_engine, engine_command
from config.settings import ClusterSettings, Settings
from config.sources import BrokenSetting, read_settings
from playground.launch import Address, Unlaunched, launched
from playground.people import CHANNELS, PEOPLE
from playground.visitor import Unsaid, Visitor, as_text

if TYPE_CHECKING:
    from engine.cluster import Access

BUILD = version("zimagine")
HOW_TO_START = (
    "No Discord token: make a bot at https://discord.com/developers/applications and set ZIMAGINE_DISCORD__TOKEN to "
    "its token, or start with --playground, which needs none."
)
NO_CLUSTER = "A broker needs more packages: pip install -e .[cluster]"
DAY = 24 * 3600.0  # seconds
PAINTER_PATIENCE = 300.0  # seconds that --say waits for the engine to load

log = logging.getLogger("zimagine")


class Stopped(Exception):
    """The bot cannot run; the text is one sentence for its owner."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The process's exit status: 0 well, 1 something said was refused, 2 it cannot run so."""
    status = 2
    try:
        settings, flags = read_settings(_parser(), sys.argv[1:] if arguments is None else arguments)
        _start_log(settings)
        status = asyncio.run(_run(settings, flags))
    except* (BrokenSetting, Unusable, LedgerUnusable, Stopped) as sentences:  # task groups wrap what they let through
        _print_all(sentences)
    except* Unlaunched:
        pass  # the playground has said why
    except* KeyboardInterrupt:
        status = 130
    return status


def _print_all(errors: BaseExceptionGroup[Exception]) -> None:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            _print_all(error)
        else:
            print(error, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run_bot.py", description="A Discord bot that paints.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"Zimagine {BUILD}")
    parser.add_argument(
        "--playground", action="store_true", help="talk to the bot in a browser instead of on Discord; needs no token"
    )
    parser.add_argument(
        "--say", action="append", default=[], metavar="LINE",
        help="with --playground: type this line, print what a person would see, and end; repeats",
    )  # fmt: skip
    parser.add_argument(
        "command", nargs="*", metavar="backup FILE | cluster-config",
        help="save the ledger to a new file, also while the bot runs; with a copy of the folder blobs it is everything "
        "| write the configuration of a NATS server with fresh keys for the bot and its engines",
    )  # fmt: skip
    parser.add_argument("--save", type=Path, metavar="DIR", help="with --say: write the pictures into this folder")
    parser.add_argument("--out", type=Path, metavar="DIR", help="with cluster-config: the folder to write into")
    parser.add_argument("--engines", type=int, default=1, metavar="N", help="with cluster-config: how many get a key")
    return parser


def _start_log(settings: Settings) -> None:
    console = Console(stderr=True)
    if console.is_terminal:
        form = "%(name)s  %(message)s"
        handler = RichHandler(console=console, show_path=False, omit_repeated_times=False)
    else:
        form = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
        handler = logging.StreamHandler()
    logging.basicConfig(level=settings.log.level.upper(), format=form, datefmt="%H:%M:%S", handlers=[handler])
    # Below INFO the library prints interaction tokens, which are secrets for 15 minutes.
    logging.getLogger("discord").setLevel(max(logging.INFO, logging.root.level))
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # this bot never speaks


async def _run(settings: Settings, flags: argparse.Namespace) -> int:
    if flags.command:
        return _command(settings, flags)
    lines: list[str] = flags.say
    if not flags.playground and (lines or flags.save):
        raise Stopped("--say and --save work with --playground only.")
    if not flags.playground and settings.discord.token is None:
        raise Stopped(HOW_TO_START)
    if flags.save is not None:
        await asyncio.to_thread(_make_folder, flags.save)
    departure = Departure()
    async with AsyncExitStack() as stack:
        data = stack.enter_context(data_folder(settings.data))
        place = None
        if flags.playground:
            port = 0 if lines else settings.playground_port
            place = await stack.enter_async_context(launched(port=port, data=data / "playground"))
        service = await stack.enter_async_context(open_service(data, owner=_owner(settings)))
        await stack.enter_async_context(pruning(service.ledger, service.blobs, _keep(settings), wall=time.time))
        await _link_engines(stack, settings, service, data, departure)
        refusals: list[Refusal] = []
        bot = ImageBot(service, endpoint=_endpoint(settings, place), on_refusal=lambda _, told: refusals.append(told))
        connection = await stack.enter_async_context(_connected(bot, _token(settings, place)))
        if place is not None and lines:
            return await _say(lines, bot, place, save=flags.save, refusals=refusals)
        return await _serve(service, departure, connection, place)


async def _link_engines(
    stack: AsyncExitStack, settings: Settings, service: JobService, data: Path, departure: Departure
) -> None:
    """Engines at the broker, the engine of this machine, or both."""
    chosen = settings.cluster
    if chosen.url is not None:
        access = _access(chosen.url, chosen)
        from bot.links.nats import broker_link

        await stack.enter_async_context(broker_link(service.dispatcher, access=access, build=BUILD))
    if settings.engine.local or (settings.engine.local is None and chosen.url is None):
        engine = await stack.enter_async_context(
            embedded_engine(
                service.dispatcher,
                data=data,
                command=engine_command(**settings.engine.model_dump(exclude={"local"})),
                model=settings.engine.model,
                build=BUILD,
            )
        )
        stack.push_async_callback(departure.leave, engine)


def _access(url: str, chosen: ClusterSettings) -> Access:
    """How to be at the broker. Raises Stopped where something for it is missing."""
    try:
        from engine.cluster import Access, BrokenCredentials, seat_of
    except ModuleNotFoundError as error:
        raise Stopped(NO_CLUSTER) from error
    access = Access(url=url, credentials=chosen.credentials, ca=chosen.ca)
    try:
        seat_of(access)
    except BrokenCredentials as error:
        raise Stopped(str(error)) from error
    if chosen.ca is not None and not chosen.ca.is_file():
        raise Stopped(f"{chosen.ca} is no file with certificates.")
    return access


def _cluster_config(folder: Path, engines: int) -> int:
    try:
        from bot.links.broker_config import write_config
        from engine.cluster import BrokenCredentials
    except ModuleNotFoundError as error:
        raise Stopped(NO_CLUSTER) from error
    try:
        file = write_config(folder, engines=engines)
    except OSError as error:
        raise Stopped(f"{folder} cannot be written: {error.strerror or error}.") from error
    except BrokenCredentials as error:
        raise Stopped(str(error)) from error
    print(f"Broker:  nats-server -c {file}")
    print(f"Bot:     ZIMAGINE_CLUSTER__URL=nats://HOST:4222 ZIMAGINE_CLUSTER__CREDENTIALS={folder / 'bot.nk'}")
    for number in range(1, engines + 1):
        print(f"Engine:  python -m engine --url nats://HOST:4222 --creds {folder / f'engine-{number}.nk'}")
    return 0


def _command(settings: Settings, flags: argparse.Namespace) -> int:
    words: list[str] = flags.command
    match words:
        case ["cluster-config"]:
            if flags.out is None or flags.engines < 1:
                raise Stopped("cluster-config needs --out DIR, and --engines of at least 1.")
            return _cluster_config(flags.out, flags.engines)
        case ["backup", file]:
            back_up(settings.data / "ledger.db", Path(file))
            print(f"Saved the ledger to {file}; its pictures are the files in {settings.data / 'blobs'}.")
            return 0
        case _:
            raise Stopped(f"{' '.join(words)} is no command; there are: backup FILE, cluster-config --out DIR.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stopped(f"Pictures cannot be saved in {folder}: {error.strerror or error}.") from error


def _owner(settings: Settings) -> OwnerSettings:
    defaults, limits = settings.defaults, settings.limits
    return OwnerSettings(
        shape=defaults.shape,
        steps=defaults.steps,
        guidance=defaults.guidance,
        count=defaults.count,
        most_steps=limits.steps,
        per_minute=limits.per_minute,
        per_day=limits.per_day,
        in_flight=limits.in_flight,
        queue=limits.queue,
        least_free=settings.storage.least_free * 2**20,
    )


def _keep(settings: Settings) -> Keep:
    storage = settings.storage
    return Keep(
        rows=storage.keep_jobs * DAY or None,
        pictures=storage.keep_pictures * DAY or None,
        room=storage.pictures * 2**30 or None,
    )


def _endpoint(settings: Settings, place: Address | None) -> str | None:
    if place is not None:
        return place.url
    return None if settings.discord.endpoint is None else str(settings.discord.endpoint)


def _token(settings: Settings, place: Address | None) -> str:
    if place is not None:
        return place.token
    assert settings.discord.token is not None
    return settings.discord.token.get_secret_value()


class Departure:
    """How the bot leaves. Only when it is asked to make room for its successor does the engine stay alive."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._keep_engine = False
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # on Windows Ctrl-C cancels the main task instead
                asyncio.get_running_loop().add_signal_handler(number, self._hear, number)

    def _hear(self, number: int) -> None:
        self._keep_engine = number == signal.SIGTERM
        self.asked.set()

    async def leave(self, engine: EmbeddedEngine) -> None:
        """Stop the engine too, unless it is to be adopted."""
        if not self._keep_engine:
            await engine.stop()


@asynccontextmanager
async def _connected(bot: ImageBot, token: str) -> AsyncGenerator[asyncio.Task[None], None]:
    """The running connection of a bot that is online. Raises Stopped where Discord does not let it in."""
    connection = asyncio.create_task(bot.start(token), name="discord")
    online = asyncio.create_task(bot.wait_until_ready(), name="online")
    try:
        await asyncio.wait({connection, online}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            _explain_end(connection)
        yield connection
    finally:
        online.cancel()
        await bot.close()
        await asyncio.wait({connection})


def _explain_end(connection: asyncio.Task[None]) -> None:
    """Raises Stopped with the reason why a connection that should last has ended."""
    try:
        connection.result()
    except discord.LoginFailure:
        raise Stopped("Discord does not know this token; reset it on the application's page and set it anew.") from None
    except (discord.HTTPException, discord.GatewayNotFound, aiohttp.ClientError, OSError) as error:
        raise Stopped(f"Discord cannot be reached: {error}.") from error
    raise Stopped("Discord has closed the connection.")


async def _serve(
    service: JobService, departure: Departure, connection: asyncio.Task[None], place: Address | None
) -> int:
    print(f"Zimagine {BUILD} is online" + (f": open {place.url}" if place else "."), flush=True)
    telling = asyncio.create_task(_tell_of_painters(service), name="painters")
    asked = asyncio.create_task(departure.asked.wait(), name="departure")
    try:
        await asyncio.wait({connection, asked}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            _explain_end(connection)
        return 0
    finally:
        telling.cancel()
        asked.cancel()


async def _tell_of_painters(service: JobService) -> None:
    """Says once what became of each engine, as often as that changes."""
    told: dict[str, str] = {}
    with service.subscribe() as events:
        while True:
            for engine in service.dispatcher.engines():
                words = engine.problem or " on ".join(word for word in (engine.name, engine.device) if word)
                line = f"Painter {engine.state}: {words}"
                if told.get(engine.id) != line:
                    told[engine.id] = line
                    print(line, engine.notice, sep="\n" if engine.notice else "", flush=True)
            while not isinstance(await anext(events), PainterState):
                pass


async def _say(
    lines: Sequence[str], bot: ImageBot, place: Address, *, save: Path | None, refusals: list[Refusal]
) -> int:
    """Types each line as the member would and shows what they would see; 1 where something was refused or failed."""
    await _painter(bot.service)
    failed = False
    async with aiohttp.ClientSession() as session:
        visitor = Visitor(session=session, url=place.url, person=PEOPLE[0].id, channel=CHANNELS[0].id)
        await visitor.news()  # what was said in earlier sessions
        for line in lines:
            refused = len(refusals)
            with bot.service.subscribe() as events:
                try:
                    await visitor.say(line)
                except Unsaid as error:
                    print(error)
                    failed = True
                    continue
                await bot.delivery.settled()
            failed |= len(refusals) > refused or any([_is_failure(event) async for event in events])
            for message in await visitor.news():
                print(as_text(message), end="\n\n")
                if save is not None:
                    for path in await visitor.save(message, save):
                        print(f"saved {path}")
    return int(failed)


def _is_failure(event: JobEvent) -> bool:
    return isinstance(event, Ended) and event.job.state is JobState.FAILED


async def _painter(service: JobService) -> None:
    """Waits until there is one. Raises Stopped with its problem."""
    with service.subscribe() as events:
        async with asyncio.timeout(PAINTER_PATIENCE):
            while not service.painter_ready:
                event = await anext(events)
                if isinstance(event, PainterState) and event.problem:
                    raise Stopped(event.problem)


if __name__ == "__main__":
    sys.exit(main())
