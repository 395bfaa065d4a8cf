"""Installing: the build of torch that fits the machine, and one sentence where something is missing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config import torch_build

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("cards", "folder"),
    [
        (None, "cpu"),
        ("580.95.05, 12.0\n", "cu130"),  # RTX 50
        ("595.71.05, 8.6\n595.71.05, 12.0\n", "cu130"),
        ("550.163.01, 8.9\n", "cu126"),  # RTX 40 with a driver before CUDA 13
        ("580.95.05, 7.0\n", "cu126"),  # V100: CUDA 13 has no code for it
        ("580.95.05, 6.1\n580.95.05, 8.6\n", "cu126"),
        ("470.256.02, 8.6\n", "cpu"),  # a driver before CUDA 12
        ("570.133.07, 12.0\n", "cpu"),  # CUDA 12.6 has no code for RTX 50
    ],
)
def test_the_build_fits_card_and_driver(cards: str | None, folder: str) -> None:
    assert torch_build.build_for(cards).folder == folder


def test_an_old_driver_is_named_with_the_one_it_takes() -> None:
    assert "driver 470 is too old" in torch_build.build_for("470.256.02, 8.6\n").why
    assert "update to driver 525" in torch_build.build_for("470.256.02, 8.6\n").why
    assert "update to driver 580" in torch_build.build_for("570.133.07, 12.0\n").why


def put_script(file: Path, lines: str) -> None:
    file.write_text(f"#!/bin/sh\n{lines}\n", "utf-8")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("nvidia_smi", "cards"),
    [
        (None, None),
        ("echo 580.95.05, 8.6", "580.95.05, 8.6\n"),
        ("echo NVIDIA-SMI has failed; exit 9", None),
        ("exit 0", None),
    ],
)
def test_the_driver_is_asked_for_its_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nvidia_smi: str | None, cards: str | None
) -> None:
    if nvidia_smi is not None:
        put_script(tmp_path / "nvidia-smi", nvidia_smi)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert torch_build.cards_here() == cards


def run_script(folder: Path, nvidia_smi: str | None) -> subprocess.CompletedProcess[str]:
    """The script with this `nvidia-smi` and no way to any index."""
    if nvidia_smi is not None:
        put_script(folder / "nvidia-smi", nvidia_smi)
    environment = {"PATH": f"{folder}:/bin", "https_proxy": "http://127.0.0.1:9"}
    script = [sys.executable, str(ROOT / "config" / "torch_build.py")]
    return subprocess.run(script, capture_output=True, text=True, env=environment, check=True)


@pytest.mark.parametrize("nvidia_smi", [None, "echo 580.95.05, 8.6", "echo no driver >&2; exit 9"])
def test_without_a_way_to_its_index_pypi_serves_torch_and_one_line_says_so(
    tmp_path: Path, nvidia_smi: str | None
) -> None:
    ran = run_script(tmp_path, nvidia_smi)

    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert "cannot be reached: installing the torch that PyPI serves" in ran.stderr


def test_an_index_that_does_not_answer_is_waited_for_once_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_build, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not torch_build.is_reachable(f"http://127.0.0.1:{silent.getsockname()[1]}/whl")


def test_an_index_that_speaks_no_http_is_not_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def greet() -> None:
            line, _ = odd.accept()
            with line:
                line.recv(4096)
                line.sendall(b"SSH-2.0-nothing\r\n")

        greeting = threading.Thread(target=greet)
        greeting.start()
        reachable = torch_build.is_reachable(f"http://127.0.0.1:{odd.getsockname()[1]}/whl")
        greeting.join()

    assert not reachable


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package index on this machine that has `cpu/torch/` and `cu130/torch/` and nothing else."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in ("/whl/cpu/torch/", "/whl/cu130/torch/") else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        address = f"http://127.0.0.1:{server.server_port}/whl"
        monkeypatch.setattr(torch_build, "BUILDS", address)
        yield address
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(("cards", "folder"), [(None, "cpu"), ("580.95.05, 8.6\n", "cu130")])
def test_it_prints_the_index_alone_and_says_why_beside_it(
    index: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cards: str | None,
    folder: str,
) -> None:
    monkeypatch.setattr(torch_build, "cards_here", lambda: cards)
    monkeypatch.setattr(torch_build.platform, "system", lambda: "Linux")

    torch_build.main()

    printed = capsys.readouterr()
    assert printed.out == f"{index}/{folder}\n"
    assert printed.err == torch_build.build_for(cards).why + "\n"


def test_on_macos_pypi_has_the_right_build(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch_build.platform, "system", lambda: "Darwin")

    torch_build.main()

    assert capsys.readouterr() == ("", "")


PYTHON = """
echo "$@" >> calls
case "$*" in
    "-m venv .venv") /bin/mkdir -p .venv/bin; /bin/cp "$0" .venv/bin/python;;
    config/torch_build.py) echo "$FITS";;
esac
"""


@pytest.mark.parametrize(
    ("fits", "chosen", "taken"),
    [("https://fits", "", "https://fits"), ("https://fits", "https://chosen", "https://chosen"), ("", "", None)],
)
def test_make_takes_torch_from_the_index_that_fits_or_was_chosen_and_else_from_pypi(
    tmp_path: Path, fits: str, chosen: str, taken: str | None
) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    put_script(tmp_path / "python", PYTHON)

    making = ["make", "--silent", "setup", f"PYTHON={tmp_path / 'python'}", f"TORCH_INDEX={chosen}"]
    subprocess.run(making, cwd=tmp_path, check=True, env=os.environ | {"MAKEFLAGS": "", "FITS": fits})

    installed = [line for line in (tmp_path / "calls").read_text("utf-8").splitlines() if " pip install " in line]
    assert installed.pop().endswith("--constraint constraints.txt --editable .[dev]")  # finds torch there already
    wanted = [] if taken is None else [f"--constraint constraints.txt --no-deps --index-url {taken} torch"]
    assert [line.partition("--quiet ")[2] for line in installed] == wanted


def test_a_python_that_cannot_make_virtual_environments_is_one_sentence(tmp_path: Path) -> None:
    """As Debian ships it: `venv` is there, `ensurepip` comes with python3-venv."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    (hiding / "ensurepip.py").write_text("raise ImportError", "utf-8")

    making = ["make", "--silent", "setup", f"PYTHON=env PYTHONPATH={hiding} {sys.executable}"]
    made = subprocess.run(making, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"MAKEFLAGS": ""})

    assert made.returncode != 0
    assert made.stderr.splitlines()[0] == (
        "Python here cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"
    )
    assert not (tmp_path / ".venv").exists()
