"""Components as responses show them: each with an id, defaults filled in, media resolved to files."""

from collections.abc import Callable

from playground.rules import component_kinds
from playground.wire import media
from playground.wire.errors import FieldPath, Problems
from playground.wire.jsons import Json, is_list, is_object

_SELECT_DEFAULTS: Json = {"min_values": 1, "max_values": 1}
_DEFAULTS: dict[int, Json] = {
    component_kinds.CONTAINER: {"accent_color": None, "spoiler": False},
    component_kinds.THUMBNAIL: {"description": None, "spoiler": False},
    component_kinds.FILE: {"spoiler": False},
    component_kinds.SEPARATOR: {"spacing": 1, "divider": True},
    **dict.fromkeys(component_kinds.SELECTS, _SELECT_DEFAULTS),
}


def shown_components(components: list[Json], attachments: list[Json], new_id: Callable[[], str]) -> list[Json]:
    """From checked components of a request. Raises ApiError if media names a file that is not there."""
    showing = _Showing(components, attachments, new_id)
    shown = [showing.component(part, ("components", index)) for index, part in enumerate(components)]
    showing.problems.refuse_if_any()
    return shown


class _Showing:
    def __init__(self, components: list[Json], attachments: list[Json], new_id: Callable[[], str]) -> None:
        taken = {part["id"] for part, _ in component_kinds.walk(components) if part.get("id")}
        self._free = (number for number in range(1, 1000) if number not in taken)
        self._attachments = attachments
        self._new_id = new_id
        self.problems = Problems()

    def component(self, part: Json, path: FieldPath) -> Json:
        kind = part["type"]
        given: Json = {key: value for key, value in part.items() if value is not None}
        shown: Json = _DEFAULTS.get(kind, {}) | given | {"id": part.get("id") or next(self._free)}
        if is_list(part.get("components")):
            children = enumerate(part["components"])
            shown["components"] = [self.component(child, (*path, "components", index)) for index, child in children]
        if is_object(part.get("accessory")):
            shown["accessory"] = self.component(part["accessory"], (*path, "accessory"))
        if kind == component_kinds.GALLERY:
            shown["items"] = [
                self._item(item, (*path, "items", index, "media")) for index, item in enumerate(part["items"])
            ]
        if kind == component_kinds.THUMBNAIL:
            shown["media"] = self._media(part["media"], (*path, "media"))
        if kind == component_kinds.FILE:
            shown["file"] = self._media(part["file"], (*path, "file"))
            shown |= self._name_and_size(shown["file"])
        return shown

    def _item(self, item: Json, path: FieldPath) -> Json:
        described = {"description": item.get("description"), "spoiler": bool(item.get("spoiler"))}
        return described | {"media": self._media(item["media"], path)}

    def _media(self, asked: Json, path: FieldPath) -> Json:
        found = media.resolve(asked["url"], self._attachments, self._new_id)
        if found is None:
            message = "The referenced attachment was not found"
            self.problems.add((*path, "url"), "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", message)
        return found or {}

    def _name_and_size(self, file: Json) -> Json:
        for attachment in self._attachments:
            if attachment["id"] == file.get("attachment_id"):
                return {"name": attachment["filename"], "size": attachment["size"]}
        return {"name": None, "size": None}
