"""Routes of a channel's messages."""

from playground.rest.app import Answer, Call, Route
from playground.wire import errors
from playground.wire.jsons import Json
from playground.wire.snowflakes import first_at
from playground.world import messages, people
from playground.world.messages import CHAT, REPLY
from playground.world.state import State


async def _history(state: State, call: Call) -> Answer:
    channel = state.channel(call.params["channel_id"])
    limit = _number(call, "limit", 50)
    if not 1 <= limit <= 100:
        raise errors.invalid(("limit",), "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
    before, after = call.query.get("before"), call.query.get("after")
    if call.query.get("around"):
        before = str(_number(call, "around", 0) + (1 << 22))
    found = state.store.messages(
        channel.id,
        viewer=None,
        before=int(before) if before and before.isdecimal() else None,
        after=int(after) if after and after.isdecimal() else None,
        limit=limit,
    )
    newest_first = sorted((message for message, _ in found), key=lambda message: -int(message["id"]))
    return 200, [state.shown(message) for message in newest_first]


async def _get(state: State, call: Call) -> Answer:
    return 200, state.shown(_find(state, call))


async def _create(state: State, call: Call) -> Answer:
    channel, form = state.channel(call.params["channel_id"]), call.form
    nonce = form.get("nonce")
    if nonce is not None and len(str(nonce)) > 25:
        raise errors.invalid(("nonce",), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if nonce is not None and form.get("enforce_nonce"):
        since = first_at(state.rules.wall() - state.rules.nonce_life)
        twin = state.store.message_by_nonce(channel.id, str(nonce), since=since)
        if twin is not None:
            return 200, state.shown(twin)
    more: Json = {"type": CHAT} | ({} if nonce is None else {"nonce": str(nonce)})
    reference = form.get("message_reference")
    if reference:
        more |= _reply(state, channel.id, reference)
    message = await messages.create(state, channel.id, people.BOT, form, call.uploads, more=more)
    await state.put_message(message, ephemeral_for=None, created=True)
    return 200, state.shown(message)


async def _edit(state: State, call: Call) -> Answer:
    before = _find(state, call)
    messages.refuse_foreign(before)
    message = await messages.edit(state, before, call.form, call.uploads)
    await state.put_message(message, ephemeral_for=None, created=False)
    return 200, state.shown(message)


async def _delete(state: State, call: Call) -> Answer:
    message = _find(state, call)
    if message["author"]["id"] != people.BOT.id and not people.BOT.may(people.MANAGE_MESSAGES):
        raise errors.missing_permissions()
    messages.refuse_closed(state, message["channel_id"], "delete")
    await state.delete_message(message, ephemeral_for=None)
    return 204, None


def _find(state: State, call: Call) -> Json:
    channel = state.channel(call.params["channel_id"])
    return state.visible(call.params["message_id"], None, channel_id=channel.id)


def _reply(state: State, channel_id: str, reference: Json) -> Json:
    message_id = str(reference.get("message_id", ""))
    try:
        state.visible(message_id, None, channel_id=channel_id)
    except errors.ApiError:
        if reference.get("fail_if_not_exists", True):
            message = "Unknown message"
            raise errors.invalid(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", message) from None
        return {}
    where = {"type": 0, "channel_id": channel_id, "message_id": message_id, "guild_id": people.GUILD_ID}
    return {"type": REPLY, "message_reference": where}


def _number(call: Call, name: str, default: int) -> int:
    written = call.query.get(name, str(default))
    if not written.isdecimal():
        raise errors.invalid((name,), "NUMBER_TYPE_COERCE", f'Value "{written}" is not int.')
    return int(written)


_BASE = "/channels/{channel_id}/messages"
ROUTES = [
    Route(method="GET", template=_BASE, handler=_history),
    Route(method="POST", template=_BASE, handler=_create),
    Route(method="GET", template=_BASE + "/{message_id}", handler=_get),
    Route(method="PATCH", template=_BASE + "/{message_id}", handler=_edit),
    Route(method="DELETE", template=_BASE + "/{message_id}", handler=_delete),
]
