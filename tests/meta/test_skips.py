"""The proof is there on anybody's machine: of all tests, one asks for what no clone has, and says where to get it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.needs import NO_DOCUMENT, need_program

ROOT = Path(__file__).parents[2]
SKIPS = re.compile(r"\bpytest\.(mark\.)?(skip|skipif|importorskip|xfail)\b(?!\.Exception)")
THE_ONLY_PLACE = ROOT / "tests" / "support" / "needs.py"
# Operating systems that lack what the test is about.
PLATFORMS = {
    '@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process\'s memory to set")',
    '@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process\'s processor time to set")',
    '@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process\'s memory is counted in other ways")',
    '@pytest.mark.skipif(not SOCKETS.exists(), reason="needs Linux\'s list of sockets")',
    '@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")',
    '@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files")',
    '@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")',
    '@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")',
    '@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells of no process but by its number")',
}
BESIDE = shutil.ignore_patterns(".*", "__pycache__", "data", "runs", "*.egg-info")
STAGES = ("tests/playground/test_openapi.py", "tests/story/test_help.py")


def test_nothing_but_what_tests_need_and_other_operating_systems_can_skip_one() -> None:
    lines = {
        line.strip()
        for path in (ROOT / "tests").rglob("*.py")
        if path not in (THE_ONLY_PLACE, Path(__file__))
        for line in path.read_text("utf-8").splitlines()
        if SKIPS.search(line)
    }

    assert lines == PLATFORMS


@pytest.mark.slow
def test_in_a_clone_with_nothing_beside_it_only_the_test_that_asks_for_the_document_is_skipped(tmp_path: Path) -> None:
    clone = shutil.copytree(ROOT, tmp_path / "clone", ignore=BESIDE)

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *STAGES],
        cwd=clone, env=os.environ | {"CI": "true"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout
    skipped = [line for line in ended.stdout.splitlines() if line.startswith("SKIPPED")]
    assert len(skipped) == 1
    assert skipped[0].endswith(NO_DOCUMENT)


def test_without_a_program_ci_fails_and_everybody_else_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install nats-server"):
        need_program("no-such-server", package="nats-server")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="apt-get install nats-server"):
        need_program("no-such-server", package="nats-server")
