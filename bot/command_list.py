"""The commands as Discord lists them: sent when they differ from those sent last, without what the model cannot do."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import aiohttp
import discord
from discord import app_commands

from bot.jobs.news import PainterState
from bot.jobs.service import JobService
from bot.jobs.workshop import STORAGE_ERRORS
from bot.translations.commands import CommandTranslator
from engine.card import ModelCard

# Options by what a model must be able to do for them. An old list of Discord's may still send one: it is refused.
NEEDS = {
    "guidance": "guidance",
    "negative": "guidance",
    "image": "image",
    "strength": "image",
    "mask": "inpaint",
    "region": "inpaint",
    "style": "style",
    "enhance": "enhance",
    "quality": "quality",
    "variety": "variety",
    "lora": "lora",
    "lora_weight": "lora",
    "lora2": "lora",
    "lora2_weight": "lora",
    "control": "control",
    "control_image": "control",
    "control_strength": "control",
}
OF = "imagine"  # the command that has them

_log = logging.getLogger(__name__)


class CommandList:
    """Keeps Discord's list true to the tree and to the model. Discord counts syncs, so nothing is sent twice."""

    def __init__(self, tree: app_commands.CommandTree[Any], service: JobService) -> None:
        self._tree = tree
        self._service = service
        self._translator = CommandTranslator()
        self._sent = ""

    async def begin(self) -> None:
        """Send it where it is not what was sent last, or where Discord has lost it."""
        await self._tree.set_translator(self._translator)
        there = {command.name for command in await self._tree.fetch_commands()}
        if there == {command.name for command in self._tree.get_commands()}:
            self._sent = await self._service.ledger.fact(self._key) or ""
        await self._send()

    async def follow(self) -> None:
        """Send it anew whenever engines can do something else than before. Runs until it is cancelled."""
        with self._service.subscribe() as events:
            await self._try_to_send()  # an engine may have come since `begin`
            async for event in events:
                if isinstance(event, PainterState):
                    await self._try_to_send()

    async def _try_to_send(self) -> None:
        try:
            await self._send()
        except (discord.HTTPException, aiohttp.ClientError, *STORAGE_ERRORS) as error:
            _log.warning("the list of commands could not be sent or noted, until an engine comes again: %s", error)

    @property
    def _key(self) -> str:
        return f"commands:{self._tree.client.application_id}"

    async def _send(self) -> None:
        commands = self._tree.get_commands()
        payload = [self._offered(await one.get_translated_payload(self._tree, self._translator)) for one in commands]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        if digest == self._sent:
            return
        application = self._tree.client.application_id
        assert application is not None  # logged in
        await self._tree.client.http.bulk_upsert_global_commands(application, payload=payload)
        self._sent = digest
        await self._service.ledger.keep_fact(self._key, digest)
        _log.info("commands sent: %s", ", ".join(sorted(command["name"] for command in payload)))

    def _offered(self, command: dict[str, Any]) -> dict[str, Any]:
        card = self._service.card
        if command["name"] != OF or card is None:
            return command
        return {**command, "options": [*_usable(command["options"], card)]}


def _usable(options: list[dict[str, Any]], card: ModelCard) -> Iterator[dict[str, Any]]:
    for option in options:
        if option["name"] not in NEEDS or card.offers(NEEDS[option["name"]]):
            yield option
