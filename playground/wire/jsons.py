"""JSON whose shape is not known before somebody has looked."""

from typing import Any, TypeAlias, TypeGuard

Json: TypeAlias = dict[str, Any]


def is_object(value: Any) -> TypeGuard[Json]:
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def listed(thing: Json, key: str) -> list[Any]:
    """The list under a key; empty when there is none."""
    value = thing.get(key)
    return value if is_list(value) else []


def inner(thing: Json, key: str) -> Json:
    """The object under a key; empty when there is none."""
    value = thing.get(key)
    return value if is_object(value) else {}


def number(thing: Json, key: str, default: int = 0) -> int:
    """The whole number under a key."""
    value = thing.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
