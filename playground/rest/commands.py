"""Routes of application commands: global ones and those of the guild."""

from typing import Any

from playground.rest.app import Answer, Call, Route
from playground.rules.commands import CHAT_INPUT, ENTRY_POINT, SUBCOMMAND_GROUP, check_command, check_commands
from playground.wire import errors
from playground.wire.jsons import Json, is_list, is_object, listed
from playground.world import people
from playground.world.state import State

_LOCALIZATIONS = ("name_localizations", "description_localizations")


async def _list(state: State, call: Call) -> Answer:
    commands = state.store.commands(_scope(call))
    if call.query.get("with_localizations", "").lower() in ("true", "1"):
        return 200, commands
    return 200, [_without_localizations(command) for command in commands]


async def _overwrite(state: State, call: Call) -> Answer:
    scope = _scope(call)
    check_commands(call.body)
    before = {(command["type"], command["name"]): command for command in state.store.commands(scope)}
    commands = [_registered(state, scope, asked, before) for asked in call.body]
    kept = {command["id"] for command in commands}
    if any(command["type"] == ENTRY_POINT and command["id"] not in kept for command in before.values()):
        raise errors.entry_point_left_out()
    state.set_commands(scope, commands)
    return 200, commands


async def _create(state: State, call: Call) -> Answer:
    """Replaces the command of the same name and kind, as Discord does."""
    scope = _scope(call)
    check_command(call.form)
    before = {(command["type"], command["name"]): command for command in state.store.commands(scope)}
    command = _registered(state, scope, call.form, before)
    key = (command["type"], command["name"])
    rest = [other for found, other in before.items() if found != key]
    check_commands([*rest, call.form])
    state.set_commands(scope, [*rest, command])
    return 200 if key in before else 201, command


async def _get(state: State, call: Call) -> Answer:
    return 200, _find(state, call)


async def _edit(state: State, call: Call) -> Answer:
    scope, found = _scope(call), _find(state, call)
    check_command(found | call.form)
    command = _registered(state, scope, found | call.form, {(found["type"], found["name"]): found})
    command["id"] = found["id"]
    others = [other for other in state.store.commands(scope) if other["id"] != found["id"]]
    state.set_commands(scope, [*others, command])
    return 200, command


async def _delete(state: State, call: Call) -> Answer:
    scope, found = _scope(call), _find(state, call)
    state.set_commands(scope, [other for other in state.store.commands(scope) if other["id"] != found["id"]])
    return 204, None


def _scope(call: Call) -> str:
    if call.params["application_id"] != people.APPLICATION_ID:
        raise errors.missing_access()
    guild_id = call.params.get("guild_id", "")
    if guild_id not in ("", people.GUILD_ID):
        raise errors.missing_access()
    return guild_id


def _find(state: State, call: Call) -> Json:
    for command in state.store.commands(_scope(call)):
        if command["id"] == call.params["command_id"]:
            return command
    raise errors.unknown_command()


def _registered(state: State, scope: str, asked: Json, before: dict[tuple[int, str], Json]) -> Json:
    """The command as Discord keeps it; its id stays for as long as its name does."""
    kind = asked.get("type") or CHAT_INPUT
    old = before.get((kind, asked["name"]))
    needed = asked.get("default_member_permissions")
    command: Json = {
        "id": old["id"] if old else state.new_id(),
        "application_id": people.APPLICATION_ID,
        "version": state.new_id(),
        "type": kind,
        "name": asked["name"],
        "name_localizations": asked.get("name_localizations"),
        "description": asked.get("description") or "",
        "description_localizations": asked.get("description_localizations"),
        "default_member_permissions": None if needed is None else str(needed),
        "dm_permission": asked.get("dm_permission", True) is not False,
        "contexts": asked.get("contexts"),
        "integration_types": asked.get("integration_types") or [0],
        "nsfw": bool(asked.get("nsfw")),
    }
    if asked.get("handler"):
        command["handler"] = asked["handler"]
    if asked.get("options"):
        command["options"] = [_option(option) for option in asked["options"]]
    if scope:
        command["guild_id"] = scope
    return command


def _option(asked: Json) -> Json:
    option = {key: value for key, value in asked.items() if value is not None or key in _LOCALIZATIONS}
    if asked["type"] <= SUBCOMMAND_GROUP:
        option.pop("required", None)
        option["options"] = [_option(child) for child in listed(asked, "options")]
    if not option.get("choices"):
        option.pop("choices", None)
    return option


def _without_localizations(thing: Any) -> Any:
    if is_object(thing):
        return {key: _without_localizations(item) for key, item in thing.items() if key not in _LOCALIZATIONS}
    if is_list(thing):
        return [_without_localizations(item) for item in thing]
    return thing


_GLOBAL = "/applications/{application_id}/commands"
_GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"
ROUTES = [
    route
    for base in (_GLOBAL, _GUILD)
    for route in (
        Route(method="GET", template=base, handler=_list),
        Route(method="PUT", template=base, handler=_overwrite),
        Route(method="POST", template=base, handler=_create),
        Route(method="GET", template=base + "/{command_id}", handler=_get),
        Route(method="PATCH", template=base + "/{command_id}", handler=_edit),
        Route(method="DELETE", template=base + "/{command_id}", handler=_delete),
    )
]
