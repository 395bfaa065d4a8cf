"""What people do in the channel, against the real discord.py."""

import pytest

from playground import Playground
from playground.rules.messages import COMPONENTS_V2, LOADING
from playground.world.rules import Rules
from tests.playground.guest import BAO, MIA, ROBIN, at_the_page, becomes, content_is
from tests.playground.small_bot import SmallBot, picture


async def test_a_slash_command_is_answered_with_a_picture_in_a_gallery(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/imagine prompt:a red star, ratio 3:2 seed:7 shape:WIDE")

        message = await mia.sees(lambda message: message["attachments"])

        media = message["components"][0]["components"][1]["items"][0]
        assert media["description"] == "a red star, ratio 3:2 16:9"
        assert (media["media"]["width"], media["media"]["height"]) == (64, 48)
        assert media["media"]["content_type"] == "image/png"
        assert message["flags"] == COMPONENTS_V2
        assert message["interaction_metadata"]["user"]["global_name"] == "Mia"
        assert message["interaction_metadata"]["name"] == "imagine"
        async with mia.session.get(media["media"]["url"]) as reply:
            assert await reply.read() == picture("red").read()


async def test_a_deferred_answer_is_edited_into_a_picture_and_followed_up(
    playground: Playground, bot: SmallBot
) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/later", nonce="n1")

        await mia.sees(content_is("and a word more"))

        thinking = [event["message"]["flags"] & LOADING for event in mia.events if event["type"] == "message"]
        assert thinking[0]
        assert not any(thinking[1:])
        states = [event["state"] for event in mia.events if event.get("nonce") == "n1"]
        assert states == ["sent", "thinking", "answered"]
        assert len(await mia.messages()) == 2


async def test_people_see_only_their_own_ephemeral_answers(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground, MIA) as mia, at_the_page(playground, BAO) as bao:
        await mia.say("/whisper text:for Mia")
        await bao.say("/whisper text:for Bao")

        await mia.sees(content_is("for Mia!"))
        await bao.sees(content_is("for Bao!"))

        assert [message["content"] for message in await mia.messages()] == ["for Mia!"]
        assert [message["ephemeral_for"] for message in await bao.messages()] == [BAO]
        heard = [event["message"]["content"] for event in bao.events if event["type"] == "message"]
        assert not any("Mia" in text for text in heard)


async def test_an_ephemeral_answer_can_be_dismissed_by_its_reader_alone(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground, MIA) as mia, at_the_page(playground, BAO) as bao:
        await mia.say("/whisper text:psst")
        message = await mia.sees(content_is("psst!"))

        stranger, _ = await bao.post("dismiss", message=message["id"])
        reader, _ = await mia.post("dismiss", message=message["id"])

        assert (stranger, reader) == (404, 200)
        assert await mia.messages() == []
        await mia.hears(lambda event: event["type"] == "delete" and event["id"] == message["id"])


async def test_a_button_of_an_old_message_reaches_the_bot(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground, MIA) as mia, at_the_page(playground, BAO) as bao:
        await mia.say("/imagine prompt:x seed:42")
        message = await mia.sees(lambda message: message["components"])

        status, _ = await bao.post("click", message=message["id"], custom_id="z1:again:42")

        assert status == 200
        answer = await mia.sees(content_is("again 42 for Bao"))
        assert answer["message_reference"]["message_id"] == message["id"]


async def test_a_button_can_change_its_message_with_a_new_file(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/imagine prompt:x")
        before = await mia.sees(lambda message: message["components"])

        await mia.say("click:recolour")

        after = await mia.sees(lambda message: message["edited_timestamp"])
        assert after["id"] == before["id"]
        assert [file["description"] for file in after["attachments"]] == ["green"]
        assert after["attachments"][0]["url"] != before["attachments"][0]["url"]


async def test_a_form_opens_prefilled_and_is_submitted(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/form", nonce="open")
        opened = await mia.hears(lambda event: event["type"] == "modal")

        fields = {"prompt": "a dog", "shape": ["16:9"], "seed": "", "loud": True}
        status, _ = await mia.post("submit", interaction_id=opened["modal"]["interaction_id"], fields=fields)

        assert opened["nonce"] == "open"
        assert opened["modal"]["title"] == "Edit"
        assert status == 200
        await mia.sees(content_is("a dog | 16:9 |  | True"))


async def test_a_form_refuses_what_a_client_refuses_and_stays_open(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground, MIA) as mia, at_the_page(playground, BAO) as bao:
        await mia.say("/form")
        opened = (await mia.hears(lambda event: event["type"] == "modal"))["modal"]["interaction_id"]

        answers = [
            await mia.post("submit", interaction_id=opened, fields={"prompt": " "}),
            await mia.post("submit", interaction_id=opened, fields={"prompt": "x" * 41}),
            await mia.post("submit", interaction_id=opened, fields={"shape": ["3:2"]}),
            await mia.post("submit", interaction_id=opened, fields={"size": "3"}),
            await bao.post("submit", interaction_id=opened, fields={}),
        ]
        last, _ = await mia.post("submit", interaction_id=opened, fields={})

        assert [status for status, _ in answers] == [400] * 5
        assert answers[0][1]["error"] == "Prompt: this field is required."
        assert answers[1][1]["error"] == "Prompt: at most 40 characters, not 41."
        assert answers[4][1]["error"] == "This form is no longer open."
        assert last == 200
        await mia.sees(content_is("a cat | 1:1 |  | False"))


async def test_click_edit_with_values_fills_and_submits_the_form(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/imagine prompt:x")
        await mia.sees(lambda message: message["components"])

        await mia.say("click:Edit Prompt:a blue ring, 3:2 seed:9 shape:wide", nonce="n9")

        await mia.sees(content_is("a blue ring, 3:2 | 16:9 | 9 | False"))
        assert not any(event["type"] == "modal" for event in mia.events)
        await mia.hears(lambda event: event.get("nonce") == "n9" and event["state"] == "answered")


async def test_a_select_passes_on_what_was_chosen(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/pick")
        message = await mia.sees(content_is("which?"))

        strange, _ = await mia.post("click", message=message["id"], custom_id="pick", values=["3"])
        fine, _ = await mia.post("click", message=message["id"], custom_id="pick", values=["2"])

        assert (strange, fine) == (400, 200)
        assert (await mia.sees(content_is("picked 2")))["components"] == []


async def test_an_attached_file_reaches_the_bot(playground: Playground, bot: SmallBot) -> None:
    content = picture("white", (30, 20)).read()
    async with at_the_page(playground) as mia:
        await mia.say("/look image:@my cat.png", {"my cat.png": content})

        await mia.sees(content_is(f"my_cat.png {len(content)} 30x20 image/png"))


async def test_people_channels_and_booleans_are_resolved(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/greet who:@Bao where:#sketchbook kindly:是")

        await mia.sees(content_is("Bao in sketchbook True"))


async def test_completion_asks_the_bot_where_an_option_has_suggestions(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        text = "/style name:i"

        _, body = await mia.post("complete", text=text, cursor=len(text))

        choices = [(item["label"], item["insert"]) for item in body["items"] if item["kind"] == "choice"]
        assert choices == [("ink style", "ink"), ("oil style", "oil")]


@pytest.mark.parametrize("rules", [Rules(answer_within=0.3)])
async def test_a_late_answer_is_an_unknown_interaction(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/slow seconds:0.6", nonce="late")

        failed = await mia.hears(lambda event: event.get("state") == "failed")
        await becomes(lambda: bot.failures)

        assert failed["nonce"] == "late"
        assert failed["error"] == "The application did not respond"
        assert [error.code for error in bot.failures] == [10062]
        assert await mia.messages() == []


async def test_a_second_answer_is_refused(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/twice")
        await mia.sees(content_is("once"))

        await becomes(lambda: bot.failures)

        assert [error.code for error in bot.failures] == [40060]
        assert len(await mia.messages()) == 1


@pytest.mark.parametrize("rules", [Rules(token_life=0.3)])
async def test_a_token_expires(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("/forgetful seconds:0.5")
        await mia.sees(content_is("first"))

        await becomes(lambda: bot.failures)

        assert [(error.status, error.code) for error in bot.failures] == [(401, 50027)]
        assert (await mia.messages())[0]["content"] == "first"


async def test_only_moderators_delete_what_others_wrote(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground, MIA) as mia, at_the_page(playground, BAO) as bao:
        said = await mia.say("hello")

        stranger, _ = await bao.post("delete", message=said["message_id"])
        async with at_the_page(playground, ROBIN) as robin:
            moderator, _ = await robin.post("delete", message=said["message_id"])

        assert (stranger, moderator) == (400, 200)
        assert await mia.messages() == []


async def test_a_command_that_no_bot_registered_is_refused(playground: Playground) -> None:
    async with at_the_page(playground) as mia:
        assert await mia.refused("/imagine prompt:x") == 'There is no command "/imagine".'
