"""A small bot on the real, unmodified discord.py, with one command for each thing a playground has to serve."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import discord
import yarl
from discord import app_commands, ui
from discord.ext import commands
from PIL import Image

from playground import Playground


def picture(color: str, size: tuple[int, int] = (64, 48)) -> BytesIO:
    """A PNG of one colour."""
    buffer = BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    buffer.seek(0)
    return buffer


class Again(ui.DynamicItem[ui.Button[Any]], template=r"z1:again:(?P<n>\d+)"):
    def __init__(self, n: int) -> None:
        super().__init__(ui.Button(label="Again", custom_id=f"z1:again:{n}"))
        self.n = n

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any) -> "Again":
        return cls(int(match["n"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message(f"again {self.n} for {interaction.user.display_name}")


class Edit(ui.DynamicItem[ui.Button[Any]], template=r"z1:edit"):
    def __init__(self) -> None:
        super().__init__(ui.Button(label="Edit", custom_id="z1:edit"))

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any) -> "Edit":
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_modal(Form())


class Recolour(ui.DynamicItem[ui.Button[Any]], template=r"z1:recolour"):
    def __init__(self) -> None:
        super().__init__(ui.Button(label="Recolour", custom_id="z1:recolour"))

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any) -> "Recolour":
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        file = discord.File(picture("green"), "result.png", description="green")
        await interaction.response.edit_message(view=Result(99, alt="green"), attachments=[file])


class Result(ui.LayoutView):
    """A finished picture as the real bot shows it."""

    def __init__(self, n: int, *, alt: str) -> None:
        super().__init__(timeout=None)
        gallery: ui.MediaGallery[Any] = ui.MediaGallery()
        gallery.add_item(media="attachment://result.png", description=alt)
        row: ui.ActionRow[Any] = ui.ActionRow()
        row.add_item(Again(n)).add_item(Edit()).add_item(Recolour())
        self.add_item(ui.Container(ui.TextDisplay("Here it is"), gallery, row, accent_colour=0x7A5AF0))


class Form(ui.Modal, title="Edit"):
    prompt: Any = ui.Label(text="Prompt", component=ui.TextInput(custom_id="prompt", default="a cat", max_length=40))
    shape: Any = ui.Label(
        text="Shape",
        component=ui.Select(
            custom_id="shape",
            options=[
                discord.SelectOption(label="Square", value="1:1", default=True),
                discord.SelectOption(label="Wide", value="16:9"),
            ],
        ),
    )
    seed: Any = ui.Label(text="Seed", component=ui.TextInput(custom_id="seed", required=False))
    loud: Any = ui.Label(text="Loud", component=ui.Checkbox(custom_id="loud"))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        said = [self.prompt.component.value, self.shape.component.values[0], self.seed.component.value]
        await interaction.response.send_message(" | ".join([*said, str(self.loud.component.value)]))


class Pick(ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=60)

    @ui.select(
        custom_id="pick",
        options=[discord.SelectOption(label="One", value="1"), discord.SelectOption(label="Two", value="2")],
    )
    async def pick(self, interaction: discord.Interaction[Any], select: ui.Select[Any]) -> None:
        await interaction.response.edit_message(content=f"picked {select.values[0]}", view=None)


class SmallBot(commands.AutoShardedBot):
    """`failures` collects what commands ran into, `resumed` counts successful resumes."""

    def __init__(self) -> None:
        super().__init__(
            "!",
            intents=discord.Intents(guilds=True),
            max_messages=None,
            guild_ready_timeout=0.1,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.failures: list[Exception] = []
        self.resumed = 0
        self.seen: list[discord.Interaction[Any]] = []

    async def setup_hook(self) -> None:
        self.add_dynamic_items(Again, Edit, Recolour)
        for command in COMMANDS:
            self.tree.add_command(command)
        await self.tree.sync()

    async def on_shard_resumed(self, shard_id: int) -> None:
        self.resumed += 1

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        return  # the library waits 5 s here before it identifies again


def _failed(interaction: discord.Interaction[Any], error: Exception) -> None:
    bot: SmallBot = interaction.client
    bot.failures.append(error)


@app_commands.command(description="Paint a picture")
@app_commands.choices(
    shape=[app_commands.Choice(name="square", value="1:1"), app_commands.Choice(name="wide", value="16:9")]
)
async def imagine(
    interaction: discord.Interaction[Any],
    prompt: app_commands.Range[str, 1, 200],
    seed: app_commands.Range[int, 0, 4294967295] = 1,
    shape: str = "1:1",
) -> None:
    interaction.client.seen.append(interaction)
    file = discord.File(picture("red"), "result.png", description=prompt)
    await interaction.response.send_message(view=Result(seed, alt=f"{prompt} {shape}"), files=[file])


@app_commands.command(description="Think first")
async def later(interaction: discord.Interaction[Any], secret: bool = False) -> None:
    await interaction.response.defer(ephemeral=secret, thinking=True)
    await asyncio.sleep(0.05)
    file = discord.File(picture("blue"), "result.png", description="blue")
    await interaction.edit_original_response(view=Result(5, alt="blue"), attachments=[file])
    await interaction.followup.send("and a word more", ephemeral=secret)


@app_commands.command(description="Only for you")
async def whisper(interaction: discord.Interaction[Any], text: str) -> None:
    await interaction.response.send_message(text, ephemeral=True)
    await interaction.edit_original_response(content=f"{text}!")


@app_commands.command(description="Opens a form")
async def form(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_modal(Form())


@app_commands.command(description="Answers too late")
async def slow(interaction: discord.Interaction[Any], seconds: float) -> None:
    await asyncio.sleep(seconds)
    try:
        await interaction.response.send_message("late")
    except discord.HTTPException as error:
        _failed(interaction, error)


@app_commands.command(description="Answers twice")
async def twice(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message("once")
    interaction.response._response_type = None  # the library remembers; Discord has to refuse by itself
    try:
        await interaction.response.send_message("twice")
    except discord.HTTPException as error:
        _failed(interaction, error)


@app_commands.command(description="Edits after a while")
async def forgetful(interaction: discord.Interaction[Any], seconds: float) -> None:
    await interaction.response.send_message("first")
    await asyncio.sleep(seconds)
    try:
        await interaction.edit_original_response(content="second")
    except discord.HTTPException as error:
        _failed(interaction, error)


@app_commands.command(description="Suggests styles")
async def style(interaction: discord.Interaction[Any], name: str, strength: int = 1) -> None:
    await interaction.response.send_message(f"{name} {strength}")


@style.autocomplete("name")
async def _styles(interaction: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
    names = ("ink", "oil", "chalk")
    return [app_commands.Choice(name=f"{name} style", value=name) for name in names if current in name]


@app_commands.command(description="Looks at a file")
async def look(interaction: discord.Interaction[Any], image: discord.Attachment) -> None:
    content = await image.read()
    size = f"{image.width}x{image.height}"
    await interaction.response.send_message(f"{image.filename} {len(content)} {size} {image.content_type}")


@app_commands.command(description="Greets")
async def greet(
    interaction: discord.Interaction[Any], who: discord.Member, where: discord.TextChannel, kindly: bool
) -> None:
    await interaction.response.send_message(f"{who.display_name} in {where.name} {kindly}")


@app_commands.command(description="Lets one choose")
async def pick(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message("which?", view=Pick())


class Admin(app_commands.Group):
    @app_commands.command(description="Shows a setting")
    async def show(self, interaction: discord.Interaction[Any], setting: str = "all") -> None:
        allowed = interaction.permissions.manage_guild, interaction.app_permissions.attach_files
        await interaction.response.send_message(f"{setting} {allowed}", ephemeral=True)


COMMANDS: tuple[Any, ...] = (imagine, later, whisper, form, slow, twice, forgetful, style, look, greet, pick)


@asynccontextmanager
async def connected(bot: commands.AutoShardedBot, playground: Playground) -> AsyncIterator[None]:
    """The bot from login to ready, and closed again."""
    before = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    discord.http.Route.BASE = f"{playground.url}/api/v10"
    gateway = yarl.URL(f"ws://127.0.0.1:{playground.port}/gateway")
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway
    running = asyncio.create_task(bot.start(playground.token))
    try:
        async with asyncio.timeout(30):
            while not bot.is_ready():
                if running.done():
                    await running
                await asyncio.sleep(0.02)
        yield
    finally:
        await bot.close()
        await running
        discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = before
