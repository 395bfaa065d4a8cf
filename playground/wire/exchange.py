"""One REST request of the bot with its answer, for whoever wants to look on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFile:
    """A file part of a multipart request; size in bytes."""

    field: str
    filename: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """`route_path` is the template of Discord's documents, such as /channels/{channel_id}/messages.

    `injected` tells that the answer came from a fault and not from the playground's rules.
    """

    method: str
    route_path: str
    path: str
    query: dict[str, str]
    json_body: Any
    files: tuple[SentFile, ...]
    status: int
    response_json: Any
    injected: bool = False


OnExchange: TypeAlias = Callable[[Exchange], None]
