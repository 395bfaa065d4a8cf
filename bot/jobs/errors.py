"""The refusals a person may meet: a code and arguments; the sentences are in `translations/`.

A refusal changes nothing. Commands and buttons let it rise to the one handler in `client.py`, which says it.
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
    """The request itself cannot be painted."""

    code = "invalid"


class EmptyPrompt(Invalid):
    code = "empty-prompt"


class PromptTooLong(Invalid):
    """Arguments: length, limit (characters)."""

    code = "prompt-too-long"


class TooManyTokens(Invalid):
    """More than the model reads. Arguments: tokens, limit."""

    code = "too-many-tokens"


class UnknownShape(Invalid):
    """Arguments: shape, shapes (those the model has)."""

    code = "unknown-shape"


class SizeUnfit(Invalid):
    """Arguments: shape, least, most (sides in pixels of a square), longest (side in pixels)."""

    code = "size-unfit"


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


class BeyondEngines(Invalid):
    """Engines of one model can do it together, but none of them all of it."""

    code = "beyond-engines"


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


class PictureNotFetched(BadPicture):
    """The connection to Discord's files was cut, or too slow."""

    code = "picture-not-fetched"


class PictureTakesTooLong(BadPicture):
    """It needs more processor time than a picture may."""

    code = "picture-takes-too-long"


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


class PainterBroken(Unavailable):
    """No painter can start. Arguments: problem, a sentence for the owner alone."""

    code = "painter-broken"


class Paused(Unavailable):
    """An admin paused this server, or the owner everything."""

    code = "paused"


class Interrupted(Unavailable):
    """Each process that took this request up has ended over it."""

    code = "interrupted"


class DiskFull(Unavailable):
    """Too little room is left on the disk to take on more."""

    code = "disk-full"


class LedgerHeld(Unavailable):
    """Another program holds the ledger just now."""

    code = "ledger-held"


class NotAllowed(Refusal):
    """This person may not do this."""

    code = "not-allowed"


class NotYours(NotAllowed):
    code = "not-yours"


class NeedsAdmin(NotAllowed):
    code = "needs-admin"


class NeedsOwner(NotAllowed):
    code = "needs-owner"


class NotThere(Refusal):
    """What was asked for does not exist."""

    code = "not-there"


class UnknownJob(NotThere):
    code = "unknown-job"


class UnreadableJob(NotThere):
    """Its row was written by another version of this program, in a form that this one does not know."""

    code = "unreadable-job"


class PictureGone(NotThere):
    """The job is known, its picture is not (any more, or not yet)."""

    code = "picture-gone"


class UnknownButton(NotThere):
    """Drawn by another version of this program."""

    code = "unknown-button"


class UnknownForm(NotThere):
    """Opened by another version of this program."""

    code = "unknown-form"


class NothingToCancel(NotThere):
    code = "nothing-to-cancel"


class NotAmongYours(NotThere):
    """Words that fit none of the person's live jobs. Arguments: typed."""

    code = "not-among-yours"


class SeveralFit(NotThere):
    """Words that fit more than one of them. Arguments: typed."""

    code = "several-fit"


class AlreadyDeleted(NotThere):
    """Somebody was quicker."""

    code = "already-deleted"


class TooLate(Refusal):
    """The job had ended before this came."""

    code = "too-late"


class BadSetting(Refusal):
    """Arguments: key, value, allowed."""

    code = "bad-setting"


class OverCeiling(BadSetting):
    """A guild's setting above the owner's ceiling. Arguments: key, value, ceiling."""

    code = "over-ceiling"


class UnknownStyle(Invalid):
    """Arguments: style."""

    code = "unknown-style"


class BadStyle(Refusal):
    """What an admin wrote is no style."""

    code = "bad-style"


class StyleNameUnfit(BadStyle):
    """Empty, too long or on several lines. Arguments: limit (characters)."""

    code = "style-name-unfit"


class StyleTooLong(BadStyle):
    """Arguments: length, limit (characters of the template)."""

    code = "style-too-long"


class StyleWithoutPrompt(BadStyle):
    """Its template has not exactly one place for the prompt. Arguments: found (how many)."""

    code = "style-without-prompt"


class StyleTaken(BadStyle):
    """Another style has this name. Arguments: style."""

    code = "style-taken"


class TooManyStyles(BadStyle):
    """Arguments: limit."""

    code = "too-many-styles"


class NothingToChange(BadStyle):
    """Everything that was given is so already."""

    code = "nothing-to-change"


class MaskWithoutImage(Invalid):
    """A mask or a region, and nothing of which it is a part."""

    code = "mask-without-image"


class MaskOrRegion(Invalid):
    """Both were given."""

    code = "mask-or-region"


class MaskPaintsNothing(BadPicture):
    code = "mask-paints-nothing"


class MaskPaintsEverything(BadPicture):
    code = "mask-paints-everything"


class MaskOfAnotherShape(BadPicture):
    """Arguments: width, height, image_width, image_height (pixels)."""

    code = "mask-of-another-shape"


class OriginalTooHeavy(Refusal):
    """Discord does not take the PNG. Arguments: size, limit (MiB)."""

    code = "original-too-heavy"


class NothingToFinish(Invalid):
    """It has all the steps that the loaded model is made for, or another model painted it."""

    code = "nothing-to-finish"


class UnknownLora(Invalid):
    """No file of this name is there. Arguments: lora."""

    code = "unknown-lora"


class SameLoraTwice(Invalid):
    """Arguments: lora."""

    code = "same-lora-twice"


class LoraWeightWithoutLora(Invalid):
    code = "lora-weight-without-lora"


class BadFlag(Invalid):
    """Something typed like an option into the prompt cannot be read. Arguments: flag."""

    code = "bad-flag"


class UnknownFlag(BadFlag):
    """Arguments: flag, flags (those there are)."""

    code = "unknown-flag"


class FlagNeedsNumber(BadFlag):
    """Arguments: flag, value (as typed; may be empty)."""

    code = "flag-needs-number"


class FlagNeedsWords(BadFlag):
    """Nothing follows it."""

    code = "flag-needs-words"


class FlagTwice(BadFlag):
    """Given more than once, with different values."""

    code = "flag-twice"


class FlagContradicts(BadFlag):
    """Arguments: flag, name (of the option that says something else)."""

    code = "flag-contradicts"


class TooManyLoras(Invalid):
    """Arguments: limit."""

    code = "too-many-loras"


class UnknownControl(Invalid):
    """Arguments: control, controls (those there are)."""

    code = "unknown-control"


class ControlWithoutPicture(Invalid):
    """A kind or a strength of control, and no picture to follow."""

    code = "control-without-picture"


class ControlPictureWithoutKind(Invalid):
    """A picture to follow, and nothing that says what it shows."""

    code = "control-picture-without-kind"


class ModelRefusal(Refusal):
    """The model stays as it is."""

    code = "model-stays"


class NoEngineHere(ModelRefusal):
    """Only engines at a broker: each takes its model from where it is started."""

    code = "no-engine-here"


class UnknownModel(ModelRefusal):
    """Arguments: model, models (those there are)."""

    code = "unknown-model"


class SameModel(ModelRefusal):
    """Arguments: model."""

    code = "same-model"


class ModelChanging(ModelRefusal):
    """Another change is under way."""

    code = "model-changing"
