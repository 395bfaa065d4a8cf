"""What the page asks, when it asks well and when it does not."""

from pathlib import Path
from typing import Any

import pytest

from playground import Playground, open_playground
from playground.client.gallery import gallery_of
from tests.playground.guest import GUEST, MIA, PAINT, ROBIN, SKETCHBOOK, at_the_page
from tests.playground.rest_client import MESSAGES, rest_client


async def test_the_state_names_everybody_and_everything(playground: Playground) -> None:
    question = f"{playground.url}/page/state?person={MIA}"
    async with at_the_page(playground) as mia, mia.session.get(question) as reply:
        state = await reply.json()

    assert [(person["name"], person["role"]) for person in state["people"]] == [
        ("Mia", "member"),
        ("Bao", "member"),
        ("Robin", "moderator"),
        ("Guest", "guest"),
        ("Noor", "admin"),
    ]
    assert [channel["name"] for channel in state["channels"]] == ["paint", "sketchbook", "quiet-corner"]
    assert state["bot"] == {"online": False, "status": "offline", "id": "1100000000000000002", "name": "Zimagine"}
    assert state["limits"] == {"attachment_size": 10 * 1024 * 1024}
    assert state["commands"] == []
    assert state["gallery"] == {}


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_of_a_model_with_a_gallery_the_page_gets_its_pictures(tmp_path: Path, language: str) -> None:
    async with (
        open_playground(data=tmp_path, model="zimagine-starter-2") as playground,
        at_the_page(playground) as mia,
        mia.session.get(f"{playground.url}/page/state?person={MIA}") as reply,
    ):
        shown = (await reply.json())["gallery"][language]
        async with mia.session.get(f"{playground.url}/{shown[0]['src']}") as picture:
            kind = picture.content_type

    assert kind == "image/webp"
    assert len(shown) == 8
    assert all(one["prompt"] and isinstance(one["seed"], int) for one in shown)


@pytest.mark.parametrize("model", ["another", "..", "../gallery/zimagine-starter-2", ""])
def test_another_model_has_no_gallery(model: str) -> None:
    assert gallery_of(model) == {}


@pytest.mark.parametrize(
    ("act", "body", "sentence"),
    [
        ("say", {"person": "1", "text": "x"}, "Nobody here has this id."),
        ("say", {"channel": "1", "text": "x"}, "There is no such channel."),
        ("say", {"text": " "}, "There is nothing to send."),
        ("say", {"text": "x" * 2001}, "A message has at most 2000 characters, this one has 2001."),
        ("say", {"text": "click:Nothing"}, 'No message here has a button "Nothing".'),
        ("say", {"text": "/"}, 'There is no command "/".'),
        ("submit", {"interaction_id": "1", "fields": {}}, "This form is no longer open."),
        ("click", {"message": "x", "custom_id": "y"}, "This message is gone."),
        ("dismiss", {"message": "1"}, "This message is gone."),
        ("delete", {"message": "1"}, "This message is gone."),
    ],
)
async def test_a_refusal_is_one_sentence(playground: Playground, act: str, body: Any, sentence: str) -> None:
    async with at_the_page(playground) as mia:
        status, answer = await mia.post(act, **body)

    assert status in (400, 404)
    assert answer == {"error": sentence}


@pytest.mark.parametrize("path", ["state?person=1", "messages?person=1", f"messages?person={MIA}", "events?person=1"])
async def test_strange_questions_are_refused(playground: Playground, path: str) -> None:
    async with at_the_page(playground) as mia, mia.session.get(f"{mia.url}/page/{path}") as reply:
        assert reply.status == 400
        assert (await reply.json())["error"].endswith(".")


async def test_a_body_that_is_no_json_is_refused(playground: Playground) -> None:
    async with at_the_page(playground) as mia:
        for body, kind in ((b"{", "application/json"), (b"[]", "application/json"), (b"x=1", "text/plain")):
            headers = {"Content-Type": kind}
            async with mia.session.post(f"{mia.url}/page/say", data=body, headers=headers) as reply:
                assert reply.status == 400


async def test_messages_are_paged_oldest_first_and_by_channel(playground: Playground) -> None:
    async with at_the_page(playground) as mia, at_the_page(playground, MIA, SKETCHBOOK) as elsewhere:
        ids = [(await mia.say(f"{n}"))["message_id"] for n in range(4)]
        await elsewhere.say("elsewhere")
        query = {"person": MIA, "channel": PAINT, "before": ids[3], "limit": "2"}
        async with mia.session.get(f"{mia.url}/page/messages", params=query) as reply:
            page = (await reply.json())["messages"]

        assert [message["id"] for message in page] == ids[1:3]
        assert [message["content"] for message in await elsewhere.messages()] == ["elsewhere"]


async def test_pages_hear_of_messages_edits_and_deletions_at_once(playground: Playground) -> None:
    async with rest_client(playground) as rest, at_the_page(playground, GUEST) as guest:
        _, message = await rest("POST", MESSAGES, {"content": "first"})
        await rest("PATCH", f"{MESSAGES}/{message['id']}", {"content": "second"})
        await rest("DELETE", f"{MESSAGES}/{message['id']}")

        await guest.hears(lambda event: event["type"] == "delete")

    told = [(event["type"], event.get("message", event).get("content")) for event in guest.events]
    assert told == [("bot", None), ("message", "first"), ("message", "second"), ("delete", None)]


async def test_nobody_dismisses_what_everybody_sees(playground: Playground) -> None:
    async with at_the_page(playground, ROBIN) as robin:
        said = await robin.say("for all")

        status, answer = await robin.post("dismiss", message=said["message_id"])

    assert status == 400
    assert answer["error"] == "Only messages that nobody else sees can be dismissed."
