"""Messages of the channel routes, and forms without a bot."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from playground import Playground
from playground.rules.components import check_modal
from playground.wire.errors import Problems
from playground.world import people
from playground.world.rules import Rules
from tests.playground.guest import MIA, PAINT, at_the_page
from tests.playground.rest_client import MESSAGES, V2, codes, gallery, rest_client, text
from tests.playground.small_bot import SmallBot, picture
from tests.support.clocks import ManualClock

PNG = picture("red").read()


async def test_a_repeated_nonce_is_one_message(playground: Playground) -> None:
    body = {"content": "once", "nonce": "abc", "enforce_nonce": True}
    async with rest_client(playground) as rest:
        first, second = await rest("POST", MESSAGES, body), await rest("POST", MESSAGES, body)
        other = await rest("POST", MESSAGES, body | {"enforce_nonce": False})

    assert first == second
    assert other[1]["id"] != first[1]["id"]


class TestMinutesLater:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def rules(self, clock: ManualClock) -> Rules:
        return Rules(wall=clock)

    async def test_a_repeated_nonce_is_a_message_of_its_own(self, playground: Playground, clock: ManualClock) -> None:
        body = {"content": "once", "nonce": "abc", "enforce_nonce": True}
        async with rest_client(playground) as rest:
            first = await rest("POST", MESSAGES, body)
            clock.advance(181)
            second = await rest("POST", MESSAGES, body)

        assert first[1]["id"] != second[1]["id"]


async def test_an_edit_replaces_adds_and_keeps_files(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        files = [("files[0]", "a.png", PNG), ("files[1]", "b c.png", PNG)]
        described = [{"id": 0, "description": "first"}, {"id": 1}]
        _, message = await rest("POST", MESSAGES, {"attachments": described}, files)
        path, a = f"{MESSAGES}/{message['id']}", message["attachments"][0]["id"]

        _, added = await rest("PATCH", path, {"content": "more"}, [("files[0]", "d.png", PNG)])
        _, replaced = await rest("PATCH", path, {"attachments": [{"id": a}, {"id": 0}]}, [("files[0]", "e.png", PNG)])

    assert [file["filename"] for file in message["attachments"]] == ["a.png", "b_c.png"]
    assert message["attachments"][0]["description"] == "first"
    assert [file["filename"] for file in added["attachments"]] == ["a.png", "b_c.png", "d.png"]
    assert [file["filename"] for file in replaced["attachments"]] == ["a.png", "e.png"]
    assert replaced["content"] == "more"


async def test_a_gallery_shows_a_kept_file_by_its_name(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        body = {"flags": V2, "components": [gallery(description="red")]}
        _, message = await rest("POST", MESSAGES, body, [("files[0]", "a.png", PNG)])

        kept = [{"id": message["attachments"][0]["id"]}]
        _, edited = await rest(
            "PATCH", f"{MESSAGES}/{message['id']}", {"attachments": kept, "components": [text(), gallery()]}
        )

    media = edited["components"][1]["items"][0]["media"]
    assert media["url"] == message["attachments"][0]["url"]
    assert media["attachment_id"] == kept[0]["id"]
    assert edited["flags"] == V2
    assert [component["id"] for component in edited["components"]] == [1, 2]


async def test_a_message_becomes_v2_only_when_its_content_goes(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        _, message = await rest("POST", MESSAGES, {"content": "old"})
        path = f"{MESSAGES}/{message['id']}"

        refused = await rest("PATCH", path, {"flags": V2, "components": [text()]})
        status, edited = await rest("PATCH", path, {"flags": V2, "content": None, "components": [text()]})

    assert codes(refused[1]["errors"]) == {"content": "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"}
    assert (status, edited["content"], edited["flags"]) == (200, "", V2)


async def test_history_is_paged(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        ids = [(await rest("POST", MESSAGES, {"content": f"{n}"}))[1]["id"] for n in range(5)]

        newest = await rest("GET", f"{MESSAGES}?limit=2")
        older = await rest("GET", f"{MESSAGES}?limit=2&before={ids[3]}")
        newer = await rest("GET", f"{MESSAGES}?limit=2&after={ids[0]}")

    assert [message["id"] for message in newest[1]] == [ids[4], ids[3]]
    assert [message["id"] for message in older[1]] == [ids[2], ids[1]]
    assert [message["id"] for message in newer[1]] == [ids[2], ids[1]]


async def test_the_bot_sees_no_ephemeral_message_in_the_channel(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia, rest_client(playground) as rest:
        await mia.say("/whisper text:psst")
        message = await mia.sees(lambda message: message["content"] == "psst!")

        single = await rest("GET", f"{MESSAGES}/{message['id']}")
        _, history = await rest("GET", MESSAGES)

    assert single[0] == 404
    assert history == []


async def test_mentions_ping_only_whom_the_bot_allows(playground: Playground) -> None:
    content = f"hello <@{MIA}>"
    async with rest_client(playground) as rest:
        _, loud = await rest("POST", MESSAGES, {"content": content})
        _, quiet = await rest("POST", MESSAGES, {"content": content, "allowed_mentions": {"parse": []}})

    assert [user["id"] for user in loud["mentions"]] == [MIA]
    assert quiet["mentions"] == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_pictures_are_measured_and_other_files_are_not(playground: Playground, kind: str) -> None:
    buffer = BytesIO()
    Image.new("RGB", (31, 17)).save(buffer, kind)
    async with rest_client(playground) as rest:
        files = [("files[0]", "picture.bin", buffer.getvalue()), ("files[1]", "fake.png", b"no picture")]
        _, message = await rest("POST", MESSAGES, {}, files)

    picture_file, fake = message["attachments"]
    assert (picture_file["width"], picture_file["height"]) == (31, 17)
    assert picture_file["content_type"] == f"image/{kind.lower()}"
    assert "width" not in fake


async def test_the_bot_reads_its_surroundings(playground: Playground, bot: SmallBot) -> None:
    info = await bot.application_info()
    guild = await bot.fetch_guild(int(people.GUILD_ID))
    member = await guild.fetch_member(int(MIA))
    channel = await bot.fetch_channel(int(PAINT))
    commands = await bot.tree.fetch_commands()

    assert info.owner.global_name == "Robin"
    assert (guild.name, member.display_name, channel.name) == ("The Studio", "Mia", "paint")
    assert "imagine" in {command.name for command in commands}


def modal(*components: Any, **more: Any) -> Any:
    return {"custom_id": "m", "title": "Title", "components": list(components)} | more


def field(custom_id: str, **more: Any) -> Any:
    component = {"type": 4, "style": 1, "custom_id": custom_id} | more
    return {"type": 18, "label": "Label", "component": component}


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        (modal(*(field(f"f{n}") for n in range(6))), "data.components", "BASE_TYPE_BAD_LENGTH"),
        (modal(field("a"), field("a")), "data.components.1.component.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED"),
        (modal(field("a"), title="x" * 46), "data.title", "BASE_TYPE_BAD_LENGTH"),
        (modal(), "data.components", "BASE_TYPE_BAD_LENGTH"),
        (modal(field("a") | {"label": "x" * 46}), "data.components.0.label", "BASE_TYPE_BAD_LENGTH"),
        (modal(field("a", value="x" * 11, max_length=10)), "data.components.0.component.value", "BASE_TYPE_MAX_LENGTH"),
        (modal({"type": 17, "components": [text()]}), "data.components.0.type", "UNION_TYPE_CHOICES"),
    ],
)
def test_a_form_is_refused_for(data: Any, path: str, code: str) -> None:
    problems = Problems()

    check_modal(data, problems)

    assert codes(problems.errors)[path] == code


def test_a_form_of_five_fields_is_fine() -> None:
    problems = Problems()

    check_modal(modal(*(field(f"f{n}") for n in range(5))), problems)

    assert problems.errors == {}
