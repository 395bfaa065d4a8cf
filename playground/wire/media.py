"""Files of messages: names made safe, sizes of pictures read, bytes kept under the data folder, urls resolved."""

import asyncio
import mimetypes
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from playground.wire.jsons import Json, is_list, is_object

MAX_NAME = 120  # characters kept of a file's name
_PICTURES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedFile:
    """A file part as it arrived."""

    field: str
    filename: str
    content: bytes


def safe_name(filename: str) -> str:
    """A file's name without folders and without what urls or disks dislike."""
    name = re.sub(r"[^\w.()-]+", "_", filename.replace("\\", "/").rsplit("/", 1)[-1]).lstrip(".")
    stem, dot, suffix = name.rpartition(".")
    return (f"{stem[: MAX_NAME - len(suffix)]}{dot}{suffix}" if dot else name[:MAX_NAME]) or "unknown"


async def keep(
    upload: UploadedFile, *, folder: Path, channel_id: str, attachment_id: str, description: str | None, ephemeral: bool
) -> Json:
    """Writes a file and describes it as an attachment object; its url is a path until it is shown."""
    filename = safe_name(upload.filename)
    path = folder / channel_id / attachment_id / filename
    attachment: Json = {
        "id": attachment_id,
        "filename": filename,
        "size": len(upload.content),
        "url": f"/attachments/{channel_id}/{attachment_id}/{filename}",
        "proxy_url": f"/attachments/{channel_id}/{attachment_id}/{filename}",
    }
    attachment |= await asyncio.to_thread(_write_and_look, path, upload.content)
    if description:
        attachment["description"] = description
    if ephemeral:
        attachment["ephemeral"] = True
    return attachment


def _write_and_look(path: Path, content: bytes) -> Json:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the header is read, no pixel is
            with Image.open(BytesIO(content)) as picture:
                size: Json = {"width": picture.width, "height": picture.height}
                kind = _PICTURES.get(picture.format or "")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        size, kind = {}, None
    return size | {"content_type": kind or mimetypes.guess_type(path.name)[0] or "application/octet-stream"}


def with_base(value: Any, base: str) -> Any:
    """A copy in which the paths of kept files are full urls."""
    if is_object(value):
        return {key: _full(key, item, base) for key, item in value.items()}
    if is_list(value):
        return [with_base(item, base) for item in value]
    return value


def _full(key: Any, item: Any, base: str) -> Any:
    if key in ("url", "proxy_url") and isinstance(item, str) and item.startswith("/attachments/"):
        return base + item
    return with_base(item, base)


def resolve(url: str, attachments: list[Json], new_id: Callable[[], str]) -> Json | None:
    """The media object of a url in a component; None if it names an attachment that is not there."""
    if not url.startswith("attachment://"):
        return {"id": new_id(), "url": url, "proxy_url": url, "width": None, "height": None, "content_type": None}
    wanted = safe_name(url.removeprefix("attachment://"))
    for attachment in attachments:
        if attachment["filename"] == wanted:
            return {
                "id": new_id(),
                "url": attachment["url"],
                "proxy_url": attachment["proxy_url"],
                "width": attachment.get("width"),
                "height": attachment.get("height"),
                "content_type": attachment.get("content_type"),
                "attachment_id": attachment["id"],
            }
    return None
