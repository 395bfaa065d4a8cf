"""The path of a plain `/imagine`, from the command to the posted picture: who takes it in hand and passes it on.

What only answers whoever asks (the composer, the ledger, the pipeline, a view) is no hop.
`python -m tests.meta.test_hops` prints it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from tests.meta.test_house import modules

MOST = 30


class Hop(NamedTuple):
    """`method` of the class `owner` ("" for a function of the module) calls `to`: the next hop's, or else `over` says
    what lies between."""

    module: str
    owner: str
    method: str
    to: str
    over: str = ""


PATH = (
    Hop("cogs.imagine", "Imagine", "imagine", "imagine"),
    Hop("bot.service.service", "JobService", "imagine", "submit"),
    Hop("bot.service.submit", "Submission", "submit", "accepted"),
    Hop("bot.queue.dispatcher", "Dispatcher", "accepted", "set", "work_available"),
    Hop("bot.queue.dispatcher", "Dispatcher", "_feed", "send"),
    Hop("bot.queue.orders", "Orders", "send", "send"),
    Hop("bot.queue.engine", "Engine", "send", "send"),
    Hop("bot.links.local.websocket", "Peer", "send", "put_nowait", "the Peer's outbox"),
    Hop("bot.links.local.websocket", "Peer", "speak", "send_bytes", "the wire"),
    Hop("engine.links.websocket", "WebSocketLink", "_listen", "_act_on"),
    Hop("engine.links.conversation", "Conversation", "_act_on", "_on_command", "what the worker gave it"),
    Hop("engine.worker.__main__", "", "on_command", "put", "the inbox"),
    Hop("engine.worker.loop", "Loop", "_receive_commands", "_enqueue"),
    Hop("engine.worker.loop", "Loop", "_enqueue", "enqueue", "the scheduler"),
    Hop("engine.worker.loop", "Loop", "_hand_over", "send_finished"),
    Hop("engine.worker.results", "Results", "send_finished", "_send", "what the worker gave it"),
    Hop("engine.worker.__main__", "", "_from_thread", "call_soon_threadsafe", "the main thread's loop"),
    Hop("engine.links.websocket", "WebSocketLink", "send_event", "_queue_event", "the link's outbox"),
    Hop("engine.links.websocket", "WebSocketLink", "_send_events", "send_bytes", "the wire"),
    Hop("bot.links.local.websocket", "LocalLink", "_take", "receive"),
    Hop("bot.queue.engine_events", "EngineEvents", "receive", "_take"),
    Hop("bot.queue.engine_events", "EngineEvents", "_finished", "paint"),
    Hop("bot.queue.lifecycle", "Lifecycle", "paint", "_end"),
    Hop("bot.queue.lifecycle", "Lifecycle", "_end", "publish", "the events"),
    Hop("bot.delivery.delivery", "Delivery", "_apply", "apply"),
    Hop("bot.delivery.live_message", "LiveMessage", "apply", "set_job", "its `changed`"),
    Hop("bot.delivery.delivery", "Delivery", "_followed", "end"),
    Hop("bot.delivery.posting", "Posting", "end", "_tell"),
    Hop("bot.delivery.posting", "Posting", "_edit", "edit"),
    Hop("bot.delivery.sender", "Sender", "edit", "_edit_by_token", "Discord"),
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(hop: Hop) -> dict[str, Function]:
    """Those of its class, or all of its module, by name."""
    tree: ast.AST = ast.parse(modules()[hop.module].read_text("utf-8"))
    if hop.owner:
        [tree] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == hop.owner]
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}


def calls(function: Function) -> set[str]:
    """Names of what it calls, with or without an owner."""
    called = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = {one.attr for one in called if isinstance(one, ast.Attribute)}
    return names | {one.id for one in called if isinstance(one, ast.Name)}


def only_forwards(function: Function) -> bool:
    """Whether its whole body is one call with nothing but its own parameters."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    value = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return | ast.Expr) else None
    value = value.value if isinstance(value, ast.Await) else value
    given = [*value.args, *(word.value for word in value.keywords)] if isinstance(value, ast.Call) else []
    return isinstance(value, ast.Call) and all(isinstance(one, ast.Name | ast.Starred) for one in given)


def owners(path: Sequence[Hop]) -> list[str]:
    """Its hops: whoever has it in hand, one after the other."""
    names = [f"{hop.module}{':' if hop.owner else ''}{hop.owner}" for hop in path]
    return [name for name, before in zip(names, ["", *names], strict=False) if name != before]


@pytest.mark.parametrize(("hop", "following"), list(zip(PATH, [*PATH[1:], None], strict=True)))
def test_the_path_is_as_told(hop: Hop, following: Hop | None) -> None:
    reached, frontier = set[str](), [hop.method]
    own = functions(hop)
    while frontier:  # through its own methods
        called = calls(own[frontier.pop()])
        frontier += [name for name in called & own.keys() - reached if name != hop.to]
        reached |= called

    assert hop.to in reached
    if following is not None and not hop.over and hop[:2] != following[:2]:
        assert hop.to == following.method
    assert not only_forwards(own[hop.method])


def test_a_plain_request_passes_few_hands() -> None:
    assert len(owners(PATH)) <= MOST


if __name__ == "__main__":
    for number, name in enumerate(owners(PATH), 1):
        print(f"{number:2} {name}")
