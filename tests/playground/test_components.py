"""Every kind of component that a message may have, sent by the real discord.py and read back by it."""

from typing import Any

import discord
import pytest
from discord import ui

from playground import Playground, RateLimits, Rules
from tests.playground.guest import PAINT, at_the_page
from tests.playground.rest_client import MESSAGES, V2, button, codes, rest_client, row, text
from tests.playground.small_bot import SmallBot, picture


class Everything(ui.LayoutView):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        thumbnail: ui.Thumbnail[Any] = ui.Thumbnail("attachment://a.png", description="A")
        section: ui.Section[Any] = ui.Section("one", "two", accessory=thumbnail)
        linked: ui.Section[Any] = ui.Section(
            "three", accessory=ui.Button(label="Read", url="https://example.org", style=discord.ButtonStyle.link)
        )
        gallery: ui.MediaGallery[Any] = ui.MediaGallery()
        gallery.add_item(media="https://example.org/far.png", spoiler=True)
        row: ui.ActionRow[Any] = ui.ActionRow()
        row.add_item(ui.UserSelect(custom_id="who", max_values=2))
        self.add_item(ui.Container(section, ui.Separator(), linked, gallery, ui.File("attachment://b.txt"), row))
        self.add_item(ui.Separator(visible=False, spacing=discord.SeparatorSpacing.large))


async def test_all_components_come_back_as_they_were_sent(playground: Playground, bot: SmallBot) -> None:
    channel = await bot.fetch_channel(int(PAINT))
    assert isinstance(channel, discord.TextChannel)
    files = [discord.File(picture("red", (8, 6)), "a.png"), discord.File(picture("blue"), "b.txt")]

    sent = await channel.send(view=Everything(), files=files)
    read = await channel.fetch_message(sent.id)

    container = read.components[0]
    assert isinstance(container, discord.Container)
    section, separator, linked, gallery, file, row = container.children
    assert isinstance(section, discord.SectionComponent)
    assert isinstance(section.accessory, discord.ThumbnailComponent)
    assert (section.accessory.media.width, section.accessory.media.height) == (8, 6)
    assert section.accessory.media.attachment_id == read.attachments[0].id
    assert isinstance(separator, discord.SeparatorComponent)
    assert separator.visible
    assert isinstance(linked, discord.SectionComponent)
    assert isinstance(gallery, discord.MediaGalleryComponent)
    assert gallery.items[0].spoiler
    assert isinstance(file, discord.FileComponent)
    assert (file.name, file.size) == ("b.txt", read.attachments[1].size)
    assert isinstance(row, discord.ActionRow)
    assert ui.LayoutView.from_message(read).total_children_count == 14


async def test_an_embed_shows_an_attached_picture(playground: Playground, bot: SmallBot) -> None:
    channel = bot.get_partial_messageable(int(PAINT))
    embed = discord.Embed(title="Title", description="Text").add_field(name="Name", value="Value")
    embed.set_image(url="attachment://a.png").set_footer(text="Footer").set_author(name="Author")

    sent = await channel.send(embed=embed, file=discord.File(picture("red", (8, 6)), "a.png"))

    assert sent.embeds[0].image.url == sent.attachments[0].url
    assert (sent.embeds[0].image.width, sent.embeds[0].fields[0].value) == (8, "Value")


async def test_legacy_buttons_stand_beside_content(playground: Playground) -> None:
    async with rest_client(playground) as rest, at_the_page(playground) as mia:
        emoji = button("e", label=None, emoji={"name": "🎨"})
        select = {"type": 3, "custom_id": "s", "options": [{"label": "x", "value": "x"}]}
        components = [row(button("a"), emoji), row(select)]
        status, _ = await rest("POST", MESSAGES, {"content": "choose", "components": components})
        message = (await mia.messages())[0]

    assert status == 200
    assert message["components"][1]["components"][0]["max_values"] == 1


UNHURRIED = Rules(rate_limits=RateLimits(enforced=False))


@pytest.mark.parametrize("rules", [UNHURRIED])
async def test_parts_of_components_are_checked_one_by_one(playground: Playground) -> None:
    thumbnail = {"type": 11, "media": {"url": "https://example.org/a.png"}}
    wrong: dict[str, Any] = {
        "0.components.0.type": {"type": 9, "components": [row(button())], "accessory": thumbnail},
        "0.accessory.type": {"type": 9, "components": [text()], "accessory": text()},
        "0.accessory": {"type": 9, "components": [text()]},
        "0.file.url": {"type": 13, "file": {"url": "https://example.org/a.txt"}},
        "0.spacing": {"type": 14, "spacing": 3},
        "0.divider": {"type": 14, "divider": "yes"},
        "0.content": text(""),
        "0.components.0.style": row(button(style=9)),
        "0.components.0.url": row({"type": 2, "style": 5, "label": "x"}),
        "0.components.0.custom_id": row({"type": 2, "style": 5, "label": "x", "url": "https://a.b", "custom_id": "c"}),
        "0.components.0.min_values": row({"type": 5, "custom_id": "s", "min_values": 3, "max_values": 2}),
        "0.components.0.options.1.value": row(
            {"type": 3, "custom_id": "s", "options": [{"label": "x", "value": "x"}, {"label": "y", "value": "x"}]}
        ),
        "0.accent_color": {"type": 17, "accent_color": 0x1000000, "components": [text()]},
        "0.components": {"type": 17, "components": "text"},
        "0": "text",
    }
    async with rest_client(playground) as rest:
        for path, component in wrong.items():
            status, answer = await rest("POST", MESSAGES, {"flags": V2, "components": [component]})

            assert status == 400, path
            told = codes(answer["errors"]["components"])
            assert path in told or f"{path}.type" in told


async def test_a_form_body_that_is_no_form_is_refused(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        answers = [
            await rest("POST", MESSAGES, [1, 2]),
            await rest("POST", MESSAGES, {"content": 1}),
            await rest("POST", MESSAGES, {"content": "x", "embeds": {}}),
            await rest("POST", MESSAGES, {"content": "x", "flags": True}),
            await rest("PUT", MESSAGES, {}),
            await rest("GET", "/nowhere"),
            await rest("GET", f"{MESSAGES}?limit=many"),
            await rest("GET", f"{MESSAGES}?limit=101"),
            await rest("POST", MESSAGES, {"content": "x", "nonce": "n" * 26}),
        ]

    assert [status for status, _ in answers] == [400, 400, 400, 400, 405, 404, 400, 400, 400]
    assert codes(answers[1][1]["errors"]) == {"content": "BASE_TYPE_STRING"}
