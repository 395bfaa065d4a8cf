"""docs/architecture.md lists every file with the first sentence of its docstring.

`python -m tests.meta.test_architecture` writes that list anew.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
HEADING = "## Every file\n"
FOLDERS = ("bot", "cogs", "engine", "config", "playground", "benchmarks")


def files() -> Iterator[Path]:
    yield ROOT / "run_bot.py"
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"), key=lambda path: (path.parent, path.name))


def summary(path: Path) -> str:
    """The first paragraph of the module's docstring, in one line; empty for a bare package."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def listing() -> str:
    rows = (
        f"| `{path.relative_to(ROOT).as_posix()}` | {text.replace('|', chr(92) + '|')} |"
        for path in files()
        if (text := summary(path))
    )
    return "\n".join(["| file | what it is for |", "|---|---|", *rows]) + "\n"


def test_the_page_lists_every_file_as_its_docstring_says() -> None:
    written = PAGE.read_text("utf-8").split(HEADING)[1].strip()

    assert written == listing().strip(), "run: python -m tests.meta.test_architecture"


def test_every_module_says_what_it_is_for() -> None:
    bare = [path for path in files() if path.name != "__init__.py" and not summary(path)]

    assert bare == []


if __name__ == "__main__":
    before = PAGE.read_text("utf-8").split(HEADING)[0]
    PAGE.write_text(f"{before}{HEADING}\n{listing()}", "utf-8")
