"""The commands as Discord lists them: sent when they differ from those sent last, without what the model cannot do."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import discord
from discord import app_commands
from discord.http import Route

from bot.jobs.events import EngineState
from bot.service.service import JobService
from bot.storage.database import STORAGE_ERRORS
from bot.translations.commands import CommandTranslator
from protocol.card import ModelCard
from protocol.request import FEATURES, MAX_COUNT, MAX_STEPS

# Options by what a model must be able to do for them. An old list of Discord's may still send one: it is refused.
NEEDS = {option: feature.name for feature in FEATURES for option in feature.options}
OF = "imagine"  # the command that has them

ENTRY_POINT = 4  # the type of a command that starts an Activity; Discord makes it, and only its owner may remove it
SENDABLE = (
    "id", "type", "name", "name_localizations", "description", "description_localizations", "handler",
    "default_member_permissions", "integration_types", "contexts", "nsfw",
)  # fmt: skip
FIRST_RETRY, LONGEST_RETRY = 15.0, 3600.0  # seconds; doubled before each retry
TROUBLES = (
    discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError, TimeoutError, *STORAGE_ERRORS,
)  # fmt: skip

BETWEEN_GUILDS = 0.5  # seconds
LEFTOVERS = (
    "people on the server %s see %s twice, for an earlier program left its own; "
    "to remove those: python run_bot.py clear-commands %d"
)

_log = logging.getLogger(__name__)


class CommandSync:
    """Keeps Discord's list true to the tree and to the model. Discord counts syncs, so nothing is sent twice.

    The bot works with an old list too: nothing waits for it, and what Discord refuses is tried again later.
    """

    def __init__(self, tree: app_commands.CommandTree[Any], service: JobService) -> None:
        self._tree = tree
        self._service = service
        self._translator = CommandTranslator()
        self._sent: str | None = None
        self._complaint = ""
        self.tried = asyncio.Event()  # once, whatever came of it

    async def follow(self) -> None:
        """Send it where it is not what was sent last, and whenever engines can do something else than before."""
        await self._tree.set_translator(self._translator)
        pause = FIRST_RETRY
        with self._service.subscribe(EngineState) as events:
            while True:
                sent = await self._try_to_send()
                self.tried.set()
                pause = FIRST_RETRY if sent else min(2 * pause, LONGEST_RETRY)
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if sent else pause):
                        await anext(events)

    async def report_leftovers(self) -> None:
        """Tell the owner of each server in which an earlier program left commands under our names. Once a start."""
        client = self._tree.client
        await client.wait_until_ready()
        ours = {command.name for command in self._tree.get_commands()}
        for guild in client.guilds:
            try:
                there = await client.http.get_guild_commands(self._application, guild.id)
            except TROUBLES as error:
                _log.info("the commands of server %d cannot be read: %s", guild.id, error)
            else:
                if doubled := sorted(ours & {command["name"] for command in there}):
                    _log.warning(LEFTOVERS, guild.name, ", ".join(f"/{name}" for name in doubled), guild.id)
            await asyncio.sleep(BETWEEN_GUILDS)

    async def _try_to_send(self) -> bool:
        try:
            await self._send()
        except TROUBLES as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.warning("the list of commands cannot be sent or noted for now; the old one stays: %s", error)
            return False
        self._complaint = ""
        return True

    @property
    def _application(self) -> int:
        application = self._tree.client.application_id
        assert application is not None  # logged in
        return application

    async def _send(self) -> None:
        commands = self._tree.get_commands()
        payload = [self._offered(await one.get_translated_payload(self._tree, self._translator)) for one in commands]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        if digest == self._sent:
            return
        key = f"commands:{self._application}"
        there = await self._there()
        if self._sent is None and _names(there) == _names(payload):  # Discord may have lost what was sent
            self._sent = await self._service.ledger.facts.get(key)
        if digest != self._sent:
            # Discord refuses a list without the Entry Point that it gives to applications with an Activity (50240).
            kept = [_as_sent(command) for command in there if command["type"] == ENTRY_POINT]
            await self._tree.client.http.bulk_upsert_global_commands(self._application, payload=[*payload, *kept])
            self._sent = digest
            await self._service.ledger.facts.keep(key, digest)
            _log.info("commands sent: %s", ", ".join(sorted(command["name"] for command in payload)))

    async def _there(self) -> list[dict[str, Any]]:
        route = Route("GET", "/applications/{application_id}/commands", application_id=self._application)
        return await self._tree.client.http.request(route, params={"with_localizations": "true"})

    def _offered(self, command: dict[str, Any]) -> dict[str, Any]:
        card, defaults = self._service.card, self._service.defaults
        if command["name"] != OF:
            return command
        options = command["options"] if card is None else _usable(command["options"], card)
        most = {
            "steps": min(defaults.most_steps, MAX_STEPS if card is None else card.steps.max),
            "count": min(defaults.owner.per_minute, defaults.owner.per_day, MAX_COUNT),
        }
        least = {"steps": 1 if card is None else card.steps.min}
        return {**command, "options": [_bounded(option, least, most) for option in options]}


def _names(commands: list[dict[str, Any]]) -> set[str]:
    return {command["name"] for command in commands if command["type"] != ENTRY_POINT}


def _as_sent(command: dict[str, Any]) -> dict[str, Any]:
    """A command that was read, as it may be sent back."""
    return {key: command[key] for key in SENDABLE if key in command}


def _bounded(option: dict[str, Any], least: Mapping[str, int], most: Mapping[str, int]) -> dict[str, Any]:
    """Where the owner and the model take less than this program, Discord lets nobody ask for more."""
    name = option["name"]
    low = {"min_value": least[name]} if name in least else {}
    return option | low | ({"max_value": most[name]} if name in most else {})


def _usable(options: list[dict[str, Any]], card: ModelCard) -> Iterator[dict[str, Any]]:
    for option in options:
        if option["name"] not in NEEDS or card.offers(NEEDS[option["name"]]):
            yield option
