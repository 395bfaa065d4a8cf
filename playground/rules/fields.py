"""A few words to describe the fields of a form, and the check that reads them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.wire.errors import FieldPath, Problems
from playground.wire.jsons import is_list, is_object


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A JSON value of one of `kinds` within [low, high]: length for texts and lists, value for numbers."""

    kinds: tuple[type, ...]
    low: float | None = None
    high: float | None = None
    required: bool = False
    choices: tuple[int, ...] = ()


_KIND_NAMES = {
    str: ("BASE_TYPE_STRING", "Could not interpret value as string."),
    int: ("NUMBER_TYPE_COERCE", "Value is not int."),
    bool: ("BOOLEAN_TYPE_CONVERT", "Must be either true or false."),
    list: ("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType"),
    dict: ("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType"),
}


def text(low: int = 0, high: int | None = None, *, required: bool = False) -> Field:
    return Field(kinds=(str,), low=low, high=high, required=required)


def whole(low: int | None = None, high: int | None = None, *, required: bool = False) -> Field:
    return Field(kinds=(int,), low=low, high=high, required=required)


def flag() -> Field:
    return Field(kinds=(bool,))


def array(low: int = 0, high: int | None = None, *, required: bool = False) -> Field:
    return Field(kinds=(list,), low=low, high=high, required=required)


def one_of(*choices: int, required: bool = False) -> Field:
    return Field(kinds=(int,), choices=choices, required=required)


def record(*, required: bool = False) -> Field:
    return Field(kinds=(dict,), required=required)


def check(value: Any, fields: Mapping[str, Field], path: FieldPath, problems: Problems) -> bool:
    """Adds what is wrong with `value`; true if nothing is."""
    if not is_object(value):
        problems.add(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return False
    fine = True
    for name, rule in fields.items():
        fine &= _check_field(value.get(name), rule, (*path, name), problems)
    return fine


def _check_field(value: Any, rule: Field, path: FieldPath, problems: Problems) -> bool:
    if value is None:
        if rule.required:
            problems.add(path, "BASE_TYPE_REQUIRED", "This field is required")
        return not rule.required
    is_bool_for_number = isinstance(value, bool) and bool not in rule.kinds
    if not isinstance(value, rule.kinds) or is_bool_for_number:
        kind = rule.kinds[0]
        problems.add(path, *_KIND_NAMES.get(kind, ("NUMBER_TYPE_COERCE", "Value is not a number.")))
        return False
    if rule.choices and value not in rule.choices:
        problems.add(path, "BASE_TYPE_CHOICES", f"Value must be one of {rule.choices}.")
        return False
    return _check_range(value, rule, path, problems)


def _check_range(value: Any, rule: Field, path: FieldPath, problems: Problems) -> bool:
    counted = isinstance(value, str) or is_list(value)
    size: Any = len(value) if isinstance(value, str) or is_list(value) else value
    if is_object(value) or (rule.low is None and rule.high is None):
        return True
    low, high = rule.low, rule.high
    if (low is None or size >= low) and (high is None or size <= high):
        return True
    if counted and low and high:
        problems.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {low:g} and {high:g} in length.")
    elif counted and high is not None and size > high:
        unit = "or fewer in length."
        problems.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {high:g} {unit}")
    elif counted:
        problems.add(path, "BASE_TYPE_MIN_LENGTH", f"Must be {low:g} or more in length.")
    elif high is not None and size > high:
        problems.add(path, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {high:g}.")
    else:
        problems.add(path, "NUMBER_TYPE_MIN", f"int value should be greater than or equal to {low:g}.")
    return False
