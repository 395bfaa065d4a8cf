"""The kinds of components: their numbers, their fields, and where each may stand."""

from collections.abc import Iterator
from typing import Any

from playground.rules.fields import Field, array, flag, one_of, record, text, whole
from playground.wire.errors import FieldPath
from playground.wire.jsons import Json, is_list, is_object

(ROW, BUTTON, STRING_SELECT, TEXT_INPUT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT) = range(1, 9)
(SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR) = range(9, 15)
CONTAINER, LABEL, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 17, 18, 19, 21, 22, 23

SELECTS = (STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT)
V2_TYPES = (SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER)
IN_LEGACY_MESSAGE = (ROW,)
IN_V2_MESSAGE = (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR, CONTAINER)
IN_CONTAINER = (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR)
IN_MODAL = (ROW, LABEL, TEXT)
IN_LABEL = (TEXT_INPUT, *SELECTS, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX)

LINK, PREMIUM = 5, 6  # button styles

_CUSTOM_ID = {"custom_id": text(1, 100, required=True)}
_SELECT = _CUSTOM_ID | {
    "placeholder": text(0, 150),
    "min_values": whole(0, 25),
    "max_values": whole(1, 25),
    "disabled": flag(),
    "required": flag(),
}
_CHOICE_GROUP = _CUSTOM_ID | {"required": flag(), "min_values": whole(0, 10), "max_values": whole(1, 10)}
FIELDS: dict[int, dict[str, Field]] = {
    ROW: {"components": array(1, 5, required=True)},
    BUTTON: {
        "style": one_of(1, 2, 3, 4, LINK, PREMIUM, required=True),
        "label": text(0, 80),
        "custom_id": text(1, 100),
        "url": text(1, 512),
        "disabled": flag(),
        "emoji": record(),
    },
    STRING_SELECT: _SELECT | {"options": array(1, 25, required=True)},
    USER_SELECT: _SELECT,
    ROLE_SELECT: _SELECT,
    MENTIONABLE_SELECT: _SELECT,
    CHANNEL_SELECT: _SELECT,
    TEXT_INPUT: _CUSTOM_ID
    | {
        "style": one_of(1, 2, required=True),
        "label": text(1, 45),
        "value": text(0, 4000),
        "placeholder": text(0, 100),
        "required": flag(),
        "min_length": whole(0, 4000),
        "max_length": whole(1, 4000),
    },
    SECTION: {"components": array(1, 3, required=True), "accessory": record(required=True)},
    TEXT: {"content": text(1, 4000, required=True)},
    THUMBNAIL: {"media": record(required=True), "description": text(1, 1024), "spoiler": flag()},
    GALLERY: {"items": array(1, 10, required=True)},
    FILE: {"file": record(required=True), "spoiler": flag()},
    SEPARATOR: {"spacing": one_of(1, 2), "divider": flag()},
    CONTAINER: {
        "components": array(1, 40, required=True),
        "accent_color": whole(0, 0xFFFFFF),
        "spoiler": flag(),
    },
    LABEL: {"label": text(1, 45, required=True), "description": text(1, 100), "component": record(required=True)},
    FILE_UPLOAD: _CHOICE_GROUP,
    RADIO_GROUP: _CUSTOM_ID | {"required": flag(), "options": array(2, 10, required=True)},
    CHECKBOX_GROUP: _CHOICE_GROUP | {"options": array(1, 10, required=True)},
    CHECKBOX: _CUSTOM_ID | {"default": flag()},
}
OPTION = {
    "label": text(1, 100, required=True),
    "value": text(1, 100, required=True),
    "description": text(0, 100),
    "default": flag(),
}
GALLERY_ITEM = {"media": record(required=True), "description": text(1, 1024), "spoiler": flag()}
MEDIA = {"url": text(1, 2048, required=True)}


def walk(components: Any, path: FieldPath = ("components",)) -> Iterator[tuple[Json, FieldPath]]:
    """Every component with its place, parents first, in the order in which Discord shows them."""
    for index, component in enumerate(components if is_list(components) else []):
        if is_object(component):
            yield from _walk_one(component, (*path, index))


def _walk_one(component: Json, path: FieldPath) -> Iterator[tuple[Json, FieldPath]]:
    yield component, path
    yield from walk(component.get("components"), (*path, "components"))
    for name in ("accessory", "component"):
        if is_object(component.get(name)):
            yield from _walk_one(component[name], (*path, name))
