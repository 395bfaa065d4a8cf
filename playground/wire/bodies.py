"""Bodies in and out: JSON and multipart with a ceiling, answers with the exact content type clients insist on."""

import json
import re
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from playground.wire.errors import ApiError, too_large
from playground.wire.jsons import Json, is_object
from playground.wire.media import UploadedFile

DRAIN_LIMIT = 64 * 1024 * 1024  # bytes read past the ceiling, so that a client hears 413 instead of a reset
CHUNK = 256 * 1024


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    """JSON whose content type is application/json and nothing more: discord.py compares it exactly."""
    if status == 204:
        return web.Response(status=204, headers=headers)
    text = json.dumps(body).encode()
    return web.Response(status=status, body=text, headers=(headers or {}) | {"Content-Type": "application/json"})


async def read_body(
    request: web.Request, *, ceiling: int, payload_part: str, file_parts: str = ".*"
) -> tuple[Any, list[UploadedFile]]:
    """The JSON and the files of a request, at most `ceiling` bytes together.

    In multipart the JSON is the part `payload_part`; files are the parts that have a file name and whose
    name matches `file_parts`. Raises ApiError, and HTTPBadRequest where the client is gone before the end.
    """
    try:
        if request.content_type == "multipart/form-data":
            return await _read_multipart(request, ceiling, payload_part, file_parts)
        raw = await _read(request, ceiling)
    except ConnectionResetError:  # nobody hears an answer, and aiohttp would print any other exception
        raise web.HTTPBadRequest from None
    if not raw:
        return None, []
    if request.content_type != "application/json":
        raise ApiError(400, 50035, "Invalid Form Body")
    return _decode(raw), []


async def _read(request: web.Request, ceiling: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_chunked(CHUNK):
        size += len(chunk)
        if size <= ceiling:
            parts.append(chunk)
        elif size > DRAIN_LIMIT:
            break
    if size > ceiling:
        raise too_large()
    return b"".join(parts)


async def _read_multipart(
    request: web.Request, ceiling: int, payload_part: str, file_parts: str
) -> tuple[Any, list[UploadedFile]]:
    payload: Any = None
    uploads: list[UploadedFile] = []
    size = 0
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if isinstance(part, MultipartReader):
            raise ApiError(400, 50035, "Invalid Form Body")
        content, size = await _read_part(part, size, ceiling)
        if part.name == payload_part:
            payload = _decode(content)
        elif part.filename and re.fullmatch(file_parts, part.name or ""):
            uploads.append(UploadedFile(field=part.name or "", filename=part.filename, content=content))
    if size > ceiling:
        raise too_large()
    return payload, uploads


async def _read_part(part: BodyPartReader, size: int, ceiling: int) -> tuple[bytes, int]:
    chunks: list[bytes] = []
    while chunk := await part.read_chunk(CHUNK):
        size += len(chunk)
        if size <= ceiling:
            chunks.append(chunk)
        elif size > DRAIN_LIMIT:
            raise too_large()
    return b"".join(chunks), size


def _decode(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from None


def as_object(body: Any) -> Json:
    """The body when it is a JSON object, {} when there is none."""
    if body is None:
        return {}
    if not is_object(body):
        raise ApiError(400, 50035, "Invalid Form Body")
    return body
