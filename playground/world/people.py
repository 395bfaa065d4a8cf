"""The cast: one guild, its channels, the people one can be, the bot, and what each may do."""

from dataclasses import dataclass
from typing import Literal

from playground.wire.jsons import Json

GUILD_ID = "1100000000000000001"
APPLICATION_ID = "1100000000000000002"  # of the application and of its bot user, as on Discord today
GUILD_OWNER_ID = "1100000000000000003"  # nobody on the page: an owner may everything, which would hide bugs
MEMBER_ROLE_ID = "1100000000000000004"
MODERATOR_ROLE_ID = "1100000000000000005"
BOT_ROLE_ID = "1100000000000000006"
ADMIN_ROLE_ID = "1100000000000000007"
GUILD_NAME = "The Studio"
BOT_NAME = "Zimagine"
GUILD_LOCALE = "en-US"
JOINED_AT = "2026-01-01T12:00:00+00:00"

# Permission bits, https://discord.com/developers/docs/topics/permissions
ADD_REACTIONS = 1 << 6
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_MESSAGES = 1 << 13
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
USE_EXTERNAL_EMOJIS = 1 << 18
MANAGE_GUILD = 1 << 5
USE_APPLICATION_COMMANDS = 1 << 31
USE_EXTERNAL_APPS = 1 << 50
ADMINISTRATOR = 1 << 3

EVERYONE_MAY = VIEW_CHANNEL | SEND_MESSAGES | READ_MESSAGE_HISTORY | USE_APPLICATION_COMMANDS | USE_EXTERNAL_APPS
MEMBERS_MAY = ADD_REACTIONS | EMBED_LINKS | ATTACH_FILES | USE_EXTERNAL_EMOJIS
ADMINS_MAY = MEMBERS_MAY | MANAGE_GUILD
MODERATORS_MAY = ADMINS_MAY | MANAGE_MESSAGES
BOT_MAY = EMBED_LINKS | ATTACH_FILES


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    id: str
    name: str
    permissions: int
    position: int
    color: int = 0
    managed: bool = False

    def payload(self) -> Json:
        colors = {"primary_color": self.color, "secondary_color": None, "tertiary_color": None}
        return {
            "id": self.id,
            "name": self.name,
            "permissions": str(self.permissions),
            "position": self.position,
            "color": self.color,
            "colors": colors,
            "hoist": self.position > 0,
            "managed": self.managed,
            "mentionable": False,
            "icon": None,
            "unicode_emoji": None,
            "flags": 0,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody in the guild. `locale` is what their client speaks unless the page says otherwise."""

    id: str
    name: str
    role: Literal["member", "moderator", "admin", "guest", "bot"]
    color: str
    locale: str = "en-US"

    @property
    def role_ids(self) -> list[str]:
        return {
            "guest": [],
            "member": [MEMBER_ROLE_ID],
            "moderator": [MEMBER_ROLE_ID, MODERATOR_ROLE_ID],
            "admin": [MEMBER_ROLE_ID, ADMIN_ROLE_ID],
            "bot": [BOT_ROLE_ID],
        }[self.role]

    @property
    def permissions(self) -> int:
        bits = EVERYONE_MAY
        for role in ROLES:
            if role.id in self.role_ids:
                bits |= role.permissions
        return bits

    def may(self, bits: int) -> bool:
        return self.permissions & bits == bits

    def user(self) -> Json:
        user: Json = {
            "id": self.id,
            "username": self.name.lower(),
            "global_name": None if self.role == "bot" else self.name,
            "discriminator": "0",
            "avatar": None,
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        }
        if self.role == "bot":
            user |= {"username": self.name, "bot": True}
        return user

    def member_without_user(self) -> Json:
        return {
            "avatar": None,
            "banner": None,
            "communication_disabled_until": None,
            "flags": 0,
            "joined_at": JOINED_AT,
            "nick": None,
            "pending": False,
            "premium_since": None,
            "roles": self.role_ids,
            "mute": False,
            "deaf": False,
        }

    def member(self) -> Json:
        return self.member_without_user() | {"user": self.user()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    id: str
    name: str
    topic: str
    position: int

    def payload(self) -> Json:
        return {
            "id": self.id,
            "type": 0,
            "guild_id": GUILD_ID,
            "name": self.name,
            "topic": self.topic,
            "position": self.position,
            "flags": 0,
            "nsfw": False,
            "parent_id": None,
            "last_message_id": None,
            "rate_limit_per_user": 0,
            "permission_overwrites": [],
        }


@dataclass(kw_only=True, slots=True)
class Thread:
    """A channel that is a thread; `since` is when it was last archived or opened. A locked one is a moderator's."""

    channel: Channel
    archived: bool
    locked: bool
    since: str

    def payload(self) -> Json:
        metadata: Json = {
            "archived": self.archived,
            "archive_timestamp": self.since,
            "auto_archive_duration": 60,
            "locked": self.locked,
        }
        return {
            "id": self.channel.id,
            "type": 11,
            "guild_id": GUILD_ID,
            "name": self.channel.name,
            "parent_id": None,
            "owner_id": GUILD_OWNER_ID,
            "thread_metadata": metadata,
            "flags": 0,
            "rate_limit_per_user": 0,
            "last_message_id": None,
            "message_count": 0,
            "member_count": 0,
            "total_message_sent": 0,
        }


ROLES = (
    Role(id=GUILD_ID, name="@everyone", permissions=EVERYONE_MAY, position=0),
    Role(id=MEMBER_ROLE_ID, name="member", permissions=MEMBERS_MAY, position=1),
    Role(id=MODERATOR_ROLE_ID, name="moderator", permissions=MODERATORS_MAY, position=2, color=0x2E9E6B),
    Role(id=ADMIN_ROLE_ID, name="admin", permissions=ADMINS_MAY, position=3, color=0xB8642E),
    Role(id=BOT_ROLE_ID, name=BOT_NAME, permissions=BOT_MAY, position=4, managed=True),
)
PEOPLE = (
    Person(id="1100000000000000011", name="Mia", role="member", color="#d9577a"),
    Person(id="1100000000000000012", name="Bao", role="member", color="#3f83d6", locale="zh-CN"),
    Person(id="1100000000000000013", name="Robin", role="moderator", color="#2e9e6b"),
    Person(id="1100000000000000014", name="Guest", role="guest", color="#8a8f99"),
    Person(id="1100000000000000015", name="Noor", role="admin", color="#b8642e"),
)
APPLICATION_OWNER = PEOPLE[2]  # Noor looks after the server alone
BOT = Person(id=APPLICATION_ID, name=BOT_NAME, role="bot", color="#7a5af0")
CHANNELS = (
    Channel(id="1100000000000000021", name="paint", topic="Type /imagine and say what you see", position=0),
    Channel(id="1100000000000000022", name="sketchbook", topic="Drafts, variations, second tries", position=1),
    Channel(id="1100000000000000023", name="quiet-corner", topic="Nobody is watching", position=2),
)
_PEOPLE_BY_ID = {person.id: person for person in (*PEOPLE, BOT)}
_CHANNELS_BY_ID = {channel.id: channel for channel in CHANNELS}


def invite(person: Person) -> None:
    """One more who can act, beside those that the page offers."""
    _PEOPLE_BY_ID[person.id] = person


def person_by_id(person_id: str) -> Person | None:
    return _PEOPLE_BY_ID.get(person_id)


def channel_by_id(channel_id: str) -> Channel | None:
    return _CHANNELS_BY_ID.get(channel_id)


def guild_payload() -> Json:
    """The guild as REST shows it, without channels and members."""
    return {
        "id": GUILD_ID,
        "name": GUILD_NAME,
        "icon": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": [],
        "banner": None,
        "owner_id": GUILD_OWNER_ID,
        "application_id": None,
        "region": "deprecated",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "roles": [role.payload() for role in ROLES],
        "default_message_notifications": 1,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": GUILD_LOCALE,
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
        "incidents_data": None,
    }


def guild_create_payload() -> Json:
    """The guild as GUILD_CREATE shows it to a bot without the members intent."""
    return guild_payload() | {
        "joined_at": JOINED_AT,
        "large": False,
        "unavailable": False,
        "member_count": len(PEOPLE) + 1,
        "voice_states": [],
        "members": [BOT.member()],
        "channels": [channel.payload() for channel in CHANNELS],
        "threads": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }
