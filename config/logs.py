"""How every process of this project writes its log: one handler, and no token or secret in anything that goes out.

Libraries put addresses into the texts of their errors, and an address may carry an interaction's token.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from types import TracebackType

MASK = "***"
_SHORTEST = 6  # characters; a shorter value is in too many words to be masked wherever it stands

_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # or that turn lines round

_RULES = (
    # https://discord.com/developers/docs/interactions/receiving-and-responding#endpoints: both paths carry the token
    re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/?#\s'\"<>,)\]]+"),
    re.compile(r"(\b(?:Bearer|Basic) +)[^\s'\",)\]}]+"),
    re.compile(r"(authorization\b['\"]?\s*[:=,]\s*b?['\"]?(?:(?:Bot|Bearer|Basic) +)?)[^\s'\",)\]}]+", re.IGNORECASE),
    # A key of a dict, of JSON or of a query, or an argument in a repr.
    re.compile(r"(\b\w*(?:token|secret|password|signing_key)['\"]\s*:\s*b?['\"])[^'\"]+", re.IGNORECASE),
    re.compile(r"(\b\w*(?:token|secret|password|signing_key)=b?['\"]?)[^\s'\",)&\]}]+", re.IGNORECASE),
    re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/@\s'\"]+(?=@)", re.IGNORECASE),  # user and password of an address
    re.compile(r"()\b[MNO][\w-]{22,27}\.[\w-]{5,7}\.[\w-]{20,}"),  # a bot's token
    re.compile(r"()\bS[UANOC][A-Z2-7]{56}\b"),  # the seed of a NATS key
)


class Discreet(logging.Formatter):
    """Masks what looks like a secret, and `secrets` wherever they stand, in the whole text of a record.

    The text is masked, not the record: so message, arguments, traceback and stack come through the same gate.
    """

    def __init__(self, form: str, *, secrets: Iterable[str] = ()) -> None:
        super().__init__(form, datefmt="%H:%M:%S")
        self._secrets = [secret for secret in secrets if len(secret) >= _SHORTEST]

    def format(self, record: logging.LogRecord) -> str:
        try:
            text = super().format(record)
        except (TypeError, ValueError, LookupError):  # else logging itself would print the arguments
            text = f"{record.levelname} {record.name}  {record.msg!r} {record.args!r}"
        return self.mask(_one_entry(text))

    def mask(self, text: str) -> str:
        """This text without what must not be seen."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        for rule in _RULES:
            text = rule.sub(rf"\1{MASK}", text)
        return text


def _one_entry(text: str) -> str:
    """Only its first line begins at the margin, so that no name and no error of strangers' can pass for another."""
    lines = [_UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", line) for line in text.splitlines()]
    return "\n  ".join(lines)


def start_log(handler: logging.Handler, *, form: str, level: int | str, secrets: Iterable[str] = ()) -> None:
    """Let everything that this process has to say go through `handler`: log, warnings, and the error that ends it."""
    handler.setFormatter(Discreet(form, secrets=secrets))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(capture=True)
    sys.excepthook = _say_the_last


def _say_the_last(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("zimagine").critical("this process ends by an error", exc_info=(kind, error, trace))
