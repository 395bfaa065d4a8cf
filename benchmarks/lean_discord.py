"""As little of Discord as a bot needs to be asked and to answer, so that what is measured is the bot.

It checks nothing and keeps nothing; for a Discord that does, see `playground/`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from playground.wire.jsons import Json
from playground.wire.snowflakes import Snowflakes
from playground.world import people
from playground.world.gateway import Gateway

TOKEN = "token"
FIRST_PERSON = 10**9


@dataclass(kw_only=True, slots=True)
class Question:
    """One /imagine; moments are monotonic seconds. `private`: the answer was for the person alone, a refusal."""

    asked: float
    answered: float | None = None
    private: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def seconds(self) -> float:
        """How long the answer took; infinite where none came."""
        return float("inf") if self.answered is None else self.answered - self.asked


class LeanDiscord:
    """Opened by `open`; `ask` is a person who types."""

    def __init__(self) -> None:
        self.url = ""
        self.online = asyncio.Event()
        self._gateway = Gateway(token=TOKEN, on_presence=lambda _: self._tell_online())
        self._new_id = Snowflakes(time.time)
        self._questions: dict[str, Question] = {}
        self._commands: list[Json] = []
        self._numbers = itertools.count(1)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncGenerator[Self, None]:
        """Listening on a port of its own until the block ends."""
        discord = cls()
        app = web.Application(client_max_size=2**26)
        app.add_routes(discord._routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            discord.url = f"http://127.0.0.1:{port}"
            discord._gateway.url = f"ws://127.0.0.1:{port}/gateway"
            yield discord
        finally:
            await discord._gateway.drop(code=1001)
            await runner.cleanup()

    async def ask(self, person: int | None = None) -> Question:
        """Somebody asks for a picture: this person, or one who has not asked before."""
        payload = self._payload(next(self._numbers), person)
        question = Question(asked=time.monotonic())
        self._questions[payload["token"]] = question
        await self._gateway.dispatch("INTERACTION_CREATE", payload)
        return question

    def _payload(self, number: int, person: int | None) -> Json:
        who = FIRST_PERSON + number if person is None else person
        asker = people.Person(id=str(who), name=f"Person{who}", role="member", color="#000000")
        channel = people.CHANNELS[0]
        prompt = {"name": "prompt", "type": 3, "value": f"wish {number}: a lighthouse in a storm, painted in oil"}
        return {
            "id": self._new_id(),
            "application_id": people.APPLICATION_ID,
            "type": 2,
            "data": {"id": "1", "name": "imagine", "type": 1, "options": [prompt]},
            "guild": {"id": people.GUILD_ID, "locale": people.GUILD_LOCALE, "features": []},
            "guild_id": people.GUILD_ID,
            "channel": channel.payload() | {"permissions": str(asker.permissions)},
            "channel_id": channel.id,
            "member": asker.member() | {"permissions": str(asker.permissions)},
            "token": f"token-{number}",
            "version": 1,
            "app_permissions": str(people.BOT.permissions),
            "locale": asker.locale,
            "guild_locale": people.GUILD_LOCALE,
            "entitlements": [],
            "authorizing_integration_owners": {"0": people.GUILD_ID},
            "context": 0,
            "attachment_size_limit": 10 * 2**20,
        }

    def _routes(self) -> list[web.RouteDef]:
        api, messages = "/api/v10", "messages/{message}"
        commands = f"{api}/applications/{{application}}/commands"
        return [
            web.get("/gateway", self._gateway.handle),
            web.get(f"{api}/gateway/bot", self._get_gateway),
            web.get(f"{api}/users/@me", self._get_me),
            web.get(f"{api}/oauth2/applications/@me", self._get_application),
            web.get(commands, self._get_commands),
            web.put(commands, self._put_commands),
            web.post(f"{api}/interactions/{{id}}/{{token}}/callback", self._answer),
            web.patch(f"{api}/webhooks/{{application}}/{{token}}/{messages}", self._edit),
            web.patch(f"{api}/channels/{{channel}}/{messages}", self._edit),
            web.post(f"{api}/channels/{{channel}}/messages", self._edit),
            web.get(f"{api}/channels/{{channel}}/messages", self._history),
        ]

    async def _get_gateway(self, _: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return _json({"url": self._gateway.url, "shards": 1, "session_start_limit": limit})

    async def _get_me(self, _: web.Request) -> web.Response:
        return _json(people.BOT.user() | {"mfa_enabled": False, "verified": True, "email": None})

    async def _get_application(self, _: web.Request) -> web.Response:
        return _json(
            {
                "id": people.APPLICATION_ID,
                "name": people.BOT_NAME,
                "icon": None,
                "description": "",
                "rpc_origins": [],
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "00" * 32,
                "flags": 0,
                "owner": people.APPLICATION_OWNER.user(),
                "team": None,
                "summary": "",
            }
        )

    async def _get_commands(self, _: web.Request) -> web.Response:
        return _json(self._commands)

    async def _put_commands(self, request: web.Request) -> web.Response:
        about = {"application_id": people.APPLICATION_ID, "version": "1", "default_member_permissions": None}
        given: list[Json] = await request.json()
        self._commands = [{"type": 1, "description": ""} | one | about | {"id": self._new_id()} for one in given]
        return _json(self._commands)

    async def _answer(self, request: web.Request) -> web.Response:
        """The first answer: here the clock stops."""
        now = time.monotonic()
        form = await _form(request)
        question = self._questions[request.match_info["token"]]
        question.answered = now
        question.private = bool(form.get("data", {}).get("flags", 0) & 64)
        question.done.set()
        about = {"id": request.match_info["id"], "type": 2, "response_message_loading": False}
        resource = {"type": form["type"], "message": self._message(self._new_id())}
        return _json({"interaction": about, "resource": resource})

    async def _edit(self, request: web.Request) -> web.Response:
        await request.read()
        message = request.match_info.get("message", "@original")
        return _json(self._message(message if message.isdigit() else self._new_id()))

    async def _history(self, _: web.Request) -> web.Response:
        return _json([])

    def _message(self, message_id: str) -> dict[str, Any]:
        return {
            "id": message_id,
            "channel_id": people.CHANNELS[0].id,
            "author": people.BOT.user(),
            "content": "",
            "timestamp": people.JOINED_AT,
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "pinned": False,
            "type": 20,
            "flags": 0,
        }

    def _tell_online(self) -> None:
        (self.online.set if self._gateway.online else self.online.clear)()


def _json(body: object) -> web.Response:
    """With exactly this type: with a charset behind it discord.py takes it for text."""
    return web.Response(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


async def _form(request: web.Request) -> Json:
    if request.content_type == "application/json":
        return await request.json()
    return json.loads((await request.post())["payload_json"])  # pyright: ignore[reportArgumentType]
