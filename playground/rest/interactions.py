"""Routes of interactions: the first answer, then edits and followups under the token."""

from typing import Any

from playground.rest.app import Answer, Call, Route
from playground.rules.components import check_modal
from playground.rules.fields import array, check, text
from playground.rules.messages import EPHEMERAL, LOADING
from playground.wire import errors
from playground.wire.errors import Problems
from playground.wire.jsons import Json, inner, is_object, number
from playground.world import messages, people
from playground.world.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from playground.world.messages import CHAT, COMMAND_ANSWER, REPLY
from playground.world.state import State

MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9  # types of callbacks
MOST_CHOICES = 25


async def _callback(state: State, call: Call) -> Answer:
    interaction = state.interactions.to_answer(call.params["interaction_id"], call.params["interaction_token"])
    form = call.form
    kind, data = form.get("type"), inner(form, "data")
    if kind not in _allowed(interaction):
        raise errors.invalid(("type",), "BASE_TYPE_CHOICES", f"Value must be one of {_allowed(interaction)}.")
    resource = await _ANSWERS[kind](state, interaction, data, call)
    state.interactions.settle(interaction, "thinking" if kind == DEFERRED_MESSAGE else "answered", form)
    if call.query.get("with_response", "").lower() not in ("1", "true"):
        return 204, None
    body: Json = {"interaction": _about(state, interaction, loading=kind == DEFERRED_MESSAGE)}
    if resource is not None:
        body["resource"] = {"type": kind, "message": state.shown(resource)}
    return 200, body


def _allowed(interaction: Interaction) -> tuple[int, ...]:
    if interaction.kind == AUTOCOMPLETE:
        return (CHOICES,)
    allowed = (MESSAGE, DEFERRED_MESSAGE)
    if interaction.message_id is not None:
        allowed += (DEFERRED_UPDATE, UPDATE)
    return allowed if interaction.kind == MODAL_SUBMIT else (*allowed, MODAL)


async def _answer_message(state: State, interaction: Interaction, data: Json, call: Call) -> Json:
    ephemeral = bool(number(data, "flags") & EPHEMERAL)
    message = await messages.create(
        state,
        interaction.channel_id,
        people.BOT,
        data,
        call.uploads,
        ephemeral=ephemeral,
        more=_origin(interaction),
    )
    state.interactions.claim(interaction)
    interaction.original = message["id"]
    await state.put_message(message, ephemeral_for=_only(interaction, message), created=True)
    return message


async def _answer_later(state: State, interaction: Interaction, data: Json, call: Call) -> None:
    messages.refuse_closed(state, interaction.channel_id, "create")
    flags = LOADING | (number(data, "flags") & EPHEMERAL)
    message = messages.blank(state, interaction.channel_id, people.BOT, flags) | _origin(interaction)
    state.interactions.claim(interaction)
    interaction.original = message["id"]
    await state.put_message(message, ephemeral_for=_only(interaction, message), created=True)


async def _answer_update(state: State, interaction: Interaction, data: Json, call: Call) -> Json:
    before = _source(state, interaction)
    message = await messages.edit(state, before, data, call.uploads)
    state.interactions.claim(interaction)
    interaction.original = message["id"]
    await state.put_message(message, ephemeral_for=_only(interaction, message), created=False)
    return message


async def _answer_update_later(state: State, interaction: Interaction, data: Json, call: Call) -> None:
    interaction.original = interaction.message_id


async def _answer_choices(state: State, interaction: Interaction, data: Json, call: Call) -> None:
    problems = Problems()
    if check(data, {"choices": array(0, MOST_CHOICES, required=True)}, ("data",), problems):
        for index, choice in enumerate(data["choices"]):
            place = ("data", "choices", index)
            check(choice, {"name": text(1, 100, required=True)}, place, problems)
            value = choice.get("value") if is_object(choice) else None
            if value is None or (isinstance(value, str) and not 1 <= len(value) <= 100):
                problems.add((*place, "value"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    problems.refuse_if_any()


async def _answer_modal(state: State, interaction: Interaction, data: Json, call: Call) -> None:
    problems = Problems()
    check_modal(data, problems)
    problems.refuse_if_any()
    interaction.modal = {"custom_id": data["custom_id"], "title": data["title"], "components": data["components"]}


_ANSWERS: dict[int, Any] = {
    MESSAGE: _answer_message,
    DEFERRED_MESSAGE: _answer_later,
    DEFERRED_UPDATE: _answer_update_later,
    UPDATE: _answer_update,
    CHOICES: _answer_choices,
    MODAL: _answer_modal,
}


async def _followup(state: State, call: Call) -> Answer:
    """The first followup after "thinking" takes the place of the waiting message, as on Discord."""
    interaction, form = _of_webhook(state, call), call.form
    waiting = _loading(state, interaction)
    if waiting is not None:
        message = await messages.edit(state, waiting, form, call.uploads)
        created = False
    else:
        ephemeral = bool(number(form, "flags") & EPHEMERAL)
        more = _origin(interaction) | {"type": REPLY if interaction.original else CHAT}
        if interaction.original:
            more["message_reference"] = _reference(interaction, interaction.original)
        message = await messages.create(
            state,
            interaction.channel_id,
            people.BOT,
            form,
            call.uploads,
            ephemeral=ephemeral,
            more=more,
        )
        created = True
    await state.put_message(message, ephemeral_for=_only(interaction, message), created=created)
    state.interactions.thought(interaction)
    return 200, state.shown(message)


async def _get(state: State, call: Call) -> Answer:
    return 200, state.shown(_find(state, call)[1])


async def _edit(state: State, call: Call) -> Answer:
    interaction, before = _find(state, call)
    message = await messages.edit(state, before, call.form, call.uploads)
    await state.put_message(message, ephemeral_for=_only(interaction, message), created=False)
    if before["id"] == interaction.original:
        state.interactions.thought(interaction)
    return 200, state.shown(message)


async def _delete(state: State, call: Call) -> Answer:
    interaction, message = _find(state, call)
    messages.refuse_closed(state, message["channel_id"], "delete")
    await state.delete_message(message, ephemeral_for=_only(interaction, message))
    if message["id"] == interaction.original:
        state.interactions.thought(interaction)
    return 204, None


def _of_webhook(state: State, call: Call) -> Interaction:
    if call.params["webhook_id"] != people.APPLICATION_ID:
        raise errors.unknown_webhook()
    return state.interactions.by_token(call.params["webhook_token"])


def _find(state: State, call: Call) -> tuple[Interaction, Json]:
    interaction = _of_webhook(state, call)
    message_id = call.params.get("message_id") or interaction.original or ""
    message = state.visible(message_id, interaction.person_id)
    mine = message.get("webhook_id") == people.APPLICATION_ID
    if not mine or message["channel_id"] != interaction.channel_id:
        raise errors.unknown_message()
    return interaction, message


def _loading(state: State, interaction: Interaction) -> Json | None:
    found = state.store.message(interaction.original or "")
    return found[0] if found and found[0]["flags"] & LOADING else None


def _source(state: State, interaction: Interaction) -> Json:
    return state.visible(interaction.message_id or "", interaction.person_id)


def _origin(interaction: Interaction) -> Json:
    """Fields that every message under an interaction carries."""
    more: Json = {
        "type": COMMAND_ANSWER if interaction.kind == COMMAND else CHAT,
        "application_id": people.APPLICATION_ID,
        "webhook_id": people.APPLICATION_ID,
        "interaction_metadata": interaction.metadata,
        "_asked": interaction.asked,
    }
    if interaction.kind == COMMAND:
        user = interaction.metadata["user"]
        name = interaction.asked.get("name", "")
        more["interaction"] = {"id": interaction.id, "type": COMMAND, "name": name, "user": user}
    elif interaction.kind in (COMPONENT, MODAL_SUBMIT) and interaction.message_id:
        more["type"] = REPLY
        more["message_reference"] = _reference(interaction, interaction.message_id)
    return more


def _reference(interaction: Interaction, message_id: str) -> Json:
    return {
        "type": 0,
        "channel_id": interaction.channel_id,
        "message_id": message_id,
        "guild_id": people.GUILD_ID,
    }


def _only(interaction: Interaction, message: Json) -> str | None:
    return interaction.person_id if message["flags"] & EPHEMERAL else None


def _about(state: State, interaction: Interaction, *, loading: bool) -> Json:
    about: Json = {
        "id": interaction.id,
        "type": interaction.kind,
        "channel_id": interaction.channel_id,
        "guild_id": people.GUILD_ID,
    }
    if interaction.original is not None:
        found = state.store.message(interaction.original)
        ephemeral = found is not None and found[1] is not None
        about |= {"response_message_id": interaction.original, "response_message_ephemeral": ephemeral}
        about["response_message_loading"] = loading
    return about


_HOOK = "/webhooks/{webhook_id}/{webhook_token}"
_ORIGINAL = _HOOK + "/messages/@original"
_MESSAGE = _HOOK + "/messages/{message_id}"
_CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
ROUTES = [
    Route(method="POST", template=_CALLBACK, handler=_callback, open=True),
    Route(method="POST", template=_HOOK, handler=_followup, open=True),
    *(
        route
        for template in (_ORIGINAL, _MESSAGE)
        for route in (
            Route(method="GET", template=template, handler=_get, open=True),
            Route(method="PATCH", template=template, handler=_edit, open=True),
            Route(method="DELETE", template=template, handler=_delete, open=True),
        )
    ),
]
