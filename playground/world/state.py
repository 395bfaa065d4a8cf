"""What every part of the playground shares: clocks, ids, store, gateway, audience, messages, commands."""

from datetime import UTC, datetime

from playground.wire.errors import unknown_channel, unknown_message
from playground.wire.faults import Faults
from playground.wire.jsons import Json
from playground.wire.media import with_base
from playground.wire.snowflakes import Snowflakes
from playground.world import people
from playground.world.audience import Audience
from playground.world.gateway import Gateway
from playground.world.interactions import Interactions
from playground.world.people import Channel, Person, Thread
from playground.world.rules import Rules
from playground.world.store import Store


class State:
    """One guild with its bot."""

    def __init__(self, *, store: Store, rules: Rules) -> None:
        self.rules = rules
        self.store = store
        self.token = store.token()
        self.new_id = Snowflakes(rules.wall)
        self.audience = Audience()
        self.faults = Faults()
        self.threads: dict[str, Thread] = {}  # by id: the channels that were archived once
        self.gateway = Gateway(token=self.token, on_presence=self._tell_presence)
        self.interactions = Interactions(store=store, rules=rules, audience=self.audience)
        self.base_url = ""

    async def close(self) -> None:
        self.interactions.close()
        self.audience.close()
        await self.gateway.drop(code=1001)

    def channel(self, channel_id: str) -> Channel:
        found = people.channel_by_id(channel_id)
        if found is None:
            raise unknown_channel()
        return found

    def archive(self, channel_id: str, *, locked: bool) -> None:
        """The channel is a thread from now on, and archived."""
        self.threads[channel_id] = Thread(
            channel=self.channel(channel_id), archived=True, locked=locked, since=self.now()
        )

    def open_thread(self, channel_id: str) -> None:
        thread = self.threads.get(channel_id)
        if thread is not None and thread.archived:
            thread.archived, thread.since = False, self.now()

    def now(self) -> str:
        return datetime.fromtimestamp(self.rules.wall(), UTC).isoformat()

    def commands(self) -> list[Json]:
        """Everything that can be called in the guild; its own commands hide global ones of the same name."""
        own = self.store.commands(people.GUILD_ID)
        taken = {(command["type"], command["name"]) for command in own}
        everywhere = self.store.commands("")
        return [*own, *(command for command in everywhere if (command["type"], command["name"]) not in taken)]

    def commands_for(self, person: Person) -> list[Json]:
        return [command for command in self.commands() if _may_use(person, command)]

    def set_commands(self, scope: str, commands: list[Json]) -> None:
        self.store.set_commands(scope, commands)
        self.audience.tell_each_viewer(lambda person: {"type": "commands", "commands": self.commands_for(person)})

    def visible(self, message_id: str, viewer: str | None, *, channel_id: str | None = None) -> Json:
        """A message that `viewer` may see; with None, one that everybody may see."""
        found = self.store.message(message_id)
        if found is None or found[1] not in (None, viewer):
            raise unknown_message()
        if channel_id is not None and found[0]["channel_id"] != channel_id:
            raise unknown_message()
        return found[0]

    async def put_message(self, message: Json, *, ephemeral_for: str | None, created: bool) -> None:
        """Stores a message and tells those who may see it."""
        self.store.put_message(message, ephemeral_for=ephemeral_for)
        if created and ephemeral_for is None:
            self.open_thread(message["channel_id"])
        page_message = self.for_page(message, ephemeral_for)
        self.audience.tell_viewers({"type": "message", "message": page_message}, only=ephemeral_for)
        if ephemeral_for is None:
            event = "MESSAGE_CREATE" if created else "MESSAGE_UPDATE"
            await self.gateway.dispatch(event, self._for_gateway(message))

    async def delete_message(self, message: Json, *, ephemeral_for: str | None) -> None:
        self.store.delete_message(message["id"])
        where = {"channel_id": message["channel_id"], "id": message["id"]}
        self.audience.tell_viewers({"type": "delete"} | where, only=ephemeral_for)
        if ephemeral_for is None:
            await self.gateway.dispatch("MESSAGE_DELETE", where | {"guild_id": people.GUILD_ID})

    def shown(self, message: Json) -> Json:
        """A stored message as REST shows it."""
        public = {key: value for key, value in message.items() if not key.startswith("_")}
        return with_base(public, self.base_url)

    def for_page(self, message: Json, ephemeral_for: str | None) -> Json:
        page_message = self.shown(message) | {"ephemeral_for": ephemeral_for}
        if "interaction_metadata" in page_message:
            page_message["interaction_metadata"] = page_message["interaction_metadata"] | message.get("_asked", {})
        return page_message

    def _for_gateway(self, message: Json) -> Json:
        shown = self.shown(message) | {"guild_id": people.GUILD_ID}
        author = people.person_by_id(message["author"]["id"])
        if author is not None:
            shown["member"] = author.member_without_user()
        if author is not people.BOT and not _mentions_bot(message):  # without the message content intent
            shown |= {"content": "", "embeds": [], "attachments": [], "components": []}
        return shown

    def _tell_presence(self, presence: Json) -> None:
        self.audience.tell_viewers({"type": "bot"} | presence)


def _may_use(person: Person, command: Json) -> bool:
    needed = command.get("default_member_permissions")
    contexts = command.get("contexts")
    allowed = needed is None or (int(needed) != 0 and person.may(int(needed)))
    return allowed and (contexts is None or 0 in contexts) and person.may(people.USE_APPLICATION_COMMANDS)


def _mentions_bot(message: Json) -> bool:
    return any(user["id"] == people.BOT.id for user in message["mentions"])
