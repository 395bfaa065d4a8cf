"""All that a picture of ours tells about itself, whatever the format. No torch, no Pillow."""

from __future__ import annotations

from msgspec import Struct

from engine import BUILD
from protocol.request import Blend, ControlKind, ImageRequest, Kind, Lora, Margins, Region, Style, Upscaler

SOFTWARE = f"Zimagine {BUILD}"


class Facts(Struct, frozen=True, kw_only=True):
    """All that is told about one picture. `composite`: painted over somebody's photo or drawing."""

    prompt: str
    negative: str
    seed: int
    steps: int
    guidance: float  # diffusers' scale: 0 is off
    width: int
    height: int
    kind: Kind
    strength: float
    model: str
    composite: bool = False
    loras: tuple[Lora, ...] = ()
    control: ControlKind | None = None  # what the picture shows that it follows
    control_strength: float = 0.0
    style: Style | None = None
    enhanced: str = ""  # what the model wrote out of the prompt
    detail_steps: int = 0  # of the pass for fine detail
    variety: float = 0.0
    blend: Blend | None = None
    upscaler: Upscaler | None = None
    masked: bool = False  # painted where a mask was white
    region: Region | None = None
    margins: Margins | None = None
    shift: float | None = None  # of the schedule; older pictures do not say
    software: str = SOFTWARE

    @property
    def painted_prompt(self) -> str:
        """The words that the model was given."""
        words = self.enhanced or self.prompt
        return words if self.style is None else self.style.around(words)

    @classmethod
    def of(cls, request: ImageRequest, k: int, *, model: str, composite: bool, shift: float | None = None) -> Facts:
        """The facts of image k of a request, painted by this model on a schedule of this shift."""
        return cls(
            prompt=request.prompt,
            negative=request.negative if request.guidance > 0 else "",
            seed=request.seed_of(k),
            steps=request.steps,
            guidance=request.guidance,
            width=request.width,
            height=request.height,
            kind=request.kind,
            strength=request.strength,
            model=model,
            composite=composite,
            loras=request.loras,
            control=request.control.kind if request.control is not None else None,
            control_strength=request.control.strength if request.control is not None else 0.0,
            style=request.style,
            enhanced=request.enhanced,
            detail_steps=request.detail_steps,
            variety=request.variety,
            blend=request.blend,
            upscaler=request.upscaler if request.kind is Kind.UPSCALE else None,
            masked=request.mask is not None,
            region=request.region,
            margins=request.margins,
            shift=shift,
        )
