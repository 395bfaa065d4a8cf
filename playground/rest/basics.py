"""Routes about the bot itself, its gateway, and the guild with its people and channels."""

from playground.rest.app import Answer, Call, Route
from playground.rules.fields import array, check, flag, one_of, text, whole
from playground.wire import errors
from playground.wire.errors import Problems
from playground.wire.jsons import Json
from playground.world import people
from playground.world.state import State

# https://docs.discord.com/developers/resources/channel#modify-channel-json-params-thread
_THREAD = {
    "name": text(1, 100),
    "archived": flag(),
    "auto_archive_duration": one_of(60, 1440, 4320, 10080),
    "locked": flag(),
    "invitable": flag(),
    "rate_limit_per_user": whole(0, 21600),
    "flags": whole(0),
    "applied_tags": array(0, 5),
}


async def _me(state: State, call: Call) -> Answer:
    more: Json = {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None, "bio": ""}
    return 200, people.BOT.user() | more


async def _application(state: State, call: Call) -> Answer:
    return 200, {
        "id": people.APPLICATION_ID,
        "name": people.BOT_NAME,
        "icon": None,
        "description": "The bot under test",
        "type": None,
        "bot": people.BOT.user(),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "00" * 32,
        "flags": 0,
        "flags_new": "0",
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": people.APPLICATION_OWNER.user(),
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
        "summary": "",
    }


async def _gateway(state: State, call: Call) -> Answer:
    return 200, {"url": state.gateway.url}


async def _gateway_bot(state: State, call: Call) -> Answer:
    limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
    return 200, {"url": state.gateway.url, "shards": 1, "session_start_limit": limit}


async def _user(state: State, call: Call) -> Answer:
    person = people.person_by_id(call.params["user_id"])
    if person is None:
        raise errors.unknown_user()
    return 200, person.user()


async def _my_guilds(state: State, call: Call) -> Answer:
    keys = ("id", "name", "icon", "banner", "features")
    mine = {key: people.guild_payload()[key] for key in keys}
    return 200, [mine | {"owner": False, "permissions": str(people.BOT.permissions)}]


async def _guild(state: State, call: Call) -> Answer:
    _check_guild(call)
    return 200, people.guild_payload()


async def _guild_channels(state: State, call: Call) -> Answer:
    _check_guild(call)
    return 200, [channel.payload() for channel in people.CHANNELS]


async def _guild_roles(state: State, call: Call) -> Answer:
    _check_guild(call)
    return 200, [role.payload() for role in people.ROLES]


async def _member(state: State, call: Call) -> Answer:
    _check_guild(call)
    person = people.person_by_id(call.params["user_id"])
    if person is None:
        raise errors.unknown_member()
    return 200, person.member()


async def _channel(state: State, call: Call) -> Answer:
    channel = state.channel(call.params["channel_id"])
    return 200, state.threads.get(channel.id, channel).payload()


async def _edit_channel(state: State, call: Call) -> Answer:
    """Of all that can be edited, one who may write in a thread may do one thing: open it where it is not locked."""
    channel, form = state.channel(call.params["channel_id"]), call.form
    problems = Problems()
    check(form, _THREAD, (), problems)
    problems.refuse_if_any()
    thread = state.threads.get(channel.id)
    asked = {name: form[name] for name in _THREAD if form.get(name) is not None}
    if thread is None or asked not in ({}, {"archived": False}) or (asked and thread.locked):
        raise errors.missing_permissions()
    if asked:
        state.open_thread(channel.id)
    return 200, thread.payload()


async def _typing(state: State, call: Call) -> Answer:
    state.channel(call.params["channel_id"])
    return 204, None


def _check_guild(call: Call) -> None:
    if call.params["guild_id"] != people.GUILD_ID:
        raise errors.unknown_guild()


ROUTES = [
    Route(method="GET", template="/users/@me", handler=_me),
    Route(method="GET", template="/users/@me/guilds", handler=_my_guilds),
    Route(method="GET", template="/users/{user_id}", handler=_user),
    Route(method="GET", template="/oauth2/applications/@me", handler=_application),
    Route(method="GET", template="/applications/@me", handler=_application),
    Route(method="GET", template="/gateway", handler=_gateway, open=True),
    Route(method="GET", template="/gateway/bot", handler=_gateway_bot),
    Route(method="GET", template="/guilds/{guild_id}", handler=_guild),
    Route(method="GET", template="/guilds/{guild_id}/channels", handler=_guild_channels),
    Route(method="GET", template="/guilds/{guild_id}/roles", handler=_guild_roles),
    Route(method="GET", template="/guilds/{guild_id}/members/{user_id}", handler=_member),
    Route(method="GET", template="/channels/{channel_id}", handler=_channel),
    Route(method="PATCH", template="/channels/{channel_id}", handler=_edit_channel),
    Route(method="POST", template="/channels/{channel_id}/typing", handler=_typing),
]
