"""What Discord refuses in components of messages and modals, field by field and across fields. Pure."""

from collections.abc import Callable
from typing import Any

from playground.rules.component_kinds import (
    BUTTON,
    CHECKBOX_GROUP,
    CONTAINER,
    FIELDS,
    FILE,
    GALLERY,
    GALLERY_ITEM,
    IN_CONTAINER,
    IN_LABEL,
    IN_LEGACY_MESSAGE,
    IN_MODAL,
    IN_V2_MESSAGE,
    LABEL,
    LINK,
    MEDIA,
    OPTION,
    PREMIUM,
    RADIO_GROUP,
    ROW,
    SECTION,
    SELECTS,
    TEXT,
    TEXT_INPUT,
    THUMBNAIL,
    V2_TYPES,
    walk,
)
from playground.rules.fields import array, check, text, whole
from playground.wire.errors import FieldPath, Problems
from playground.wire.jsons import Json, is_list, is_object, listed

MAX_ROWS, MAX_NESTED, MAX_TEXT, MAX_MODAL = 5, 40, 4000, 5
_ID = {"id": whole(0, 2**31 - 1)}


def check_message_components(components: list[Any], *, v2: bool, problems: Problems) -> None:
    """`v2` tells whether the message has the flag IS_COMPONENTS_V2."""
    for component, path in walk(components):
        if component.get("type") in V2_TYPES and not v2:
            needed = "MessageFlags.IS_COMPONENTS_V2 is required to use this component"
            problems.add((*path, "type"), "COMPONENT_TYPE_REQUIRES_V2", needed)
    if problems.errors:
        return
    _check_children(components, IN_V2_MESSAGE if v2 else IN_LEGACY_MESSAGE, ("components",), problems)
    if not v2 and len(components) > MAX_ROWS:
        problems.add(("components",), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    nested = list(walk(components))
    if v2 and len(nested) > MAX_NESTED:
        message = f"Total number of components cannot exceed {MAX_NESTED}, got {len(nested)}"
        problems.add(("components",), "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", message)
    written = sum(len(str(part.get("content") or "")) for part, _ in nested if part.get("type") == TEXT)
    if written > MAX_TEXT:
        message = f"Total displayable text cannot exceed {MAX_TEXT} characters, got {written}"
        problems.add(("components",), "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message)
    _check_unique(nested, "custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", problems)
    _check_unique([(part, path) for part, path in nested if part.get("id")], "id", "COMPONENT_ID_DUPLICATED", problems)


def check_modal(data: Json, problems: Problems) -> None:
    """The data of a callback of type 9."""
    frame = {"custom_id": text(1, 100, required=True), "title": text(1, 45, required=True)}
    check(data, frame | {"components": array(1, MAX_MODAL, required=True)}, ("data",), problems)
    components = data.get("components")
    if not is_list(components):
        return
    path = ("data", "components")
    _check_children(components, IN_MODAL, path, problems, in_modal=True)
    _check_unique(list(walk(components, path)), "custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", problems)


def _check_unique(nested: list[tuple[Json, FieldPath]], key: str, code: str, problems: Problems) -> None:
    seen: set[Any] = set()
    for component, path in nested:
        value = component.get(key)
        if isinstance(value, (str, int)) and value in seen:
            what = "Component custom id" if key == "custom_id" else "Component id"
            problems.add((*path, key), code, f"{what} cannot be duplicated")
        seen.add(value if isinstance(value, (str, int)) else None)


def _check_children(
    children: list[Any], allowed: tuple[int, ...], path: FieldPath, problems: Problems, *, in_modal: bool = False
) -> None:
    for index, child in enumerate(children):
        _check_one(child, allowed, (*path, index), problems, in_modal=in_modal)


def _check_one(
    component: Any, allowed: tuple[int, ...], path: FieldPath, problems: Problems, *, in_modal: bool
) -> None:
    kind = component.get("type") if is_object(component) else None
    if kind not in allowed:
        problems.add((*path, "type"), "UNION_TYPE_CHOICES", f'Value of field "type" must be one of {allowed}.')
        return
    if check(component, _ID | FIELDS[kind], path, problems):
        special = _SPECIAL.get(kind)
        if special:
            special(component, path, problems, in_modal)


def _check_row(row: Json, path: FieldPath, problems: Problems, in_modal: bool) -> None:
    allowed = (TEXT_INPUT,) if in_modal else (BUTTON, *SELECTS)
    children: list[Any] = row["components"]
    _check_children(children, allowed, (*path, "components"), problems, in_modal=in_modal)
    selects = sum(is_object(child) and child.get("type") in (*SELECTS, TEXT_INPUT) for child in children)
    if selects and len(children) > 1:
        message = "The specified component exceeds the maximum width"
        problems.add((*path, "components", 1), "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message)


def _check_button(button: Json, path: FieldPath, problems: Problems, _: bool) -> None:
    style = button["style"]
    if style == LINK:
        if not button.get("url"):
            problems.add((*path, "url"), "BASE_TYPE_REQUIRED", "A url is required")
        if button.get("custom_id"):
            message = "A custom id and url cannot both be specified"
            problems.add((*path, "custom_id"), "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message)
        return
    if style != PREMIUM and not button.get("custom_id"):
        problems.add((*path, "custom_id"), "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", "A custom id is required")
    if style != PREMIUM and not button.get("label") and not button.get("emoji"):
        problems.add((*path, "label"), "BUTTON_COMPONENT_LABEL_REQUIRED", "A label or emoji is required")


def _check_options(group: Json, path: FieldPath, problems: Problems, in_modal: bool) -> None:
    values: set[Any] = set()
    for index, option in enumerate(listed(group, "options")):
        if check(option, OPTION, (*path, "options", index), problems):
            if option["value"] in values:
                message = "The specified option value is already used"
                problems.add((*path, "options", index, "value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message)
            values.add(option["value"])
    most = 1 if group.get("max_values") is None else group["max_values"]
    least = 1 if group.get("min_values") is None else group["min_values"]
    if group["type"] in SELECTS and least > most:
        message = "min_values must not be greater than max_values"
        problems.add((*path, "min_values"), "SELECT_COMPONENT_MIN_VALUES_EXCEEDS_MAX", message)
    if group.get("disabled") and in_modal:
        problems.add((*path, "disabled"), "COMPONENT_DISABLED_IN_MODAL", "Disabled components cannot be used in modals")


def _check_text_input(field: Json, path: FieldPath, problems: Problems, _: bool) -> None:
    least, most = field.get("min_length") or 0, field.get("max_length") or 4000
    if least > most:
        message = "min_length must not be greater than max_length"
        problems.add((*path, "min_length"), "TEXT_INPUT_MIN_LENGTH_EXCEEDS_MAX", message)
    value = field.get("value")
    if value and len(value) > most:
        problems.add((*path, "value"), "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
    if "label" not in field and path[-1] != "component":
        problems.add((*path, "label"), "BASE_TYPE_REQUIRED", "This field is required")


def _check_section(section: Json, path: FieldPath, problems: Problems, in_modal: bool) -> None:
    _check_children(section["components"], (TEXT,), (*path, "components"), problems)
    _check_one(section["accessory"], (BUTTON, THUMBNAIL), (*path, "accessory"), problems, in_modal=in_modal)


def _check_gallery(gallery: Json, path: FieldPath, problems: Problems, _: bool) -> None:
    for index, item in enumerate(gallery["items"]):
        place = (*path, "items", index)
        if check(item, GALLERY_ITEM, place, problems):
            _check_media(item["media"], (*place, "media"), problems)


def _check_thumbnail(thumbnail: Json, path: FieldPath, problems: Problems, _: bool) -> None:
    _check_media(thumbnail["media"], (*path, "media"), problems)


def _check_file(component: Json, path: FieldPath, problems: Problems, _: bool) -> None:
    _check_media(component["file"], (*path, "file"), problems, schemes=("attachment://",))


def _check_media(
    media: Any,
    path: FieldPath,
    problems: Problems,
    schemes: tuple[str, ...] = ("attachment://", "http://", "https://"),
) -> None:
    if check(media, MEDIA, path, problems) and not media["url"].startswith(schemes):
        names = tuple(scheme.removesuffix("://") for scheme in schemes)
        problems.add((*path, "url"), "URL_TYPE_INVALID_SCHEME", f"Scheme must be one of {names}.")


def _check_container(container: Json, path: FieldPath, problems: Problems, in_modal: bool) -> None:
    _check_children(container["components"], IN_CONTAINER, (*path, "components"), problems, in_modal=in_modal)


def _check_label(label: Json, path: FieldPath, problems: Problems, _: bool) -> None:
    _check_one(label["component"], IN_LABEL, (*path, "component"), problems, in_modal=True)


_SPECIAL: dict[int, Callable[[Json, FieldPath, Problems, bool], None]] = {
    ROW: _check_row,
    BUTTON: _check_button,
    TEXT_INPUT: _check_text_input,
    SECTION: _check_section,
    GALLERY: _check_gallery,
    THUMBNAIL: _check_thumbnail,
    FILE: _check_file,
    CONTAINER: _check_container,
    LABEL: _check_label,
    RADIO_GROUP: _check_options,
    CHECKBOX_GROUP: _check_options,
    **dict.fromkeys(SELECTS, _check_options),
}
