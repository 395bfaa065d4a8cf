"""`make chaos KILLS=40`: the fault suite's long run, with the control that must fail; prints the table."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.chaos.links import LINKS
from tests.chaos.run import Plan, run
from tests.chaos.verdict import Verdict
from tests.support.needs import find_program

HEAD = (
    "| run | kills | jobs | ended | ambiguous answers | messages deleted | lost | duplicate posts | re-runs "
    "| needless re-runs | engine's death to re-run, median | wait, median, light / heavy | seconds |"
)

STRICT = ("local",)  # a broker that is away keeps the bot from telling a dead engine from a silent one


def main() -> int:
    """0 when nothing was lost, doubled or painted for nothing, and the control did show duplicates."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--jobs", type=int, help="default: two and a half for each kill, at least 100")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--link", choices=sorted(LINKS), action="append", help="default: all")
    parser.add_argument(
        "--archived", type=float, default=0.2, help="how likely a kill archives the thread; default: 0.2"
    )
    parser.add_argument("--no-control", action="store_true")
    parser.add_argument("--keep", type=Path, help="a new folder for the ledgers, journals and logs of the runs")
    options = parser.parse_args()
    jobs = options.jobs or max(100, options.kills * 5 // 2)
    links = options.link or sorted(LINKS)
    if "nats" in links and find_program("nats-server") is None:
        parser.error("nats-server is not installed (Debian: apt-get install nats-server)")

    print(HEAD, "|" + "---|" * (HEAD.count("|") - 1), sep="\n", flush=True)
    well = True
    for link in links:
        keep = options.keep and options.keep / link
        plan = Plan(
            link=link, kills=options.kills, jobs=jobs, seed=options.seed, archived=options.archived, keep=keep
        )  # fmt: skip
        verdict = asyncio.run(run(plan))
        print(row(link, verdict), flush=True)
        for sentence in (*verdict.lost, *verdict.duplicates, *verdict.needless):
            print(sentence, file=sys.stderr)
        well &= not verdict.lost and not verdict.duplicates
        well &= not verdict.needless or link not in STRICT
    if not options.no_control:
        verdict = asyncio.run(run(control(seed=options.seed)))
        print(row("control: no nonce, no look", verdict), flush=True)
        if not verdict.duplicates:
            print("the control shows no duplicates: this run proves nothing", file=sys.stderr)
            well = False
    return 0 if well else 1


def control(*, seed: int) -> Plan:
    """The same with idempotency off; more pictures come as new messages and more answers are lost, so that it shows."""
    return Plan(kills=8, jobs=60, seed=seed, ambiguous=0.3, unanswered=0.6, forgetful=True, lost_only=True)


def row(name: str, verdict: Verdict) -> str:
    kills = ", ".join(f"{count} {victim}" for victim, count in sorted(verdict.kills.items()))
    ended = ", ".join(f"{count} {state}" for state, count in sorted(verdict.ended.items()))
    if verdict.failed:
        ended += f" (failed: {', '.join(f'{count} {code}' for code, count in sorted(verdict.failed.items()))})"
    cells = (
        name, f"{sum(verdict.kills.values())} ({kills})", verdict.jobs, ended, verdict.ambiguous,
        verdict.deleted, len(verdict.lost), len(verdict.duplicates), verdict.reruns, len(verdict.needless),
        f"{verdict.recovery:.1f} s", f"{verdict.light_wait:.1f} / {verdict.heavy_wait:.1f} s", f"{verdict.seconds:.0f}",
    )  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
