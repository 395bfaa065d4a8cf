"""A small real discord.py bot for the page's tests: every kind of message that the page must show, on demand."""

import asyncio
import io
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

import discord
from discord import app_commands, ui
from discord.http import Route
from PIL import Image, ImageDraw

CHINESE = {"paint": "画", "prompt": "描述", "shape": "形状", "square": "方形", "wide": "宽幅"}
HELP = "# How to paint\nWrite `/paint` and *what* you want to **see**.\n> quoted\n- one\n- two\n-# small print"


class Sentences(app_commands.Translator):
    """Chinese names for a few commands, options and choices."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        return CHINESE.get(string.message) if locale is discord.Locale.chinese else None


class DemoBot(discord.AutoShardedClient):
    """`go_on` lets a painting that waits at its preview go on to the finished picture."""

    def __init__(self) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            guild_ready_timeout=0.1,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.tree = app_commands.CommandTree(self)
        self.go_on = asyncio.Event()
        self.submitted: Mapping[str, object] = {}
        self.heard: list[str] = []

    async def setup_hook(self) -> None:
        await self.tree.set_translator(Sentences())
        for command in (paint, secret, echo, pick, silent, help_):
            self.tree.add_command(command)
        await self.tree.sync()

    async def announce(self, text: str) -> None:
        """Says something in the first channel without being asked."""
        channel = self.guilds[0].text_channels[0]
        await channel.send(text)


def bot_of(interaction: discord.Interaction[discord.Client]) -> DemoBot:
    assert isinstance(interaction.client, DemoBot)
    return interaction.client


def picture(seed: int, *, size: int = 128) -> discord.File:
    """A coloured disc as a PNG; the same seed gives the same picture."""
    image = Image.new("RGB", (size, size), "white")
    hue = (seed * 67 % 200, seed * 31 % 200, 160)
    ImageDraw.Draw(image).ellipse((size // 5, size // 5, size * 4 // 5, size * 4 // 5), fill=hue)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    stream.seek(0)
    return discord.File(stream, f"picture-{seed}.png", description=f"disc number {seed}")


class Press(ui.Button[ui.LayoutView]):
    """A button whose name says what it does."""

    async def callback(self, interaction: discord.Interaction[discord.Client]) -> None:
        bot_of(interaction).heard.append(str(self.label))
        match self.label:
            case "Again":
                await interaction.response.send_message("Painted again.")
            case "Edit":
                await interaction.response.send_modal(EditForm())
            case "Count":
                await interaction.response.edit_message(view=painted("counted", files=[], pictures=0))
            case _:
                pass  # "Silent" never answers


def painted(prompt: str, *, files: list[discord.File], pictures: int, running: bool = False) -> ui.LayoutView:
    """The message of a painting: text, gallery, buttons."""
    box: ui.Container[ui.LayoutView] = ui.Container(accent_colour=0xD99A1E if running else 0x2B5FD3)
    box.add_item(ui.TextDisplay(f"> {discord.utils.escape_markdown(prompt)}"))
    if pictures:
        gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
        for file in files[:pictures]:
            gallery.add_item(media=file, description=file.description)
        box.add_item(gallery)
    box.add_item(ui.TextDisplay("-# step 5 of 8" if running else "-# finished"))
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
    if running:
        row.add_item(Press(label="Cancel", style=discord.ButtonStyle.danger))
    else:
        for label in ("Again", "Edit", "Silent", "Count"):
            row.add_item(Press(label=label, style=discord.ButtonStyle.secondary))
    view = ui.LayoutView(timeout=None)
    view.add_item(box.add_item(row))
    return view


class EditForm(ui.Modal, title="Edit and paint again"):
    """Text, a select and a checkbox, prefilled."""

    prompt = ui.Label[ui.Modal](
        text="Prompt",
        component=ui.TextInput(style=discord.TextStyle.paragraph, default="a red star", min_length=3, max_length=200),
    )
    shape = ui.Label[ui.Modal](
        text="Shape",
        description="How the picture stands",
        component=ui.Select(
            options=[
                discord.SelectOption(label="Square", value="square", default=True),
                discord.SelectOption(label="Wide", value="wide"),
            ]
        ),
    )
    hidden = ui.Label[ui.Modal](text="Only for me", component=ui.Checkbox())

    async def on_submit(self, interaction: discord.Interaction[discord.Client]) -> None:
        prompt, shape, hidden = self.prompt.component, self.shape.component, self.hidden.component
        assert isinstance(prompt, ui.TextInput)
        assert isinstance(shape, ui.Select)
        assert isinstance(hidden, ui.Checkbox)
        fields = {"prompt": prompt.value, "shape": shape.values[0], "hidden": hidden.value}
        bot_of(interaction).submitted = fields
        await interaction.response.send_message(f"Edited: {prompt.value}", ephemeral=hidden.value)


@app_commands.command(description="Paint a picture from words")
@app_commands.describe(prompt="What you want to see", shape="Shape of the picture", image="Start from this")
@app_commands.choices(
    shape=[
        app_commands.Choice(name=app_commands.locale_str("square"), value="square"),
        app_commands.Choice(name=app_commands.locale_str("wide"), value="wide"),
    ]
)
async def paint(
    interaction: discord.Interaction[discord.Client],
    prompt: str,
    shape: str = "square",
    count: app_commands.Range[int, 1, 4] = 1,
    image: discord.Attachment | None = None,
) -> None:
    """Thinks, shows a preview, waits for `go_on`, shows the pictures."""
    await interaction.response.defer(thinking=True)
    preview = [picture(0, size=32)]
    await interaction.edit_original_response(
        view=painted(prompt, files=preview, pictures=1, running=True), attachments=preview
    )
    await bot_of(interaction).go_on.wait()
    files = [picture(seed + 1) for seed in range(count)]
    words = f"{prompt} ({shape}{', from ' + image.filename if image else ''})"
    await interaction.edit_original_response(view=painted(words, files=files, pictures=count), attachments=files)


@app_commands.command(description="Say something that only one person sees")
async def secret(interaction: discord.Interaction[discord.Client]) -> None:
    await interaction.response.send_message("The limit for today is reached.", ephemeral=True)


@app_commands.command(description="Say it back in every place a text can stand")
async def echo(interaction: discord.Interaction[discord.Client], text: str) -> None:
    embed = discord.Embed(title=text, description=text)
    embed.add_field(name=text, value=text)
    embed.set_footer(text=text)
    file = picture(1)
    file.description = text
    await interaction.response.send_message(text, embed=embed, file=file)


class Colours(ui.Select[ui.LayoutView]):
    """Tells what was chosen."""

    async def callback(self, interaction: discord.Interaction[discord.Client]) -> None:
        await interaction.response.send_message(f"You chose {' and '.join(sorted(self.values))}.")


@app_commands.command(description="Selects, and a picture behind a spoiler")
async def pick(interaction: discord.Interaction[discord.Client]) -> None:
    options = [discord.SelectOption(label=name.title(), value=name) for name in ("red", "green", "blue")]
    view = ui.LayoutView(timeout=None)
    file = picture(2)
    hidden: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery()
    view.add_item(hidden.add_item(media=file, description="a surprise", spoiler=True))
    view.add_item(ui.ActionRow(Colours(placeholder="One colour", options=options)))
    view.add_item(ui.ActionRow(Colours(placeholder="Two colours", options=options, min_values=2, max_values=2)))
    await interaction.response.send_message(view=view, file=file)


@app_commands.command(description="Never answers")
async def silent(interaction: discord.Interaction[discord.Client]) -> None:
    bot_of(interaction).heard.append("silent")


@app_commands.command(name="help", description="What the painter can do")
async def help_(interaction: discord.Interaction[discord.Client]) -> None:
    view = ui.LayoutView()
    view.add_item(ui.TextDisplay(HELP))
    await interaction.response.send_message(view=view, ephemeral=True)


@asynccontextmanager
async def running(url: str, token: str) -> AsyncGenerator[DemoBot]:
    """The bot, connected to the playground at `url`, until the block ends."""
    before = Route.BASE
    Route.BASE = f"{url}/api/v10"
    bot = DemoBot()
    try:
        await bot.login(token)
        connection = asyncio.create_task(bot.connect())
        try:
            await asyncio.wait_for(bot.wait_until_ready(), 20)
            yield bot
        finally:
            bot.go_on.set()
            await bot.close()
            connection.cancel()
            with suppress(asyncio.CancelledError):
                await connection
    finally:
        Route.BASE = before
