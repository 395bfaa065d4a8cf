"""The bot as Discord sees it: intents, endpoint, session, and the one place where errors are said."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.attachments import PictureReader
from bot.command_sync import CommandSync
from bot.delivery.delivery import Delivery
from bot.delivery.edit_limits import EditLimits
from bot.delivery.removals import Removals
from bot.double_clicks import DoubleClicks
from bot.gateway import SteadyBot
from bot.jobs.errors import DiskFull, LedgerHeld, Refusal, UnknownJob
from bot.jobs.job import Requester
from bot.pending_requests import PendingRequests, channel_of
from bot.presence import Presence
from bot.rest import answers
from bot.rest.discord_time import DiscordTime
from bot.rest.rate_limits import request_trace
from bot.service.service import JobService
from bot.storage.database import LedgerBusy, LedgerFull, LedgerReplaced
from bot.storage.rows import Origin
from bot.translations import say
from bot.ui import text, typed

COGS = (
    "cogs.buttons",
    "cogs.imagine",
    "cogs.queue",
    "cogs.admin",
    "cogs.styles",
    "cogs.model",
    "cogs.settings",
    "cogs.forget",
    "cogs.help",
)
DISCORD = "https://discord.com"
TWIN_FIRST = 1.0  # seconds; should another program have this token, what we do not know may be its own
FIRST_LIST = 3.0  # seconds that going online waits for the list of commands, which Discord may delay at will

# What keeps the ledger from being written is no bug of the command that meets it.
_UNWRITTEN: Mapping[type[Exception], Callable[[], Exception]] = {
    LedgerBusy: LedgerHeld,
    LedgerReplaced: LedgerHeld,
    LedgerFull: DiskFull,
}
OUTDATED = (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch, app_commands.TransformerError)

# A message of ours made these, or of another program with our token.
_OF_MESSAGES = (discord.InteractionType.component, discord.InteractionType.modal_submit)

OnRefusal = Callable[[discord.Interaction[Any], Refusal], None]

_log = logging.getLogger(__name__)


def api_at(endpoint: str | None) -> str:
    """Where requests go."""
    return f"{(endpoint or DISCORD).rstrip('/')}/api/v10"


class Turnstile:
    """Lets a crowd in one by one, each at a turn of the loop of its own.

    Whoever is to be answered then waits for the few who have just come in, not for all who have come meanwhile.
    """

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def enter(self) -> None:
        """In the order of coming; at once where nobody else comes."""
        async with self._one:
            await asyncio.sleep(0)


class Tree(app_commands.CommandTree["ImageBot"]):
    """The commands; what goes wrong in them is said by the bot."""

    async def _call(self, interaction: discord.Interaction[ImageBot]) -> None:
        """The library's own, which loses what it stumbles over before it has found the command."""
        async with self.client.border(interaction):
            if interaction.type is discord.InteractionType.application_command:
                self._check_is_current(cast("dict[str, Any]", interaction.data or {}))
            await super()._call(interaction)

    def _check_is_current(self, data: dict[str, Any]) -> None:
        """Raise CommandSignatureMismatch for a command of an older list, as clients keep one until they are reloaded.

        The library leaves out an option that it does not know, and hands over one of another kind.
        """
        if data.get("type", 1) != discord.AppCommandType.chat_input.value:
            return
        command, given = self._get_app_command_options(cast("Any", data))
        known = {option.display_name: option for option in command.parameters}
        for option in cast("list[dict[str, Any]]", given):
            if option["name"] not in known or not _fits(option.get("value"), known[option["name"]]):
                raise app_commands.CommandSignatureMismatch(command)

    async def interaction_check(self, interaction: discord.Interaction[ImageBot], /) -> bool:
        await self.client.turnstile.enter()
        return True

    async def on_error(
        self, interaction: discord.Interaction[ImageBot], error: app_commands.AppCommandError, /
    ) -> None:
        await self.client.explain(interaction, error)


_KINDS: Mapping[discord.AppCommandOptionType, type] = {
    discord.AppCommandOptionType.integer: int,
    discord.AppCommandOptionType.number: float,
    discord.AppCommandOptionType.boolean: bool,
}  # all others are handed over as text: words, and ids of what is resolved


def _fits(value: object, option: app_commands.Parameter) -> bool:
    """Whether Discord would hand this value over for the option as it is today."""
    kind = _KINDS.get(option.type, str)
    right = type(value) is kind or (kind is float and type(value) is int)
    return right and (not option.choices or value in [choice.value for choice in option.choices])


class ImageBot(SteadyBot):
    """One gateway session (or as many shards as Discord asks for) over one job service.

    `endpoint` is a REST proxy or Discord-compatible server; its address is set for the whole process, before any
    request is made. Everything goes through `proxy`, where there is one. `on_refusal` hears every refusal that a person
    was told, `discord_time` the time that Discord says.
    """

    def __init__(
        self,
        service: JobService,
        *,
        endpoint: str | None = None,
        proxy: str | None = None,
        edit_limits: EditLimits | None = None,
        on_refusal: OnRefusal | None = None,
        discord_time: DiscordTime | None = None,
        guild_ready_timeout: float = 2.0,
    ) -> None:
        endpoint = endpoint.rstrip("/") if endpoint else None
        Route.BASE = api_at(endpoint)
        super().__init__(
            command_prefix=commands.when_mentioned,  # there are no text commands; None is not allowed
            help_command=None,
            tree_cls=Tree,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            guild_ready_timeout=guild_ready_timeout,
            http_trace=request_trace(heard_time=discord_time and discord_time.heard),
            proxy=proxy,
        )
        self.service = service
        self._endpoint = endpoint
        self.pictures = PictureReader(endpoint=endpoint, proxy=proxy)
        self.clicks = DoubleClicks()
        self.turnstile = Turnstile()
        edit_limits = edit_limits or EditLimits()
        self.delivery = Delivery(self, service, edit_limits=edit_limits)
        self.removals = Removals(self, service.ledger.removals, wall=service.wall, retry=edit_limits.retry)
        self.pending = PendingRequests(self, service, explain=self.explain, retry=edit_limits.retry)
        self._on_refusal = on_refusal
        self._templates: list[re.Pattern[str]] = []
        self._owners: frozenset[int] = frozenset()
        self._answering = set[asyncio.Task[None]]()
        self._delivering: asyncio.Task[None] | None = None
        self._listing: asyncio.Task[None] | None = None
        self._showing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._keeping: list[asyncio.Task[None]] = []  # promises of an earlier process

    async def setup_hook(self) -> None:
        if self._endpoint is not None:
            # The library goes back to its default after an invalid session, and would take the token to Discord.
            _, gateway, _ = await self.http.get_bot_gateway()
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
        self._owners = _owners_of(self.application)
        for cog in COGS:
            await self.load_extension(cog)
        command_sync = CommandSync(self.tree, self.service)
        self._listing = asyncio.create_task(command_sync.follow(), name="command list")
        self._looking = asyncio.create_task(command_sync.report_leftovers(), name="leftovers")
        with suppress(TimeoutError):  # at the first start there are no commands before it
            async with asyncio.timeout(FIRST_LIST):
                await command_sync.tried.wait()
        self._showing = asyncio.create_task(Presence(self, self.service).follow(), name="presence")
        resumed = asyncio.Event()
        self._delivering = asyncio.create_task(self.delivery.run(resumed=resumed), name="delivery")
        waiting = asyncio.create_task(resumed.wait())
        # Old messages are taken over before the first interaction can arrive.
        await asyncio.wait({self._delivering, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._delivering.done():
            await self._delivering
        self._keeping = [
            asyncio.create_task(self.removals.run(), name="removals"),
            asyncio.create_task(self.pending.carry_on(), name="pending requests"),
        ]

    async def close(self) -> None:
        for task in (self._listing, self._looking, self._showing, self._delivering, *self._keeping):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._listing = self._looking = self._showing = self._delivering = None
        self._keeping = []
        await super().close()

    def add_dynamic_items(self, *items: type[discord.ui.DynamicItem[Any]]) -> None:
        super().add_dynamic_items(*items)
        self._templates += [item.__discord_ui_compiled_template__ for item in items]

    def answers_to(self, custom_id: str) -> bool:
        """Whether some button of ours has such an id."""
        return any(template.fullmatch(custom_id) for template in self._templates)

    def requester(self, interaction: discord.Interaction[Any]) -> Requester:
        """Who acts here and what Discord says they may do at this moment."""
        channel = interaction.channel
        here = interaction.permissions if interaction.guild_id is not None else discord.Permissions.none()
        return Requester(
            principal=f"discord:{interaction.user.id}",
            guild=interaction.guild_id,
            channel=channel_of(interaction),
            locale=interaction.locale.value,
            moderator=here.manage_messages,
            admin=here.manage_guild,
            owner=interaction.user.id in self._owners,
            parent_channel=channel.parent_id if isinstance(channel, discord.Thread) else None,
        )

    def origin(self, interaction: discord.Interaction[Any]) -> Origin:
        """What a job is made from here; the token is stored with the job, before there is a message for it to edit."""
        return {"origin": str(interaction.id), "token": answers.token_of(interaction)}

    async def on_interaction(self, interaction: discord.Interaction[ImageBot]) -> None:
        """Whoever acts is brought what could not be shown before."""
        if interaction.type is not discord.InteractionType.autocomplete:
            self.delivery.bring(interaction)

    # Errors -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def border(self, interaction: discord.Interaction[Any], *, job: str | None = None) -> AsyncGenerator[None]:
        """Where an interaction ends: the library would swallow what a button or a form raises."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # the border of interactions: nothing may pass unsaid
            await self.explain(interaction, error, job=job)

    async def explain(self, interaction: discord.Interaction[Any], error: Exception, *, job: str | None = None) -> None:
        """Say it to the person alone: a refusal as its sentence, a bug as one line with the id that the log has."""
        if interaction.type is discord.InteractionType.autocomplete:  # takes a list, and no sentence
            _log.info("interaction %s: nothing to suggest: %s", interaction.id, error)
            return
        if isinstance(error, app_commands.CommandInvokeError):
            error = error.original
        if isinstance(error, answers.AnsweredElsewhere):
            return
        error = _UNWRITTEN.get(type(error), lambda: error)()
        if isinstance(error, UnknownJob) and interaction.type in _OF_MESSAGES:
            await asyncio.sleep(TWIN_FIRST)
        locale = interaction.locale.value
        if isinstance(error, Refusal):
            sentence = text.refusal(locale, error, owner=self.requester(interaction).owner)
            if self._on_refusal is not None:
                self._on_refusal(interaction, error)
        elif isinstance(error, OUTDATED):
            sentence = say(locale, "outdated-command")
        else:
            sentence = _bug(locale, error, job or "-", interaction.id)
        words = typed.line(locale, interaction.type, cast("dict[str, Any]", interaction.data or {}))
        told = await answers.tell(interaction, sentence, words=words)
        await self.pending.refused(interaction, sentence, told=told)

    def skip(self, event: str, data: Any, error: Exception) -> None:
        """Whoever sent an interaction that the library cannot read still gets a word, if it says where to."""
        match event, data:
            case "INTERACTION_CREATE", {"type": 2 | 3 | 5, "id": str(number), "token": str(token)}:
                task = asyncio.create_task(self._answer_unread(number, token, str(data.get("locale")), error))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case _:
                super().skip(event, data, error)

    async def _answer_unread(self, number: str, token: str, locale: str, error: Exception) -> None:
        words = {"content": _bug(locale, error, "-", number), "flags": discord.MessageFlags(ephemeral=True).value}
        route = Route(
            "POST", "/interactions/{webhook_id}/{webhook_token}/callback", webhook_id=number, webhook_token=token
        )
        try:
            await self.http.request(route, json={"type": 4, "data": words})
        except (discord.HTTPException, aiohttp.ClientError, ConnectionError, TimeoutError) as lost:
            _log.warning("interaction %s: could not be answered: %s", number, lost)


def _bug(locale: str, error: Exception, job: str, interaction: int | str) -> str:
    """The one line that a person gets, with the id that the log has."""
    bug = secrets.token_hex(4)
    _log.error("bug %s, job %s, interaction %s", bug, job, interaction, exc_info=error)
    return say(locale, "bug", id=bug)


def _owners_of(application: discord.AppInfo | None) -> frozenset[int]:
    if application is None:
        return frozenset()
    if application.team is None:
        return frozenset({application.owner.id})
    roles = (discord.TeamMemberRole.admin, discord.TeamMemberRole.developer)
    owner = {application.team.owner_id} if application.team.owner_id else set[int]()
    return frozenset(owner | {member.id for member in application.team.members if member.role in roles})
