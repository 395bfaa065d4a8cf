"""What `make ranges` runs: the lowest versions that pyproject.toml declares, and tests that are there."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
BY_HAND = {"torch"}  # older ones come with gigabytes of CUDA: its lowest was run on a GPU, see benchmarks/README.md
LINTERS = "dev"  # an extra whose packages nothing imports; which version, constraints.txt says


def requirements(file: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for name, lines in extras.items() if name != LINTERS for line in lines)]
    return [one for line in lines if (one := Requirement(line)).name != project["name"]]


def lowest(requirement: Requirement) -> Version:
    [version] = [Version(one.version) for one in requirement.specifier if one.operator in (">=", "==")]
    return version


def test_the_lowest_version_of_every_package_is_the_one_that_is_run() -> None:
    run = {one.name: lowest(one) for one in requirements("constraints-lowest.txt") if one.name not in BY_HAND}

    assert run == {one.name: lowest(one) for one in declared() if one.name not in BY_HAND}


def test_every_version_that_is_run_lies_within_its_range() -> None:
    ranges = {one.name: one.specifier for one in declared()}

    for file in ("constraints-lowest.txt", "constraints.txt", "constraints-newest.txt"):
        for one in requirements(file):
            assert lowest(one) in ranges.get(one.name, one.specifier), f"{file}: {one}"


def test_what_is_run_with_them_is_there() -> None:
    listed = (
        line.partition("#")[0].strip() for line in (ROOT / "tests" / "ranges.txt").read_text("utf-8").splitlines()
    )

    for file, _, name in (line.partition("::") for line in listed if line):
        assert name in (ROOT / file).read_text("utf-8")
