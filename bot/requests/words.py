"""What of a text can be seen. Pure."""

from __future__ import annotations

import unicodedata

# Letters and marks that show nothing; a prompt of them alone would be painted as if nothing were said.
_EMPTY = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")  # categories of Unicode: controls, marks of format, spaces


def trimmed(text: str) -> str:
    """The text without the space around it; empty where nothing of it can be seen."""
    return text.strip() if any(_is_seen(character) for character in text) else ""


def _is_seen(character: str) -> bool:
    mark = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"  # choose another's variant
    return character not in _EMPTY and not mark and unicodedata.category(character) not in _UNSEEN
