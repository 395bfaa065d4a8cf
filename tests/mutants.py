"""Does a test fall when the core is changed? `make mutants`, or `python -m tests.mutants --module bot.jobs.limits`.

Changes one place of one module at a time, in memory, and runs the tests that speak of this module; a change under which
they all pass is a survivor. Places are drawn by a seed. Not part of CI: it takes minutes.

Own code, for mutmut 3 draws no sample and first runs the whole suite, and cosmic-ray writes its changes into the
working tree, starts Python anew for each (8 s with torch) and also changes annotations. Neither takes statements away
or touches SQL, where the guards of this core are. Here a process that has all libraries forks for each change.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.util
import io
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from itertools import takewhile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
OURS = ("bot", "cogs", "config", "engine", "playground", "protocol", "run_bot", "tests", "benchmarks")
SHOWN = 150  # characters of a change
GOAL = 0.9  # of the sampled changes that are another program

# Module -> the tests that state its promises, the quickest first. They run until one falls.
CORE: dict[str, tuple[str, ...]] = {
    "bot.delivery.posting": ("tests/bot/delivery/test_posting.py",),
    "bot.delivery.sender": ("tests/bot/delivery/test_posting.py", "tests/bot/rest/test_codes.py"),
    "bot.service.submit": (
        "tests/bot/service/test_submit.py",
        "tests/bot/queue/test_crowd.py",
        "tests/bot/service/test_service.py",
        "tests/bot/queue/test_endless_waits.py",
    ),
    "bot.queue.dispatcher": (
        "tests/bot/queue/test_dispatcher.py",
        "tests/bot/service/test_submit.py",
        "tests/bot/queue/test_endless_waits.py",
        "tests/bot/service/test_service.py",
    ),
    "bot.queue.eta": (
        "tests/bot/queue/test_eta.py",
        "tests/bot/queue/test_crowd.py",
        "tests/bot/queue/test_capacity.py",
        "tests/bot/queue/test_dispatcher.py",
    ),
    "bot.jobs.limits": ("tests/bot/jobs/test_limits.py", "tests/bot/storage/test_ledger.py"),
    "bot.queue.fair_queue": ("tests/bot/queue/test_fair_queue.py",),
    "bot.storage.retention": ("tests/bot/storage/test_retention.py",),
    "bot.storage.jobs": (
        "tests/bot/storage/test_ledger.py",
        "tests/bot/queue/test_restart.py",
        "tests/bot/queue/test_crowd.py",
        "tests/bot/queue/test_dispatcher.py",
        "tests/bot/queue/test_enhanced.py",
    ),
    "bot.storage.transitions": (
        "tests/bot/storage/test_ledger.py",
        "tests/bot/queue/test_dispatcher.py",
        "tests/bot/queue/test_enhanced.py",
    ),
    "bot.queue.lifecycle": ("tests/bot/queue/test_lifecycle.py", "tests/bot/queue/test_dispatcher.py"),
    "bot.links.local.websocket": (
        "tests/bot/links/local/test_websocket.py",
        "tests/bot/links/test_any_bytes.py::test_any_bytes_on_the_bare_socket_harm_nobody",
    ),
    "bot.links.broker.parts": ("tests/bot/links/broker/test_parts.py",),
    "bot.links.broker.streams": ("tests/bot/links/broker/test_streams.py", "tests/cluster/test_lease.py"),
    "bot.links.broker.link": (
        "tests/cluster/test_end_to_end.py",
        "tests/cluster/test_seats.py",
        "tests/cluster/test_orders.py",
        "tests/cluster/test_room.py",
        "tests/cluster/test_credentials.py",
        "tests/cluster/test_faults.py",
    ),
    "engine.links.outstanding": ("tests/engine/links/test_outstanding.py",),
    "engine.links.lease": ("tests/cluster/test_lease.py",),
    "engine.worker.scheduling.scheduler": ("tests/engine/worker/scheduling/test_scheduler.py",),
    "engine.worker.image.schedule": (
        "tests/engine/worker/image/test_schedule.py",
        "tests/engine/worker/pipeline/test_parity.py",
    ),
    "engine.metadata.facts": ("tests/engine/metadata/test_metadata.py",),
    "engine.metadata.png": ("tests/engine/metadata/test_metadata.py",),
    "engine.metadata.comfy": ("tests/engine/metadata/test_comfy.py",),
    "engine.metadata.comfy_models": ("tests/engine/metadata/test_comfy.py", "tests/engine/metadata/test_metadata.py"),
    "engine.metadata.comfy_inpaint": ("tests/engine/metadata/test_comfy.py",),
}
NAME = "the number of a node is its name alone"
NEVER_BUSY = "the first beat sets it, for a painter that was not busy has always moved"
FOR_THE_LOG = "the words of an exception are for the log, and it says those of its cause"
# Survivors that are the same program: module -> (line, change) -> why.
SAME: dict[str, dict[tuple[str, str], str]] = {
    "bot.delivery.sender": {
        ("raise Unreachable(str(closed)) from closed", "str(closed) -> closed"): FOR_THE_LOG,
        ("super().__init__(str(error))", "super().__init__(str(error)) -> pass"): FOR_THE_LOG,
        ("super().__init__(str(error))", "super().__init__(str(error)) -> str(error)"): FOR_THE_LOG,
        ("super().__init__(str(error))", "str(error) -> error"): FOR_THE_LOG,
        **{
            (f"raise {kind}(str(error)) from error", "str(error) -> error"): FOR_THE_LOG
            for kind in ("OutcomeUnknown", "Rejected", "TooHeavy", "RefusedForNow")
        },
    },
    "bot.queue.eta": {
        (
            "for index, (turn, seconds) in enumerate(zip(turns, moments, strict=True)):",
            "True -> False",
        ): "a forecast is as long as its line",
    },
    "engine.metadata.comfy_models": {
        ("FIRST_LORA = 20", "20 -> 21"): NAME,
        ("PICTURE, EDGES, PATCH, CONTROL = 30, 31, 32, 33", "33 -> 34"): NAME,
    },
    "engine.links.lease": {
        ("self._steps: int = -1", "-1 -> 1"): NEVER_BUSY,
        ("self._steps: int = -1", "1 -> 2"): NEVER_BUSY,
        ("self._moved = 0.0", "self._moved = 0.0 -> pass"): NEVER_BUSY,
        ("self._moved = 0.0", "0.0 -> 1.0"): NEVER_BUSY,
    },
    "bot.queue.lifecycle": {
        (
            "await self._facts.keep(engine.pace_key, repr(engine.pace))",
            "repr(engine.pace) -> engine.pace",
        ): "SQLite writes it as text too",
    },
    "bot.storage.jobs": {
        (
            "job = move(db, job_id, JobState.OFFERED, at=now, engine=engine, offered=now, charged=1)",
            "1 -> 2",
        ): "it is read as a truth",
    },
    "bot.links.broker.parts": {
        ("return hashlib.sha256(words.encode()).hexdigest()[:32]", "32 -> 33"): "a name as good as the other",
    },
    "engine.links.outstanding": {
        (
            "self._attempts[order.job] = max(order.attempt, self._attempts.get(order.job, 0))",
            "0 -> 1",
        ): "attempts count from 1",
    },
    "bot.queue.fair_queue": {
        (
            "return -ticket.priority, not ticket.paid, 0.0 if ticket.paid else turn.start, ticket.seq",
            "0.0 -> 1.0",
        ): "only paid ones are compared by it, which all have it",
    },
    "engine.worker.scheduling.scheduler": {
        (
            "fits = [n for n in range(2, len(line) + 1) if token_load(pictures[i] for i in line[:n]) <= self._budget]",
            "1 -> 2",
        ): "a slice beyond the end is the whole list",
    },
}

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
}  # fmt: skip
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
SQL = re.compile(r"\b(SELECT|UPDATE|INSERT|DELETE|WHERE|ORDER BY)\b")
IN_SQL = {"=": "!=", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "AND": "OR", "OR": "AND", "DESC": "ASC", "+": "-"}
UNSEEN = ("annotation", "returns", "decorator_list", "type_params", "bases")  # not what a program does


@dataclass(frozen=True, kw_only=True)
class Change:
    """One child of one node, and what stands there instead."""

    parent: ast.AST
    field: str
    index: int | None
    old: ast.AST
    new: ast.AST

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node

    def __str__(self) -> str:
        before, after = (one_line(ast.unparse(ast.fix_missing_locations(one))) for one in (self.old, self.new))
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
        start = 0 if alike < SHOWN else alike - SHOWN // 2  # of two long lines what differs
        return f"{before[start:][:SHOWN]} -> {after[start:][:SHOWN]}"


def one_line(code: str) -> str:
    return " ".join(code.split())


def changes(tree: ast.AST) -> Iterator[Change]:
    """Every change of this program that is tried, in the order of its lines."""
    for name, value in ast.iter_fields(tree):
        if name in UNSEEN:
            continue
        children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if not isinstance(child, ast.AST) or is_talk(child):
                continue
            for new in instead(child):
                yield Change(parent=tree, field=name, index=index, old=child, new=new)
            yield from changes(child)


def is_talk(node: ast.AST) -> bool:
    """Docstrings, the log, and what only a type checker reads: nobody's promise."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.If) and not node.orelse and all(map(is_talk, node.body)):
        return True
    return isinstance(node, ast.stmt) and ast.unparse(node).startswith(("log.", "log = ", "_log.", "_log = "))


def instead(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901 (a table of kinds)
    """What else could stand in a node's place."""
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=right) if type(operator) in COMPARED:
            yield ast.Compare(left, [COMPARED[type(operator)]()], right)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in COUNTED:
            yield ast.BinOp(left, COUNTED[type(operator)](), right)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if SQL.search(value):
            yield from map(ast.Constant, other_queries(value))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=named) if name in CALLED:
            yield ast.Call(ast.Name(CALLED[name], ast.Load()), given, named)
        case ast.Call(args=[alone], keywords=[]) if not isinstance(alone, ast.Starred):
            yield alone
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.If(test=test, body=body, orelse=orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.AugAssign(target=target, op=operator, value=value) if type(operator) in COUNTED:
            yield ast.AugAssign(target, COUNTED[type(operator)](), value)
        case ast.Expr() | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case _:
            pass


def other_queries(query: str) -> Iterator[str]:
    words = re.split(r"(\s+)", query)
    for place, word in enumerate(words):
        if word in IN_SQL:
            yield "".join([*words[:place], IN_SQL[word], *words[place + 1 :]])


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from another source."""

    def __init__(self, name: str, code: str) -> None:
        self._name, self._code = name, code

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(file_of(fullname)))

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(file_of(self._name))
        exec(compile(self._code, module.__file__, "exec"), module.__dict__)


def file_of(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def outcome(module: str, code: str | None, tests: Sequence[str], *, within: float, folder: Path) -> int:
    """Run these tests in a process of their own; pytest's exit code, or -1 where they never ended."""
    child = os.fork()
    if child == 0:
        run_tests(module, code, tests, folder)
    end = time.monotonic() + within
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def run_tests(module: str, code: str | None, tests: Sequence[str], folder: Path) -> None:
    """In the child: never returns."""
    os.setsid()
    said = os.open(folder / "said", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for stream in (0, 1, 2):
        os.dup2(said, stream)
    if code is not None:
        sys.meta_path.insert(0, Changed(module, code))
    import pytest

    options = ["--assert=plain", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    ended = pytest.main([*options, *tests])
    if code is None:
        (folder / "modules").write_text(json.dumps([name for name in sys.modules if name.split(".")[0] not in OURS]))
    os._exit(ended)


def know_libraries(folder: Path) -> None:
    """Import what the tests import and is not ours, so that no child has to."""
    with redirect_stderr(io.StringIO()):
        for name in json.loads((folder / "modules").read_text()):
            with suppress(Exception):
                importlib.import_module(name)


@dataclass(kw_only=True)
class Score:
    """What came of one module. `places`: all changes that could have been drawn."""

    module: str
    places: int
    killed: int = 0
    same: int = 0
    survivors: list[str] = field(default_factory=list[str])

    @property
    def tried(self) -> int:
        return self.killed + len(self.survivors)

    def __str__(self) -> str:
        died = f"{self.killed:3} of {self.tried:3} died"
        return f"{self.module:30} {died}, {self.same} the same program, {self.places} places"


def examine(module: str, folder: Path, *, seed: int, each: int) -> Score:
    """Try so many changes of this module. Raises AssertionError where its tests fail without any."""
    source = file_of(module).read_text("utf-8")
    lines, tests, tree = source.splitlines(), CORE[module], ast.parse(source)
    possible = list(changes(tree))
    for _ in range(2):  # the first time libraries are imported
        began = time.monotonic()
        ended = outcome(module, None, tests, within=1200, folder=folder)
        assert ended == 0, (folder / "said").read_text()
        know_libraries(folder)
    within = 20 + 10 * (time.monotonic() - began)
    score = Score(module=module, places=len(possible))
    for place in sorted(random.Random(f"{seed} {module}").sample(range(len(possible)), min(each, len(possible)))):
        change = possible[place]
        number = line_of(change)
        if (lines[number - 1].strip(), str(change)) in SAME.get(module, {}):
            score.same += 1
            continue
        change.put(change.new)
        code = ast.unparse(ast.fix_missing_locations(tree))
        change.put(change.old)
        if outcome(module, code, tests, within=within, folder=folder) == 0:
            where = f"{file_of(module).relative_to(ROOT)}:{number}: {lines[number - 1].strip()}"
            score.survivors.append(f"{where}\n    {change}")
            print(score.survivors[-1], flush=True)
        else:
            score.killed += 1
    print(score, flush=True)  # a run that is ended early says this much
    return score


def line_of(change: Change) -> int:
    return getattr(change.old, "lineno", getattr(change.parent, "lineno", 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--module", action="append", choices=CORE, help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=20, help="changes tried in each module")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        scores = [
            examine(module, Path(folder), seed=options.seed, each=options.each) for module in options.module or CORE
        ]

    print(*scores, sep="\n")
    tried, killed = sum(one.tried for one in scores), sum(one.killed for one in scores)
    print(f"seed {options.seed}: {killed} of {tried} died: {killed / max(tried, 1):.0%}; the goal is {GOAL:.0%}")
    sys.exit(killed < GOAL * tried)


if __name__ == "__main__":
    main()
