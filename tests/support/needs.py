"""What tests need that is not part of this repository. Nothing else may skip a test: `tests/meta/test_skips.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

SHARED = Path(__file__).parents[3] / "shared"
DOCUMENT = SHARED / "discord-openapi.json"
LORA_LAYOUTS = SHARED / "cases" / "lora_layouts.py"
NO_DOCUMENT = (
    "Discord's OpenAPI document is not there: put specs/openapi.json of "
    "https://github.com/discord/discord-api-spec to ../shared/discord-openapi.json"
)
SMALL_DISK = ("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs")


def need_document() -> Path:
    """Discord's OpenAPI document. Without, the test that asks for it is skipped; beside a `../shared` it fails."""
    if DOCUMENT.is_file():
        return DOCUMENT
    if SHARED.is_dir():
        pytest.fail(NO_DOCUMENT)
    pytest.skip(NO_DOCUMENT)


def lora_layouts() -> ModuleType | None:
    """Layouts of LoRA files collected beside this repository; None in a clone, where a test's own are all there is."""
    spec = spec_from_file_location("lora_layouts", LORA_LAYOUTS) if LORA_LAYOUTS.is_file() else None
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def need_program(*names: str, package: str) -> str:
    """The first of these programs that is installed. Without, the test is skipped; in CI, which installs it, fails."""
    if found := find_program(*names):
        return found
    missing = f"{names[0]} is not installed (Debian: apt-get install {package})"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def find_program(*names: str) -> str | None:
    """The first of these programs that is installed, also where only root looks."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def need_mounts() -> tuple[str, ...]:
    """What to put before a command so that it may mount: for root, or for anybody whom the system lets be it inside.

    Many containers forbid both; then the test is skipped.
    """
    for prefix in (("unshare", "--mount"), ("unshare", "--user", "--map-root-user", "--mount")):
        if shutil.which(prefix[0]) and subprocess.run([*prefix, *SMALL_DISK, "/mnt"], check=False).returncode == 0:
            return prefix
    pytest.skip("nothing can be mounted here; the same is tested with a small file in tests/bot/storage/test_ledger.py")
