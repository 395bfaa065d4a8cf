"""The nodes of a ComfyUI graph by which a part of a picture is painted: the picture, what of it is new, the latent."""

from __future__ import annotations

from engine.metadata.facts import Facts
from engine.metadata.graph import Node, Wire
from protocol import geometry

FEATHER = 16  # pixels over which ComfyUI fades a padded picture

_VAE = Wire(node=3, type="VAE")


def latent(facts: Facts) -> dict[int, Node]:
    """Nodes 7 and 11 to 16; node 7 is the latent with its mask. ComfyUI asks for the picture, and for a mask."""
    margins = facts.margins
    if margins is None:
        pixels, mask, more = Wire(node=12, type="IMAGE"), *_mask(facts)
        width, height = facts.width, facts.height
    else:
        pixels, mask = Wire(node=13, type="IMAGE"), Wire(node=13, slot=1, type="MASK")
        width = facts.width - margins.left - margins.right
        height = facts.height - margins.top - margins.bottom
        more = {13: _padded(facts)}
    return {
        7: Node(
            type="SetLatentNoiseMask",
            inputs={"samples": Wire(node=16, type="LATENT"), "mask": mask},
            outputs=("LATENT",),
        ),
        **source(width, height),
        16: Node(type="VAEEncode", inputs={"pixels": pixels, "vae": _VAE}, outputs=("LATENT",)),
        **more,
    }


def source(width: int, height: int) -> dict[int, Node]:
    """Nodes 11 and 12: the picture to start from, for which ComfyUI asks, scaled to cover so many pixels."""
    return {
        11: Node(
            type="LoadImage",
            inputs={"image": "source.png"},
            outputs=("IMAGE", "MASK"),
            extra_widgets={"image": "image"},
        ),
        12: Node(
            type="ImageScale",
            inputs={
                "image": Wire(node=11, type="IMAGE"),
                "upscale_method": "lanczos",
                "width": width,
                "height": height,
                "crop": "center",
            },
            outputs=("IMAGE",),
        ),
    }


def _padded(facts: Facts) -> Node:
    assert facts.margins is not None
    margins = facts.margins
    sides = {"left": margins.left, "top": margins.top, "right": margins.right, "bottom": margins.bottom}
    return Node(
        type="ImagePadForOutpaint",
        inputs={"image": Wire(node=12, type="IMAGE"), **sides, "feathering": FEATHER},
        outputs=("IMAGE", "MASK"),
    )


def _mask(facts: Facts) -> tuple[Wire, dict[int, Node]]:
    """Where it comes from: a picture of its own, a named region, or what is transparent in the source."""
    if facts.masked:
        load = Node(
            type="LoadImageMask",
            inputs={"image": "mask.png", "channel": "red"},
            outputs=("MASK",),
            extra_widgets={"channel": "image"},
        )
        return Wire(node=13, type="MASK"), {13: load}
    if facts.region is None:
        return Wire(node=11, slot=1, type="MASK"), {}
    box = geometry.region_box(facts.width, facts.height, facts.region)
    return Wire(node=15, type="MASK"), {
        13: _solid(0.0, facts.width, facts.height),
        14: _solid(1.0, box.width, box.height),
        15: Node(
            type="MaskComposite",
            inputs={
                "destination": Wire(node=13, type="MASK"),
                "source": Wire(node=14, type="MASK"),
                "x": box.x,
                "y": box.y,
                "operation": "add",
            },
            outputs=("MASK",),
        ),
    }


def _solid(value: float, width: int, height: int) -> Node:
    inputs = {"value": value, "width": width, "height": height}
    return Node(type="SolidMask", inputs=inputs, outputs=("MASK",))
