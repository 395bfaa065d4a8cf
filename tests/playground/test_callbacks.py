"""Answers to interactions, byte by byte: what each kind may carry and what becomes of it."""

from typing import Any

from playground import Playground
from playground.rules.messages import COMPONENTS_V2, EPHEMERAL, LOADING
from playground.world import people
from tests.playground.guest import BAO, GUEST, MIA, PAINT, ROBIN, at_the_page, content_is
from tests.playground.raw_bot import raw_bot
from tests.playground.rest_client import button, codes, command, option, row, text
from tests.playground.small_bot import picture

MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = range(4, 10)


def field(component: Any, label: str = "Label") -> Any:
    return {"type": 18, "label": label, "component": component}


def form(*components: Any) -> Any:
    return {"custom_id": "form", "title": "Form", "components": list(components)}


async def test_an_interaction_says_who_asks_where_and_what_they_may(playground: Playground) -> None:
    async with raw_bot(playground) as bot, at_the_page(playground, ROBIN) as robin:
        await robin.say("/paint", locale="zh-CN")
        asked = await bot.hears()

    may = int(asked["member"]["permissions"])
    assert may & people.MANAGE_GUILD
    assert may & people.MANAGE_MESSAGES
    assert not may & people.ADMINISTRATOR
    assert int(asked["app_permissions"]) & people.ATTACH_FILES
    assert (asked["locale"], asked["guild_locale"]) == ("zh-CN", "en-US")
    assert asked["attachment_size_limit"] == 10 * 1024 * 1024
    assert (asked["guild_id"], asked["channel_id"]) == (people.GUILD_ID, PAINT)
    assert asked["data"]["name"] == "paint"


async def test_each_kind_of_interaction_takes_only_its_answers(playground: Playground) -> None:
    style = command(options=[option("style", autocomplete=True)])
    async with raw_bot(playground, style) as bot, at_the_page(playground) as mia:
        await mia.say("/paint style:x")
        asked = await bot.hears()

        wrong = [(await bot.answers(asked, kind, {}))[1] for kind in (CHOICES, DEFERRED_UPDATE, UPDATE, 99)]
        status, answer = await bot.answers(asked, MESSAGE, {"content": "fine"})

    assert [codes(one["errors"]) for one in wrong] == [{"type": "BASE_TYPE_CHOICES"}] * 4
    assert status == 200
    assert answer["interaction"]["response_message_id"] == answer["resource"]["message"]["id"]


async def test_a_refused_answer_may_be_corrected_in_time(playground: Playground) -> None:
    async with raw_bot(playground) as bot, at_the_page(playground) as mia:
        await mia.say("/paint")
        asked = await bot.hears()

        bad = await bot.answers(asked, MODAL, form(*(field({"type": 23, "custom_id": f"{n}"}) for n in range(6))))
        good = await bot.answers(asked, MESSAGE, {"content": "instead"})

    assert codes(bad[1]["errors"]) == {"data.components": "BASE_TYPE_BAD_LENGTH"}
    assert good[0] == 200


async def test_the_first_followup_takes_the_place_of_a_thinking_message(playground: Playground) -> None:
    async with raw_bot(playground) as bot, at_the_page(playground) as mia:
        await mia.say("/paint", nonce="n")
        asked = await bot.hears()

        _, deferred = await bot.answers(asked, DEFERRED, {"flags": EPHEMERAL | COMPONENTS_V2})
        thinking = (await mia.messages())[0]
        _, first = await bot.rest("POST", bot.hook(asked), {"content": "first"})
        _, second = await bot.rest("POST", bot.hook(asked), {"content": "second"})
        _, original = await bot.rest("GET", bot.hook(asked, "/messages/@original"))

    assert deferred["interaction"]["response_message_loading"]
    assert "resource" not in deferred
    assert thinking["flags"] == EPHEMERAL | LOADING
    assert first["id"] == thinking["id"] == original["id"]
    assert first["flags"] == EPHEMERAL
    assert second["flags"] == 0
    assert second["message_reference"]["message_id"] == first["id"]


async def test_a_webhook_is_unknown_before_the_first_answer(playground: Playground) -> None:
    async with raw_bot(playground) as bot, at_the_page(playground) as mia:
        await mia.say("/paint")
        asked = await bot.hears()

        status, answer = await bot.rest("PATCH", bot.hook(asked, "/messages/@original"), {"content": "x"})

    assert (status, answer["code"]) == (404, 10015)


async def test_a_deleted_original_is_unknown(playground: Playground) -> None:
    async with raw_bot(playground) as bot, at_the_page(playground, ROBIN) as robin:
        await robin.say("/paint")
        asked = await bot.hears()
        await bot.answers(asked, MESSAGE, {"content": "x"})
        message = await robin.sees(content_is("x"))

        await robin.post("delete", message=message["id"])
        status, answer = await bot.rest("PATCH", bot.hook(asked, "/messages/@original"), {"content": "y"})

    assert (status, answer["code"]) == (404, 10008)


async def test_one_token_does_not_reach_the_messages_of_another_person(playground: Playground) -> None:
    async with raw_bot(playground) as bot, at_the_page(playground, MIA) as mia, at_the_page(playground, BAO) as bao:
        await mia.say("/paint")
        hers = await bot.hears()
        _, answer = await bot.answers(hers, MESSAGE, {"content": "hers", "flags": EPHEMERAL})
        await bao.say("/paint")
        his = await bot.hears()
        await bot.answers(his, MESSAGE, {"content": "his"})

        path = bot.hook(his, f"/messages/{answer['resource']['message']['id']}")
        status, refused = await bot.rest("GET", path)

    assert (status, refused["code"]) == (404, 10008)


async def test_a_form_carries_every_kind_of_field(playground: Playground) -> None:
    options = [{"label": "One", "value": "1"}, {"label": "Two", "value": "2", "default": True}]
    fields = form(
        {"type": 10, "content": "Please fill in"},
        field({"type": 4, "custom_id": "text", "style": 1, "value": "prefilled"}, "Text"),
        field({"type": 21, "custom_id": "radio", "options": options}, "Radio"),
        field({"type": 22, "custom_id": "boxes", "options": options, "min_values": 0}, "Boxes"),
        field({"type": 19, "custom_id": "file"}, "File"),
    )
    async with raw_bot(playground) as bot, at_the_page(playground) as mia:
        await mia.say("/paint")
        await bot.answers(await bot.hears(), MODAL, fields)
        opened = (await mia.hears(lambda event: event["type"] == "modal"))["modal"]

        content = picture("red", (5, 4)).read()
        values = {"radio": "One", "boxes": ["1", "2"], "file": ["@a.png"]}
        files = {"a.png": content}
        status, _ = await mia.post("submit", files, interaction_id=opened["interaction_id"], fields=values)
        sent = (await bot.hears())["data"]

    assert status == 200
    parts = [part.get("component", {}) for part in sent["components"]]
    assert [part["type"] for part in sent["components"]] == [10, 18, 18, 18, 18]
    assert parts[1]["value"] == "prefilled"
    assert parts[2]["value"] == "1"
    assert parts[3]["values"] == ["1", "2"]
    file = sent["resolved"]["attachments"][parts[4]["values"][0]]
    assert (file["width"], file["size"]) == (5, len(content))


async def test_people_roles_and_channels_can_be_chosen(playground: Playground) -> None:
    rows = [row({"type": kind, "custom_id": f"s{kind}"}) for kind in (5, 6, 8)]
    picks = {5: BAO, 6: people.MODERATOR_ROLE_ID, 8: PAINT}
    async with raw_bot(playground) as bot, at_the_page(playground) as mia:
        await mia.say("/paint")
        await bot.answers(await bot.hears(), MESSAGE, {"content": "choose", "components": rows})
        message = (await mia.sees(content_is("choose")))["id"]

        for kind, value in picks.items():
            status, _ = await mia.post("click", message=message, custom_id=f"s{kind}", values=[value])
            chosen = (await bot.hears())["data"]
            assert status == 200
            assert chosen["values"] == [value]
            assert value in next(iter(chosen["resolved"].values()))
        status, _ = await mia.post("click", message=message, custom_id="s5", values=[PAINT])
        assert status == 400


async def test_a_disabled_or_vanished_button_is_not_pressed(playground: Playground) -> None:
    async with raw_bot(playground) as bot, at_the_page(playground) as mia:
        await mia.say("/paint")
        components = [row(button("off", disabled=True))]
        await bot.answers(await bot.hears(), MESSAGE, {"content": "x", "components": components})
        message = (await mia.sees(content_is("x")))["id"]

        disabled = await mia.post("click", message=message, custom_id="off")
        vanished = await mia.post("click", message=message, custom_id="gone")
        missing = await mia.post("click", message="123", custom_id="off")

    assert disabled == (400, {"error": "This button is disabled."})
    assert vanished == (400, {"error": "This message has no such button any more."})
    assert missing == (404, {"error": "This message is gone."})


async def test_a_component_may_be_acknowledged_silently_and_its_message_edited_later(playground: Playground) -> None:
    async with raw_bot(playground) as bot, at_the_page(playground) as mia:
        await mia.say("/paint")
        first = await bot.hears()
        await bot.answers(first, MESSAGE, {"flags": COMPONENTS_V2, "components": [text("old"), row(button())]})
        message = await mia.sees(lambda message: message["components"])
        await mia.post("click", message=message["id"], custom_id="b")
        pressed = await bot.hears()

        status, _ = await bot.answers(pressed, DEFERRED_UPDATE)
        await bot.rest("PATCH", bot.hook(pressed, "/messages/@original"), {"components": [text("new")]})

        edited = (await mia.messages())[0]
    assert status == 200
    assert pressed["message"]["id"] == message["id"] == edited["id"]
    assert edited["components"][0]["content"] == "new"


async def test_a_guest_may_call_commands_but_not_attach(playground: Playground) -> None:
    look = command(options=[option("image", type=11)])
    async with raw_bot(playground, look) as bot, at_the_page(playground, GUEST) as guest:
        sentence = await guest.refused("/paint image:@a.png", {"a.png": b"x"})
        await guest.say("/paint")
        asked = await bot.hears()

    assert sentence == "Guest may not attach files here."
    assert asked["member"]["roles"] == []


async def test_a_file_must_be_attached_wanted_and_small_enough(playground: Playground) -> None:
    look = command(options=[option("image", type=11), option("note")])
    async with raw_bot(playground, look), at_the_page(playground) as mia:
        sentences = [
            await mia.refused("/paint image:@a.png"),
            await mia.refused("/paint note:x", {"a.png": b"x"}),
            await mia.refused("/paint image:@a.png", {"a.png": b"x" * (10 * 1024 * 1024 + 1)}),
        ]

    assert sentences == [
        'The file "a.png" is not attached.',
        'No option takes the file "a.png"; write for example "image:@a.png".',
        '"a.png" is too large; files may have 10 MiB.',
    ]


async def test_the_page_hears_of_new_commands(playground: Playground) -> None:
    async with at_the_page(playground, MIA) as mia, at_the_page(playground, ROBIN) as robin:
        async with raw_bot(playground, command(), command(name="rule", default_member_permissions=32)):
            heard = await mia.hears(lambda event: event["type"] == "commands")
            more = await robin.hears(lambda event: event["type"] == "commands")
            await mia.hears(lambda event: event["type"] == "bot" and event["online"])
        await mia.hears(lambda event: event["type"] == "bot" and not event["online"] and event is mia.events[-1])

    assert [one["name"] for one in heard["commands"]] == ["paint"]
    assert [one["name"] for one in more["commands"]] == ["paint", "rule"]
