"""The refusals a person may meet: a code and arguments; the sentences are in `translations/`.

A refusal changes nothing. The one handler in `client.py` says it; nobody else catches it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

Argument = str | int | float


class Refusal(Exception):
    """Something a person asked for that will not be done. `code` names the sentence `refusal-<code>`."""

    code: ClassVar[str] = "refused"

    def __init__(self, **arguments: Argument) -> None:
        super().__init__(self.code, arguments)
        self.arguments = arguments

    @classmethod
    def family(cls) -> Iterator[type[Refusal]]:
        """Every refusal there is, for the test that each has its sentence in each language."""
        yield cls
        for kind in cls.__subclasses__():
            yield from kind.family()


class Invalid(Refusal):
    """The wish itself cannot be painted."""

    code = "invalid"


class EmptyPrompt(Invalid):
    code = "empty-prompt"


class PromptTooLong(Invalid):
    """Arguments: length, limit (characters)."""

    code = "prompt-too-long"


class UnknownShape(Invalid):
    """Arguments: shape, shapes (those the model has)."""

    code = "unknown-shape"


class OutOfRange(Invalid):
    """Arguments: name (of the option), value, least, most."""

    code = "out-of-range"


class StepsOverCeiling(Invalid):
    """Arguments: steps, ceiling (the owner's)."""

    code = "steps-over-ceiling"


class NegativeWithoutGuidance(Invalid):
    """A negative prompt together with guidance 0."""

    code = "negative-without-guidance"


class StrengthWithoutImage(Invalid):
    code = "strength-without-image"


class NotOffered(Invalid):
    """The loaded model cannot do it. Arguments: feature."""

    code = "not-offered"


class TooLarge(Invalid):
    """An upscale beyond the model's limits. Arguments: width, height, most (pixels a side)."""

    code = "too-large"


class BadPicture(Refusal):
    """A person's attachment cannot be used."""

    code = "bad-picture"


class EmptyPicture(BadPicture):
    code = "empty-picture"


class NotAPicture(BadPicture):
    """Not a PNG, JPEG, WebP or GIF that decodes."""

    code = "not-a-picture"


class PictureTooHeavy(BadPicture):
    """Arguments: size, limit (MiB)."""

    code = "picture-too-heavy"


class TooManyPixels(BadPicture):
    """Arguments: width, height, limit (megapixels)."""

    code = "too-many-pixels"


class ForeignPicture(BadPicture):
    """An attachment that does not lie on Discord's hosts."""

    code = "foreign-picture"


class LimitReached(Refusal):
    """A personal limit. Arguments: limit, retry (Unix seconds when to try again)."""

    code = "limit-reached"


class PerMinuteReached(LimitReached):
    code = "per-minute-reached"


class PerDayReached(LimitReached):
    code = "per-day-reached"


class InFlightReached(LimitReached):
    """Arguments: limit. Trying again makes sense when one of theirs is done."""

    code = "in-flight-reached"


class QueueFull(Refusal):
    """The whole queue is at its bound. Arguments: limit, retry."""

    code = "queue-full"


class Unavailable(Refusal):
    """Nothing can be painted at the moment."""

    code = "unavailable"


class PainterLoading(Unavailable):
    """No model card is known yet."""

    code = "painter-loading"


class Paused(Unavailable):
    """An admin paused this server, or the owner everything."""

    code = "paused"


class DiskFull(Unavailable):
    """Too little room is left on the disk to take on more."""

    code = "disk-full"


class NotAllowed(Refusal):
    """This person may not do this."""

    code = "not-allowed"


class NotYours(NotAllowed):
    code = "not-yours"


class NeedsModerator(NotAllowed):
    code = "needs-moderator"


class NeedsAdmin(NotAllowed):
    code = "needs-admin"


class NeedsOwner(NotAllowed):
    code = "needs-owner"


class ChannelForbidden(NotAllowed):
    """The bot cannot write here."""

    code = "channel-forbidden"


class NotThere(Refusal):
    """What was asked for does not exist."""

    code = "not-there"


class UnknownJob(NotThere):
    code = "unknown-job"


class PictureGone(NotThere):
    """The job is known, its picture is not (any more, or not yet)."""

    code = "picture-gone"


class NothingToCancel(NotThere):
    code = "nothing-to-cancel"


class TooLate(Refusal):
    """The job had ended before this came."""

    code = "too-late"


class BadSetting(Refusal):
    """Arguments: key, value, allowed."""

    code = "bad-setting"


class OverCeiling(BadSetting):
    """A guild's setting above the owner's ceiling. Arguments: key, value, ceiling."""

    code = "over-ceiling"
