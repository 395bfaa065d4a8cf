"""Modals as a person fills them: prefilled values, the client's own checks, and the shape that is submitted."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground.client import resolving
from playground.client.grammar import GrammarError
from playground.rules import component_kinds
from playground.wire.jsons import Json, listed, number
from playground.wire.media import UploadedFile
from playground.world.people import Channel
from playground.world.state import State


def names(modal: Json) -> dict[str, str]:
    """custom_id by every name a field goes by: its custom_id and its label."""
    known: dict[str, str] = {}
    for field, label in fields_of(modal):
        known.setdefault(label, field["custom_id"])
        known[field["custom_id"]] = field["custom_id"]
    return known


def fields_of(modal: Json) -> Iterator[tuple[Json, str]]:
    """Every field of a modal with the label it stands under."""
    for component in modal["components"]:
        if component["type"] == component_kinds.LABEL:
            yield component["component"], component["label"]
        for child in listed(component, "components"):
            yield child, child.get("label") or child["custom_id"]


async def filled(
    state: State, channel: Channel, modal: Json, values: Mapping[str, Any], uploads: Sequence[UploadedFile]
) -> tuple[list[Json], Json]:
    """The components to submit and what they resolve to. Raises GrammarError as a client would show it."""
    known = {field["custom_id"] for field, _ in fields_of(modal)}
    strange = [name for name in values if name not in known]
    if strange:
        raise GrammarError(f'The form has no field "{strange[0]}".')
    resolved: Json = {}
    components: list[Json] = []
    for place, component in enumerate(modal["components"], start=1):
        shown: Json = {"type": component["type"], "id": component.get("id") or place}
        if component["type"] == component_kinds.LABEL:
            field = component["component"]
            shown["component"] = await _field(state, channel, field, component["label"], values, uploads, resolved)
        elif component["type"] == component_kinds.ROW:
            shown["components"] = [
                await _field(state, channel, child, child.get("label") or "", values, uploads, resolved)
                for child in component["components"]
            ]
        components.append(shown)
    return components, resolved


async def _field(
    state: State,
    channel: Channel,
    field: Json,
    label: str,
    values: Mapping[str, Any],
    uploads: Sequence[UploadedFile],
    resolved: Json,
) -> Json:
    kind, custom_id = field["type"], field["custom_id"]
    shown: Json = {"type": kind, "custom_id": custom_id, "id": field.get("id") or 100 + len(custom_id)}
    value = values.get(custom_id)
    if kind == component_kinds.TEXT_INPUT:
        return shown | {"value": _text(field, label, field.get("value") or "" if value is None else value)}
    if kind == component_kinds.CHECKBOX:
        return shown | {"value": _yes(bool(field.get("default")) if value is None else value)}
    if kind == component_kinds.RADIO_GROUP:
        picks = _picks(field, label, _listed(_defaults(field) if value is None else value), most=1)
        return shown | {"value": picks[0] if picks else None}
    if kind == component_kinds.FILE_UPLOAD:
        return shown | {"values": await _files(state, channel, field, label, _listed(value), uploads, resolved)}
    picks = _picks(field, label, _listed(_defaults(field) if value is None else value))
    return shown | {"values": picks}


def _text(field: Json, label: str, value: Any) -> str:
    if not isinstance(value, str):
        raise GrammarError(f"{label}: write text.")
    least = field.get("min_length") or 0
    most = field.get("max_length") or 4000
    if field.get("required", True) is not False and not value.strip():
        raise GrammarError(f"{label}: this field is required.")
    if value and not least <= len(value) <= most:
        limit = f"at least {least}" if len(value) < least else f"at most {most}"
        raise GrammarError(f"{label}: {limit} characters, not {len(value)}.")
    return value


def _yes(value: Any) -> bool:
    return value.casefold() in ("true", "yes", "是", "on") if isinstance(value, str) else bool(value)


def _defaults(field: Json) -> list[str]:
    return [option["value"] for option in listed(field, "options") if option.get("default")]


def _listed(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else [str(item) for item in value]


def _picks(field: Json, label: str, values: list[str], *, most: int | None = None) -> list[str]:
    """Options may be named by value or by label."""
    options = field.get("options")
    picks = values if options is None else [_option_value(options, label, value) for value in values]
    required = field.get("required", True) is not False
    least = field.get("min_values")
    least = (1 if required else 0) if least is None else least
    ceiling = (
        most
        or field.get("max_values")
        or (1 if field["type"] in component_kinds.SELECTS else len(listed(field, "options")))
    )
    if not picks and not required:
        return picks
    if not least <= len(picks) <= ceiling:
        wanted = f"{least}" if least == ceiling else f"{least} to {ceiling}"
        raise GrammarError(f"{label}: choose {wanted}.")
    return picks


def _option_value(options: list[Json], label: str, wanted: str) -> str:
    for option in options:
        if wanted == option["value"] or wanted.casefold() == option["label"].casefold():
            return option["value"]
    raise GrammarError(f'{label}: "{wanted}" is not on offer.')


async def _files(
    state: State,
    channel: Channel,
    field: Json,
    label: str,
    wanted: list[str],
    uploads: Sequence[UploadedFile],
    resolved: Json,
) -> list[str]:
    required = field.get("required", True) is not False
    least = number(field, "min_values", 1)
    if not (least if required or wanted else 0) <= len(wanted) <= (field.get("max_values") or 1):
        raise GrammarError(f"{label}: attach at least {least} and at most {field.get('max_values') or 1}.")
    ids: list[str] = []
    for name in wanted:
        upload = next((upload for upload in uploads if upload.filename == name.lstrip("@")), None)
        if upload is None:
            raise GrammarError(f'{label}: the file "{name}" is not attached.')
        kept = await resolving.keep_file(state, channel, upload)
        resolved.setdefault("attachments", {})[kept["id"]] = kept
        ids.append(kept["id"])
    return ids
