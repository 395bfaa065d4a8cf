"""Small lines on a job's message about its words: the style, the prompt written out, the pass for fine detail. Pure."""

from __future__ import annotations

from bot.jobs.job import Job
from bot.requests.draft import AS_SAID
from bot.requests.known_words import holds_known_word
from bot.requests.sizes import asked_pixels
from bot.translations import has, say
from bot.ui import text
from protocol.card import Knows, ModelCard
from protocol.request import ImageRequest, Kind, Upscaler

SHOWN_ENHANCED = 500  # characters; with a long prompt, each escaped, they stay within the 4000 of a message
_SHOWN_ABOUT, _SHOWN_EXAMPLE = 200, 60  # characters, as many as a card may have


def before(job: Job, *, writing: str) -> list[str]:
    """What is to be known while it waits or is painted. `writing` is what the model has written out so far."""
    locale, request = job.requester.locale, job.request
    lines = [_rounded(locale, request), _style(locale, request), _enhanced(locale, request, writing)]
    if request.quality:
        key = "quality-writes" if request.to_be_written else "quality-costs"
        lines.append(say(locale, key, steps=request.detail_steps, percent=_more(request)))
    return [f"-# {line}" for line in lines if line]


def after(job: Job) -> list[str]:
    """What the finished message says besides its parameters."""
    line = _enhanced(job.requester.locale, job.request, "")
    return [f"-# {line}"] if line else []


def beyond(job: Job, card: ModelCard | None) -> str:
    """What the small model that painted this can do, where it knows no word of the prompt.

    Said where somebody wrote or rolled the words, not again under each picture that is made of a picture; nor beside
    a prompt that was written out, for a message has no room for both.
    """
    knows = card.knows if card is not None and card.id == job.model_id else None
    from_picture = job.parent is not None and job.parent[1] is not None
    if knows is None or from_picture or job.request.enhanced or holds_known_word(job.request.prompt, knows):
        return ""
    return known(job.requester.locale, knows, first=job.request.seed)


def known(locale: str, knows: Knows, *, first: int = 0) -> str:
    """What a small model can do, in one line with two examples; another `first` begins at another one."""
    said = knows.zh if text.reads_chinese(locale) else knows.en
    count = len(said.examples)
    one, two = (text.inline(said.examples[(first + n) % count], _SHOWN_EXAMPLE) for n in range(2))
    return say(locale, "small-model", about=text.inline(said.about, _SHOWN_ABOUT), one=one, two=two)


def kind(locale: str, job: Job) -> str:
    """How the picture comes about, in a word or two; nothing where it is painted from words alone."""
    request = job.request
    from_ours = job.parent is not None and job.parent[1] is not None
    match request.kind:
        case Kind.TEXT | Kind.IMAGE if from_ours:
            return say(locale, "kind-variation")
        case Kind.TEXT:
            return ""
        case Kind.UPSCALE if request.upscaler is not Upscaler.SUBTLE:
            return say(locale, f"kind-upscale-{request.upscaler.value}")
        case Kind.INPAINT if request.margins is not None:
            return say(locale, "kind-outpaint")
        case other:
            return say(locale, f"kind-{other.value}")


def size(request: ImageRequest) -> str:
    """Width and height in pixels, as a person reads them."""
    return f"{request.width} × {request.height}"


def parameters(locale: str, request: ImageRequest) -> list[str]:
    """For the line of parameters."""
    words = [_rounded(locale, request), _style(locale, request)]
    if request.region is not None:
        words.append(say(locale, f"region-{request.region.value}"))
    words += [
        say(locale, f"parameter-{name}", value=text.number(said), percent=_more(request))
        for name in AS_SAID
        if (said := getattr(request, name)) and has(f"parameter-{name}")
    ]
    if request.variety > 0:
        words.append(say(locale, "parameter-variety", variety=text.number(request.variety)))
    if request.blend is not None:
        words.append(say(locale, "parameter-near", seed=str(request.blend.seed)))
    for lora in request.loras:
        shown = text.inline(lora.name, 60)
        words.append(say(locale, "parameter-lora", lora=shown, weight=text.number(float(lora.weight))))
    if request.control is not None:
        kind_of_picture = text.control_name(locale, request.control.kind.value)
        strength = text.number(float(request.control.strength))
        words.append(say(locale, "parameter-control", kind=kind_of_picture, strength=strength))
    return [word for word in words if word]


def whole(request: ImageRequest) -> str:
    """All words of a request: those of its person, and those that were painted where they are others."""
    said = [request.prompt]
    if request.painted_prompt != request.prompt:
        said.append(request.painted_prompt)
    return "\n\n".join(map(text.plain, said))


def clipped(request: ImageRequest) -> bool:
    """Whether the message leaves some of these words out."""
    return len(text.plain(request.prompt)) > text.SHOWN_PROMPT or len(text.plain(request.enhanced)) > SHOWN_ENHANCED


def _rounded(locale: str, request: ImageRequest) -> str:
    """The size that was asked for, where the model paints the next one to it."""
    asked = asked_pixels(request.shape) if request.kind in (Kind.TEXT, Kind.IMAGE) else None
    if asked is None or asked == (request.width, request.height):
        return ""
    return say(locale, "size-rounded", asked=text.shape_name(locale, request.shape), size=size(request))


def _style(locale: str, request: ImageRequest) -> str:
    return say(locale, "parameter-style", style=text.inline(request.style.name, 100)) if request.style else ""


def _enhanced(locale: str, request: ImageRequest, writing: str) -> str:
    words = request.enhanced or writing
    if not words or words == request.prompt:
        return ""
    return say(locale, "parameter-enhanced", text=text.inline(words, SHOWN_ENHANCED))


def _more(request: ImageRequest) -> int:
    """How much longer the pass for fine detail takes, in percent of the painting without it."""
    return round(100 * request.detail_steps / (request.steps - request.first_step))
