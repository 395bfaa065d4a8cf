"""Holds what a bot sends to the playground, and what it hears, against Discord's own OpenAPI document.

Use the fixture: `open_playground(..., on_exchange=wire_contract)`; broken promises fail the test at its end. Where the
document is not there, only the playground's own rules are kept; `tests/playground/test_openapi.py` says so.
"""

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from playground import Exchange
from tests.support import needs

BASE = "urn:discord"
FORM_REFUSED = (400, 413)  # the playground has said that the request is wrong; tests do that on purpose


@pytest.fixture
def wire_contract() -> "Iterator[WireContract]":
    """Validates every exchange; after the test nothing may have been broken."""
    contract = WireContract()
    yield contract
    assert not contract.broken, "\n".join(contract.broken)


class WireContract:
    """Collects sentences about what does not fit; `seen` counts the exchanges by method and route."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.seen: dict[tuple[str, str], int] = {}

    def __call__(self, exchange: Exchange) -> None:
        key = (exchange.method, exchange.route_path)
        self.seen[key] = self.seen.get(key, 0) + 1
        if needs.DOCUMENT.is_file():
            self.broken += problems(exchange)


def problems(exchange: Exchange) -> list[str]:
    """What is wrong with an exchange: its request unless that was refused, its response unless it was injected."""
    operation = _operation(exchange.method, exchange.route_path)
    if operation is None:
        return [f"{exchange.method} {exchange.route_path} is not in the document"]
    pointer, node = operation
    found: list[str] = []
    if exchange.status not in FORM_REFUSED or exchange.injected:
        found += _request_problems(exchange, pointer, node)
    if not exchange.injected:
        found += _response_problems(exchange, pointer, node)
    where = f"{exchange.method} {exchange.path} ({exchange.status})"
    return [f"{where}: {problem}" for problem in found]


def _request_problems(exchange: Exchange, pointer: str, node: Any) -> list[str]:
    if "requestBody" not in node:
        return [] if exchange.json_body is None else ["the request has a body, the document knows none"]
    body = {} if exchange.json_body is None and exchange.files else exchange.json_body
    if body is None:
        return ["the request has no body"] if node["requestBody"].get("required") else []
    return _check(body, f"{pointer}/requestBody/content/application~1json/schema", "request")


def _response_problems(exchange: Exchange, pointer: str, node: Any) -> list[str]:
    responses = node["responses"]
    status = str(exchange.status)
    key = status if status in responses else f"{status[0]}XX"
    if key not in responses:
        return [f"the document knows no answer {status}"]
    response = responses[key]
    if "$ref" in response:
        pointer_to_response = response["$ref"].removeprefix("#")
        response = document()["components"]["responses"][response["$ref"].rsplit("/", 1)[-1]]
    else:
        pointer_to_response = f"{pointer}/responses/{key}"
    if "content" not in response:
        return [] if exchange.response_json is None else ["the response has a body, the document knows none"]
    return _check(exchange.response_json, f"{pointer_to_response}/content/application~1json/schema", "response")


def _check(value: Any, pointer: str, what: str) -> list[str]:
    problem = _problem(json.dumps(value, sort_keys=True), pointer)
    return [] if problem is None else [f"{what} {problem}"]


@lru_cache(maxsize=4096)
def _problem(value: str, pointer: str) -> str | None:
    """Each story begins with the same exchanges, and to look through one takes up to half a second."""
    error = best_match(_validator(pointer).iter_errors(json.loads(value)))
    return None if error is None else f"at {error.json_path}: {error.message[:400]}"


def _operation(method: str, template: str) -> tuple[str, Any] | None:
    node = document()["paths"].get(template, {}).get(method.lower())
    if node is None:
        return None
    escaped = template.replace("~", "~0").replace("/", "~1")
    return f"/paths/{escaped}/{method.lower()}", node


@cache
def _validator(pointer: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"{BASE}#{pointer}"}, registry=_registry())


@cache
def _registry() -> Registry[Any]:
    resource: Resource[Any] = Resource(contents=document(), specification=DRAFT202012)
    return Registry[Any]().with_resource(BASE, resource)


@cache
def document() -> Any:
    """The document, strict about unknown fields in requests, with the places mended where Discord's docs differ."""
    loaded: Any = json.loads(needs.DOCUMENT.read_text(encoding="utf-8"))
    schemas = loaded["components"]["schemas"]
    snowflake_or_number = {"oneOf": [{"$ref": "#/components/schemas/SnowflakeType"}, {"type": "integer"}]}
    schemas["MessageAttachmentRequest"]["properties"]["id"] = snowflake_or_number
    for name in schemas:
        properties = schemas[name].get("properties", {})
        if name.startswith("ApplicationCommand") and "Request" in name:
            properties["nsfw"] = {"type": ["boolean", "null"]}
        if name in ("MessageEditRequestPartial",) or name.startswith("IncomingWebhookUpdate"):
            properties["tts"] = {"type": ["boolean", "null"]}
        if "Request" in name and properties:
            schemas[name].setdefault("additionalProperties", False)
    # The reference shows words such as BASE_TYPE_REQUIRED as the code of a field's error; the document says integer.
    word: Any = json.loads(json.dumps(schemas["Error"]))
    word["properties"]["code"] = {"type": "string"}
    schemas["InnerErrors"]["properties"]["_errors"]["items"] = word
    return loaded
