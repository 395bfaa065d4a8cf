"""A picture's recipe as a ComfyUI graph: the API form that runs again, and the form its page draws.

Approximate on purpose: ComfyUI draws its noise otherwise, so the same seed gives a like picture, not the same one.
Nodes as in Comfy-Org's template for Z-Image-Turbo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from engine.metadata import comfy_inpaint, comfy_models
from engine.metadata.facts import Facts
from engine.metadata.graph import Node, Wire
from protocol.card import Z_IMAGE, Z_IMAGE_TURBO
from protocol.request import Kind

TURBO_SHIFT = 3.0
PUBLISHED_FILES = {Z_IMAGE_TURBO.name: "z_image_turbo_bf16.safetensors", Z_IMAGE.name: "z_image_bf16.safetensors"}
SIZE, GAP = (300, 180), 40  # pixels on ComfyUI's page


def api_graph(facts: Facts) -> dict[str, Any]:
    """What ComfyUI's /prompt takes."""
    return {
        str(number): {
            "class_type": node.type,
            "inputs": {
                name: [str(value.node), value.slot] if isinstance(value, Wire) else value
                for name, value in node.inputs.items()
            },
        }
        for number, node in _nodes(facts).items()
    }


def workflow(facts: Facts) -> dict[str, Any]:
    """What ComfyUI's page opens when the picture is dropped on it."""
    nodes = _nodes(facts)
    links: list[list[Any]] = []
    for number, node in nodes.items():
        wires = [(name, value) for name, value in node.inputs.items() if isinstance(value, Wire)]
        for slot, (_, wire) in enumerate(wires):
            links.append([len(links) + 1, wire.node, wire.slot, number, slot, wire.type])
    places = _places(nodes)
    return {
        "last_node_id": max(nodes),
        "last_link_id": len(links),
        "nodes": [
            _drawn(number, node, order, links) | {"pos": places[number]}
            for order, (number, node) in enumerate(nodes.items())
        ],
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def _drawn(number: int, node: Node, order: int, links: list[list[Any]]) -> dict[str, Any]:
    arriving = {link[4]: link[0] for link in links if link[3] == number}
    wires = [(name, value) for name, value in node.inputs.items() if isinstance(value, Wire)]
    widgets: list[str | int | float] = []
    for name, value in node.inputs.items():
        if not isinstance(value, Wire):
            widgets.append(value)
            if name in node.extra_widgets:
                widgets.append(node.extra_widgets[name])
    return {
        "id": number,
        "type": node.type,
        "size": SIZE,
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": [
            {"name": name, "type": wire.type, "link": arriving[slot]} for slot, (name, wire) in enumerate(wires)
        ],
        "outputs": [
            {
                "name": kind,
                "type": kind,
                "slot_index": slot,
                "links": [link[0] for link in links if link[1] == number and link[2] == slot],
            }
            for slot, kind in enumerate(node.outputs)
        ],
        "properties": {"Node name for S&R": node.type},
        "widgets_values": widgets,
    }


def _places(nodes: Mapping[int, Node]) -> dict[int, tuple[int, int]]:
    """Left and top of each node: every wire runs to the right, and no node lies on another."""

    @cache
    def column(number: int) -> int:
        sources = [value.node for value in nodes[number].inputs.values() if isinstance(value, Wire)]
        return 1 + max(map(column, sources), default=-1)

    width, height = SIZE
    in_column = Counter[int]()
    places = dict[int, tuple[int, int]]()
    for number in nodes:
        left = column(number)
        places[number] = left * (width + GAP), in_column[left] * (height + GAP)
        in_column[left] += 1
    return places


def _nodes(facts: Facts) -> dict[int, Node]:
    model_file = PUBLISHED_FILES.get(facts.model, f"{facts.model}.safetensors")
    clip = Wire(node=2, type="CLIP")
    positive = Wire(node=5, type="CONDITIONING")
    return {
        1: Node(type="UNETLoader", inputs={"unet_name": model_file, "weight_dtype": "default"}, outputs=("MODEL",)),
        2: Node(
            type="CLIPLoader",
            inputs={"clip_name": "qwen_3_4b.safetensors", "type": "lumina2", "device": "default"},
            outputs=("CLIP",),
        ),
        3: Node(type="VAELoader", inputs={"vae_name": "ae.safetensors"}, outputs=("VAE",)),
        4: Node(
            type="ModelSamplingAuraFlow",
            inputs={
                "model": Wire(node=comfy_models.last_model(facts), type="MODEL"),
                "shift": facts.shift or TURBO_SHIFT,
            },
            outputs=("MODEL",),
        ),
        5: Node(type="CLIPTextEncode", inputs={"clip": clip, "text": facts.painted_prompt}, outputs=("CONDITIONING",)),
        6: Node(type="CLIPTextEncode", inputs={"clip": clip, "text": facts.negative}, outputs=("CONDITIONING",))
        if facts.guidance > 0
        else Node(type="ConditioningZeroOut", inputs={"conditioning": positive}, outputs=("CONDITIONING",)),
        **_latent(facts),
        **comfy_models.nodes(facts),
        8: Node(
            type="KSampler",
            inputs={
                "model": Wire(node=4, type="MODEL"),
                "positive": positive,
                "negative": Wire(node=6, type="CONDITIONING"),
                "latent_image": Wire(node=7, type="LATENT"),
                "seed": facts.seed,
                "steps": facts.steps,
                "cfg": round(facts.guidance + 1, 3),
                "sampler_name": "euler",
                "scheduler": "simple",
                "denoise": 1.0 if facts.kind is Kind.TEXT else facts.strength,
            },
            outputs=("LATENT",),
            extra_widgets={"seed": "fixed"},  # the page's "control after generate"
        ),
        9: Node(
            type="VAEDecode",
            inputs={"samples": Wire(node=8, type="LATENT"), "vae": Wire(node=3, type="VAE")},
            outputs=("IMAGE",),
        ),
        10: Node(type="SaveImage", inputs={"images": Wire(node=9, type="IMAGE"), "filename_prefix": "zimagine"}),
    }


def _latent(facts: Facts) -> dict[int, Node]:
    """Noise of the right size, or the picture from which this one started (which ComfyUI asks for)."""
    if facts.kind is Kind.TEXT:
        size = {"width": facts.width, "height": facts.height, "batch_size": 1}
        return {7: Node(type="EmptySD3LatentImage", inputs=size, outputs=("LATENT",))}
    if facts.kind is Kind.INPAINT:
        return comfy_inpaint.latent(facts)
    scaled = Wire(node=12, type="IMAGE")
    return {
        7: Node(type="VAEEncode", inputs={"pixels": scaled, "vae": Wire(node=3, type="VAE")}, outputs=("LATENT",)),
        **comfy_inpaint.source(facts.width, facts.height),
    }
