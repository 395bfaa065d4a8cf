"""Writes `zimagine.example.toml` from the settings: `python -m config.example`."""

from __future__ import annotations

import json
from pathlib import Path

from config.settings import PREFIX
from config.sources import allowed, field_schema, setting_paths

EXAMPLE = Path(__file__).with_name("zimagine.example.toml")

HEAD = f"""# Settings of Zimagine. Copy to zimagine.toml and take the # from what you change.
# The environment ({PREFIX}LIMITS__PER_DAY=100), .env and flags (--limits.per-day 100) are stronger than this file.

"""


def example() -> str:
    """The whole file: each setting with its meaning, what it accepts and its default, commented out."""
    lines = [HEAD]
    section = ""
    for path in sorted(setting_paths(), key=len):
        name = path[-1]
        if len(path) > 1 and path[0] != section:
            section = path[0]
            lines.append(f"\n[{section}]\n")
        schema = field_schema(path)
        assert schema is not None
        default = schema.get("default")
        if path == ("engine", "threads"):
            default = None  # depends on the machine
        lines.append(f"# {schema['description']} Accepts {allowed(schema)}.\n")
        lines.append(f"#{name} =\n" if default is None else f"#{name} = {json.dumps(default)}\n")
    return "".join(lines)


if __name__ == "__main__":
    EXAMPLE.write_text(example(), encoding="utf-8")
