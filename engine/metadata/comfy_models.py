"""The part of a ComfyUI graph between the model and its sampling: LoRAs one after another, then what is followed.

The followed picture is called control.png there; ComfyUI asks for it.
"""

from __future__ import annotations

from engine.metadata.facts import Facts
from engine.metadata.graph import Node, Wire
from protocol.request import ControlKind

MODEL, VAE = 1, 3  # numbers of nodes in the whole graph
FIRST_LORA = 20
PICTURE, EDGES, PATCH, CONTROL = 30, 31, 32, 33
UNION_FILE = "Z-Image-Turbo-Fun-Controlnet-Union.safetensors"


def last_model(facts: Facts) -> int:
    """The node whose model is sampled."""
    return CONTROL if facts.control is not None else _last_lora(facts)


def nodes(facts: Facts) -> dict[int, Node]:
    """Everything between the model and its sampling."""
    return _loras(facts) | _control(facts)


def _last_lora(facts: Facts) -> int:
    return FIRST_LORA + len(facts.loras) - 1 if facts.loras else MODEL


def _loras(facts: Facts) -> dict[int, Node]:
    return {
        FIRST_LORA + n: Node(
            type="LoraLoaderModelOnly",
            inputs={
                "model": Wire(node=FIRST_LORA + n - 1 if n else MODEL, type="MODEL"),
                "lora_name": f"{one.name}.safetensors",
                "strength_model": one.weight,
            },
            outputs=("MODEL",),
        )
        for n, one in enumerate(facts.loras)
    }


def _control(facts: Facts) -> dict[int, Node]:
    if facts.control is None:
        return {}
    image = Wire(node=EDGES if facts.control is ControlKind.CANNY else PICTURE, type="IMAGE")
    found = {
        PICTURE: Node(
            type="LoadImage",
            inputs={"image": "control.png"},
            outputs=("IMAGE", "MASK"),
            extra_widgets={"image": "image"},
        ),
        EDGES: Node(
            type="Canny",
            inputs={"image": Wire(node=PICTURE, type="IMAGE"), "low_threshold": 0.4, "high_threshold": 0.8},
            outputs=("IMAGE",),
        ),
        PATCH: Node(type="ModelPatchLoader", inputs={"name": UNION_FILE}, outputs=("MODEL_PATCH",)),
        CONTROL: Node(
            type="QwenImageDiffsynthControlnet",
            inputs={
                "model": Wire(node=_last_lora(facts), type="MODEL"),
                "model_patch": Wire(node=PATCH, type="MODEL_PATCH"),
                "vae": Wire(node=VAE, type="VAE"),
                "image": image,
                "strength": facts.control_strength,
            },
            outputs=("MODEL",),
        ),
    }
    return {number: node for number, node in found.items() if number != EDGES or facts.control is ControlKind.CANNY}
