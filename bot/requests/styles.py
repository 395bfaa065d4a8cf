"""Styles: templates around a prompt, in both languages. Files beside the code, and what a server's admins made of them.

A request keeps the template as it was: changing a style changes no picture that was asked for before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from bot.jobs.errors import (
    NeedsAdmin,
    NothingToChange,
    StyleNameUnfit,
    StyleTaken,
    StyleTooLong,
    StyleWithoutPrompt,
    TooManyStyles,
    UnknownStyle,
)
from bot.jobs.job import Requester
from bot.requests.words import trimmed
from bot.storage.settings import SettingStore, UnreadableSetting
from protocol.request import Style, is_chinese

FOLDER = Path(__file__).parents[1] / "styles"
PLACE = "{prompt}"
MOST_OWN = 25  # styles that a server may add or change; as many as one completion of Discord shows
MOST_NAME = 40  # characters
MOST_TEMPLATE = 500  # characters; about 130 of the 512 tokens that the published model reads
_KEY = "style:"  # of the settings' rows


class Bilingual(Struct, frozen=True, kw_only=True):
    """The same in two languages; where one is missing the other serves."""

    en: str = ""
    zh: str = ""

    def of(self, *, chinese: bool) -> str:
        return (self.zh or self.en) if chinese else (self.en or self.zh)

    def given(self) -> list[str]:
        return [words for words in (self.en, self.zh) if words]

    def over(self, older: Bilingual) -> Bilingual:
        """These where they are given, else the older ones."""
        return Bilingual(en=self.en or older.en, zh=self.zh or older.zh)


class StyleTemplates(Struct, frozen=True, kw_only=True):
    """One style as it is kept."""

    name: Bilingual
    template: Bilingual


@cache
def built_in() -> Mapping[str, StyleTemplates]:
    """The styles that come along, by the names of their files."""
    files = sorted(FOLDER.glob("*.toml"))
    return {file.stem: msgspec.toml.decode(file.read_bytes(), type=StyleTemplates) for file in files}


class StyleBook:
    """All styles: those that come along, and what the settings of servers make of them."""

    def __init__(self, settings: SettingStore) -> None:
        self._settings = settings
        self._own: dict[int, dict[str, StyleTemplates | None]] = {}  # None: taken away
        for row in settings.rows():
            if row.scope == "guild" and row.key.startswith(_KEY):
                with suppress(UnreadableSetting):
                    style = settings.value(row, StyleTemplates | None)
                    self._own.setdefault(int(row.scope_id), {})[row.key.removeprefix(_KEY)] = style

    def offered(self, guild: int | None) -> dict[str, StyleTemplates]:
        """Every style that may be asked for in this server, or in a direct message."""
        own = self._own.get(guild, {}) if guild is not None else {}
        merged: dict[str, StyleTemplates | None] = {**built_in(), **own}
        return {name: style for name, style in merged.items() if style is not None}

    def changed(self, guild: int | None) -> dict[str, StyleTemplates]:
        """The styles that come along and that this server has changed or taken away, as they come."""
        own = self._own.get(guild, {}) if guild is not None else {}
        return {name: style for name, style in built_in().items() if name in own}

    def resolve(self, typed: str, *, prompt: str, by: Requester) -> Style:
        """The style that somebody means, in the language of their prompt. Raises UnknownStyle."""
        style = self.offered(by.guild)[self._find(typed, self.offered(by.guild))]
        chinese = by.locale.startswith("zh")
        return Style(name=style.name.of(chinese=chinese), template=style.template.of(chinese=is_chinese(prompt)))

    async def add(self, style: StyleTemplates, *, by: Requester) -> StyleTemplates:
        """A new style of the server. Raises NeedsAdmin and what is wrong with the style."""
        guild = _guild(by)
        checked = _checked(style)
        self._refuse_taken(guild, checked, but=None)
        name = checked.name.given()[0].casefold()
        await self._put(guild, name, checked, by)
        return checked

    async def change(self, typed: str, style: StyleTemplates, *, by: Requester) -> StyleTemplates:
        """Other words for a style, here; what is not given stays. Raises UnknownStyle, NeedsAdmin."""
        guild = _guild(by)
        name = self._find(typed, self.offered(guild))
        older = self.offered(guild)[name]
        checked = _checked(
            StyleTemplates(name=style.name.over(older.name), template=style.template.over(older.template))
        )
        if checked == older:
            raise NothingToChange
        self._refuse_taken(guild, checked, but=name)
        await self._put(guild, name, checked, by)
        return checked

    async def remove(self, typed: str, *, by: Requester) -> StyleTemplates:
        """Take a style away, here. Raises UnknownStyle, NeedsAdmin."""
        guild = _guild(by)
        name = self._find(typed, self.offered(guild))
        gone = self.offered(guild)[name]
        if name in built_in():
            await self._put(guild, name, None, by)
        else:
            await self._drop(guild, name, by)
        return gone

    async def restore(self, typed: str, *, by: Requester) -> StyleTemplates:
        """A style that comes along, as it comes. Raises UnknownStyle where nothing was changed about it."""
        guild = _guild(by)
        name = self._find(typed, self.changed(guild))
        self._refuse_taken(guild, built_in()[name], but=name)
        await self._drop(guild, name, by)
        return built_in()[name]

    def _find(self, typed: str, among: Mapping[str, StyleTemplates]) -> str:
        wanted = typed.strip().casefold()
        if wanted in among:
            return wanted
        for name, style in among.items():
            if wanted in (one.casefold() for one in style.name.given()):
                return name
        raise UnknownStyle(style=typed)

    def _refuse_taken(self, guild: int, style: StyleTemplates, *, but: str | None) -> None:
        names = {one.casefold(): one for one in style.name.given()}
        for name, other in self.offered(guild).items():
            taken = names.keys() & {name, *(one.casefold() for one in other.name.given())}
            if name != but and taken:
                raise StyleTaken(style=names[taken.pop()])

    async def _put(self, guild: int, name: str, style: StyleTemplates | None, by: Requester) -> None:
        own = self._own.get(guild, {})
        if style is not None and sum(one is not None for key, one in own.items() if key != name) >= MOST_OWN:
            raise TooManyStyles(limit=MOST_OWN)
        await self._settings.put("guild", guild, _KEY + name, style, by=by.principal)
        self._own.setdefault(guild, {})[name] = style

    async def _drop(self, guild: int, name: str, by: Requester) -> None:
        await self._settings.drop("guild", guild, _KEY + name, by=by.principal)
        self._own.get(guild, {}).pop(name, None)


def _guild(by: Requester) -> int:
    if not by.admin or by.guild is None:
        raise NeedsAdmin
    return by.guild


def _checked(style: StyleTemplates) -> StyleTemplates:
    """The same without stray spaces. Raises what is wrong with it."""
    style = StyleTemplates(
        name=Bilingual(en=trimmed(style.name.en), zh=trimmed(style.name.zh)),
        template=Bilingual(en=trimmed(style.template.en), zh=trimmed(style.template.zh)),
    )
    for name in style.name.given() or [""]:
        if not 0 < len(name) <= MOST_NAME or not name.isprintable():
            raise StyleNameUnfit(limit=MOST_NAME)
    for template in style.template.given() or [""]:
        if len(template) > MOST_TEMPLATE:
            raise StyleTooLong(length=len(template), limit=MOST_TEMPLATE)
        if template.count(PLACE) != 1:
            raise StyleWithoutPrompt(found=template.count(PLACE))
    return style
