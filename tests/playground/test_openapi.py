"""What is held against Discord's OpenAPI document where it is at hand, and that nothing else needs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from playground import Exchange
from tests.playground.guest import PAINT
from tests.support import needs
from tests.support.openapi import WireContract

POSTED = Exchange(
    method="POST",
    route_path="/channels/{channel_id}/messages",
    path=f"/channels/{PAINT}/messages",
    query={},
    json_body={"content": "x"},
    files=(),
    status=429,
    response_json={"message": "You are being rate limited.", "code": 0, "retry_after": 1.0, "global": False},
)


def test_what_bot_and_playground_say_is_held_against_discords_document() -> None:
    needs.need_document()
    contract = WireContract()
    wrong = {
        "knows no": replace(POSTED, status=299),
        "not in the document": replace(POSTED, route_path="/channels/{channel_id}/pictures"),
        "request at $": replace(POSTED, json_body={"contents": "x"}),
        "response at $": replace(POSTED, response_json={"message": "You are being rate limited."}),
    }

    contract(POSTED)
    assert contract.broken == []
    for exchange in wrong.values():
        contract(exchange)
    assert [word in said for word, said in zip(wrong, contract.broken, strict=True)] == [True] * len(wrong)


def test_where_the_document_is_not_there_exchanges_are_counted_and_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(needs, "DOCUMENT", tmp_path / "shared" / "absent.json")
    contract = WireContract()

    contract(replace(POSTED, route_path="/nowhere"))

    assert contract.seen == {("POST", "/nowhere"): 1}
    assert contract.broken == []


def test_without_the_document_its_own_test_is_skipped_but_not_beside_a_shared_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(needs, "SHARED", tmp_path / "shared")
    monkeypatch.setattr(needs, "DOCUMENT", tmp_path / "shared" / "absent.json")
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.skip.Exception, match=r"github\.com/discord/discord-api-spec"):
        needs.need_document()
    needs.SHARED.mkdir()
    with pytest.raises(pytest.fail.Exception, match=r"github\.com/discord/discord-api-spec"):
        needs.need_document()
