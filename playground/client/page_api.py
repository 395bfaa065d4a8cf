"""The page's API: what one person sees, and what they do."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from aiohttp import WSMsgType, web

from playground.client import completion, forms, grammar, interact
from playground.client.actor import Actor, actor_of, channel_of, person_of
from playground.client.grammar import GrammarError
from playground.rules import component_kinds
from playground.rules.messages import EPHEMERAL
from playground.wire.bodies import answer, as_object, read_body
from playground.wire.errors import ApiError, unknown_message
from playground.wire.jsons import Json, inner, listed
from playground.wire.media import UploadedFile
from playground.world import people
from playground.world.interactions import Interaction
from playground.world.state import State

PING_SECONDS = 20.0
PAGE_REQUEST_SIZE = 60 * 1024 * 1024  # larger than a bot may send: a person learns the limit as a sentence


class PageApi:
    """Routes under /page."""

    def __init__(self, state: State, gallery: Json) -> None:
        self._state = state
        self._gallery = gallery

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/page/state", self._see)
        app.router.add_get("/page/messages", self._messages)
        app.router.add_get("/page/events", self._events)
        for name, act in {
            "say": self._say,
            "complete": self._complete,
            "click": self._click,
            "submit": self._submit,
            "dismiss": self._dismiss,
            "delete": self._delete,
        }.items():
            app.router.add_post(f"/page/{name}", self._acting(act))

    def _acting(self, act: Any) -> Any:
        """Reads the body and turns every refusal into one sentence."""

        async def serve(request: web.Request) -> web.Response:
            try:
                body, parts = await read_body(request, ceiling=PAGE_REQUEST_SIZE, payload_part="payload")
                uploads = [replace(part, filename=unquote(part.filename)) for part in parts]  # some clients quote
                return answer(200, await act(as_object(body), uploads))
            except GrammarError as error:
                return answer(400, {"error": str(error)})
            except ApiError as error:
                return answer(error.status, {"error": _sentence(error)})

        return serve

    async def _see(self, request: web.Request) -> web.Response:
        try:
            person = person_of(request.query.get("person"))
        except GrammarError as error:
            return answer(400, {"error": str(error)})
        state = self._state
        cast = [
            {"id": one.id, "name": one.name, "role": one.role, "color": one.color, "locale": one.locale}
            for one in people.PEOPLE
        ]
        channels = [{"id": one.id, "name": one.name, "topic": one.topic} for one in people.CHANNELS]
        return answer(
            200,
            {
                "bot": state.gateway.presence | {"id": people.BOT.id, "name": people.BOT_NAME},
                "guild": {"id": people.GUILD_ID, "name": people.GUILD_NAME},
                "channels": channels,
                "people": cast,
                "commands": state.commands_for(person),
                "limits": {"attachment_size": state.rules.attachment_size},
                "gallery": self._gallery,
            },
        )

    async def _messages(self, request: web.Request) -> web.Response:
        state, query = self._state, request.query
        try:
            person, channel = person_of(query.get("person")), channel_of(query.get("channel"))
        except GrammarError as error:
            return answer(400, {"error": str(error)})
        before, limit = query.get("before", ""), query.get("limit", "50")
        found = state.store.messages(
            channel.id,
            viewer=person.id,
            before=int(before) if before.isdecimal() else None,
            limit=min(max(int(limit), 1), 200) if limit.isdecimal() else 50,
        )
        page_messages = [state.for_page(message, only) for message, only in reversed(found)]
        return answer(200, {"messages": page_messages})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        try:
            person = person_of(request.query.get("person"))
        except GrammarError as error:
            return answer(400, {"error": str(error)})
        socket = web.WebSocketResponse(heartbeat=PING_SECONDS)
        await socket.prepare(request)
        with self._state.audience.watching(person) as viewer:
            viewer.events.put_nowait({"type": "bot"} | self._state.gateway.presence)
            listening = asyncio.create_task(_until_closed(socket))
            listening.add_done_callback(lambda _: viewer.events.put_nowait(None))
            try:
                while (event := await viewer.events.get()) is not None:
                    await socket.send_str(json.dumps(event))
            except ConnectionError:
                pass  # the page went away while we wrote
            finally:
                await socket.close()
                listening.cancel()
        return socket

    async def _say(self, body: Json, uploads: list[UploadedFile]) -> Json:
        here, text = actor_of(body), _text(body, "text")
        line = text.strip()
        if grammar.pressed(line) is not None:
            return {"interaction_id": await self._press(here, line, uploads), "message_id": None}
        commands = self._state.commands_for(here.person)
        if grammar.names_command(line):
            invocation = grammar.parse(line, commands, here.locale)
            asked = await interact.command(self._state, here, line, invocation, uploads)
            return {"interaction_id": asked.interaction.id, "message_id": None}
        if not line and not uploads:
            raise GrammarError("There is nothing to send.")
        message_id = await interact.send_message(self._state, here, text, uploads)
        meant = grammar.line_for(line, commands, here.locale)  # the bot does not hear plain messages
        return {"interaction_id": None, "message_id": message_id, "meant": meant}

    async def _press(self, here: Actor, line: str, uploads: list[UploadedFile]) -> str:
        """Presses the newest button of that name; what follows the name fills the form it opens."""
        message, custom_id, rest = self._button(here, line)
        asked = await interact.click(self._state, here, message, custom_id, quiet=bool(rest))
        if not rest:
            return asked.interaction.id
        await asked.outcome
        modal = asked.interaction.modal
        if modal is None:
            failed = asked.interaction.state == "failed"
            raise GrammarError("The application did not respond." if failed else "This button opens no form.")
        values = grammar.fill(rest, forms.names(modal))
        return await self._fill_in(here, asked.interaction, modal, values, uploads)

    def _button(self, here: Actor, line: str) -> tuple[Json, str, str]:
        offered: list[str] = []
        for message, _ in self._state.store.messages(here.channel.id, viewer=here.person.id, limit=200):
            buttons = {
                _label(part): part for part, _ in component_kinds.walk(message["components"]) if part.get("custom_id")
            }
            found = grammar.button_of(line, buttons)
            if found:
                return message, buttons[found[0]]["custom_id"], found[1]
            offered += [label for label in buttons if label and label not in offered]
        wanted, known = (grammar.pressed(line) or "")[:60], grammar.enumerated(offered[:20], here.locale)
        raise GrammarError(
            f'No message here has a button "{wanted}"; there are {known}.'
            if known
            else f'No message here has a button "{wanted}".'
        )

    async def _fill_in(
        self, here: Actor, opened: Interaction, modal: Json, values: Mapping[str, Any], uploads: list[UploadedFile]
    ) -> str:
        components, resolved = await forms.filled(self._state, here.channel, modal, values, uploads)
        asked = await interact.submit(self._state, here, opened, components, resolved)
        return asked.interaction.id

    async def _complete(self, body: Json, uploads: list[UploadedFile]) -> Json:
        text, cursor = _text(body, "text"), body.get("cursor")
        at = cursor if isinstance(cursor, int) and 0 <= cursor <= len(text) else len(text)
        return {"items": await completion.items(self._state, actor_of(body), text, at)}

    async def _click(self, body: Json, uploads: list[UploadedFile]) -> Json:
        here = actor_of(body)
        message = self._state.visible(_text(body, "message"), here.person.id, channel_id=here.channel.id)
        values = [str(value) for value in listed(body, "values")]
        asked = await interact.click(self._state, here, message, _text(body, "custom_id"), values)
        return {"interaction_id": asked.interaction.id}

    async def _submit(self, body: Json, uploads: list[UploadedFile]) -> Json:
        opened = self._state.interactions.by_id(_text(body, "interaction_id"))
        if opened is None or opened.modal is None or opened.person_id != _text(body, "person"):
            raise GrammarError("This form is no longer open.")
        here, values = actor_of(body, opened.channel_id), inner(body, "fields")
        return {"interaction_id": await self._fill_in(here, opened, opened.modal, values, uploads)}

    async def _dismiss(self, body: Json, uploads: list[UploadedFile]) -> Json:
        person = person_of(body.get("person"))
        message = self._state.visible(_text(body, "message"), person.id)
        if not message["flags"] & EPHEMERAL:
            raise GrammarError("Only messages that nobody else sees can be dismissed.")
        await self._state.delete_message(message, ephemeral_for=person.id)
        return {}

    async def _delete(self, body: Json, uploads: list[UploadedFile]) -> Json:
        person = person_of(body.get("person"))
        message = self._state.visible(_text(body, "message"), person.id)
        if message["flags"] & EPHEMERAL:
            raise unknown_message()
        if message["author"]["id"] != person.id and not person.may(people.MANAGE_MESSAGES):
            raise GrammarError(f"{person.name} may delete only their own messages.")
        await self._state.delete_message(message, ephemeral_for=None)
        return {}


async def _until_closed(socket: web.WebSocketResponse) -> None:
    while (await socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
        pass


def _text(body: Json, key: str) -> str:
    value = body.get(key)
    return "" if value is None else str(value)


def _label(part: Json) -> str:
    return part.get("label") or inner(part, "emoji").get("name") or ""


def _sentence(error: ApiError) -> str:
    if error.code == 10008:
        return "This message is gone."
    if error.status == 413:
        return "This is too large to send."
    details = _first_detail(error.errors or {})
    return f"{error.message}: {details}" if details else error.message.rstrip(".") + "."


def _first_detail(errors: Json) -> str:
    for key, value in errors.items():
        if key == "_errors":
            return str(value[0]["message"])
        found = _first_detail(value)
        if found:
            return found
    return ""
