"""What ComfyUI opens and runs again: the recipe of the picture, drawn so that it can be read."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.metadata import comfy
from engine.metadata.facts import Facts
from engine.worker.edits import inpaint
from protocol.card import Z_IMAGE, Z_IMAGE_TURBO
from protocol.request import Control, ControlKind, Kind, Lora, Margins, Region
from tests.support.orders import request

SOURCE = "b" * 64
LORAS = (Lora(name="ink", weight=0.8), Lora(name="gold", weight=-0.5))
FOLLOWED = {kind: Control(kind=kind, picture=SOURCE, strength=0.6) for kind in ControlKind}
RECIPES: dict[str, dict[str, Any]] = {
    "text": {},
    "guided": {"guidance": 2.5, "negative": "blur"},
    "image": {"kind": Kind.IMAGE, "source": SOURCE, "loras": LORAS},
    "edges": {"control": FOLLOWED[ControlKind.CANNY], "loras": LORAS},
    "depth": {"control": FOLLOWED[ControlKind.DEPTH]},
    "mask": {"kind": Kind.INPAINT, "source": SOURCE, "mask": SOURCE},
    "region": {"kind": Kind.INPAINT, "source": SOURCE, "region": Region.TOP},
    "margins": {"kind": Kind.INPAINT, "source": SOURCE, "margins": Margins(left=16, bottom=32)},
    "transparent": {"kind": Kind.INPAINT, "source": SOURCE, "loras": LORAS},
}


def facts(model: str = "starter", **changes: Any) -> Facts:
    return Facts.of(request(**changes), 0, model=model, composite=False)


def inputs(graph: dict[str, Any], kind: str) -> dict[str, Any]:
    """Of the one node of this class."""
    [node] = [node["inputs"] for node in graph.values() if node["class_type"] == kind]
    return node


def source(graph: dict[str, Any], wire: list[Any]) -> dict[str, Any]:
    """The node from which a wire comes, and of which output."""
    node, slot = wire
    return {**graph[node], "slot": slot}


@pytest.mark.parametrize("recipe", RECIPES)
def test_on_its_page_wires_run_to_the_right_and_no_node_lies_on_another(recipe: str) -> None:
    drawn = comfy.workflow(facts(**RECIPES[recipe]))

    nodes = {node["id"]: node for node in drawn["nodes"]}
    for _, origin, _, target, *_ in drawn["links"]:
        assert nodes[origin]["pos"][0] + nodes[origin]["size"][0] < nodes[target]["pos"][0]
    for one, other in combinations(nodes.values(), 2):
        (left, top), (x, y), (width, height) = one["pos"], other["pos"], one["size"]
        assert abs(left - x) > width or abs(top - y) > height
    assert min(min(node["pos"]) for node in nodes.values()) == 0


@pytest.mark.parametrize("recipe", RECIPES)
def test_its_page_shows_what_its_queue_runs(recipe: str) -> None:
    told = facts(**RECIPES[recipe])
    drawn, graph = comfy.workflow(told), comfy.api_graph(told)

    assert (drawn["last_node_id"], drawn["last_link_id"]) == (max(map(int, graph)), len(drawn["links"]))
    assert [link[0] for link in drawn["links"]] == list(range(1, len(drawn["links"]) + 1))
    assert {node["mode"] for node in drawn["nodes"]} == {0}  # none is muted
    assert [node["order"] for node in drawn["nodes"]] == list(range(len(graph)))
    links = {link[0]: link for link in drawn["links"]}
    kinds = {node["id"]: [output["type"] for output in node["outputs"]] for node in drawn["nodes"]}
    for node in drawn["nodes"]:
        runs = graph[str(node["id"])]
        values = [value for value in runs["inputs"].values() if not isinstance(value, list)]
        beside = {"KSampler": ["fixed"], "LoadImage": ["image"], "LoadImageMask": ["image"]}.get(node["type"], [])
        wires = {one["name"]: [str(links[one["link"]][1]), links[one["link"]][2]] for one in node["inputs"]}
        assert node["type"] == runs["class_type"]
        for wire in node["inputs"]:
            _, origin, slot, *_ = links[wire["link"]]
            assert wire["type"] == kinds[origin][slot]
        assert [value for value in node["widgets_values"] if value not in beside] == values
        assert len(node["widgets_values"]) == len(values) + len(beside)
        assert wires == {name: value for name, value in runs["inputs"].items() if isinstance(value, list)}
        for slot, output in enumerate(node["outputs"]):
            assert output["slot_index"] == slot
            assert output["links"] == [link[0] for link in links.values() if link[1:3] == [node["id"], slot]]


def test_its_page_reads_a_samplers_values_by_their_place() -> None:
    drawn = comfy.workflow(facts(seed=7, steps=9, guidance=2.5))

    [sampler] = [node for node in drawn["nodes"] if node["type"] == "KSampler"]
    assert sampler["widgets_values"] == [7, "fixed", 9, 3.5, "euler", "simple", 1.0]
    assert drawn["version"] == 0.4  # of the file's form


def test_the_files_are_those_of_its_template_for_the_model() -> None:
    published, other = comfy.api_graph(facts(model=Z_IMAGE_TURBO.name)), comfy.api_graph(facts(model="mine"))
    base = comfy.api_graph(msgspec.structs.replace(facts(model=Z_IMAGE.name), shift=6.0))

    assert inputs(published, "UNETLoader")["unet_name"] == "z_image_turbo_bf16.safetensors"
    assert inputs(other, "UNETLoader")["unet_name"] == "mine.safetensors"
    assert inputs(published, "ModelSamplingAuraFlow")["shift"] == 3.0
    assert inputs(base, "UNETLoader")["unet_name"] == "z_image_bf16.safetensors"
    assert inputs(base, "ModelSamplingAuraFlow")["shift"] == 6.0


def test_a_negative_prompt_counts_only_with_guidance() -> None:
    guided, free = comfy.api_graph(facts(**RECIPES["guided"])), comfy.api_graph(facts(negative="blur"))

    assert source(guided, inputs(guided, "KSampler")["negative"])["inputs"]["text"] == "blur"
    assert source(free, inputs(free, "KSampler")["negative"])["class_type"] == "ConditioningZeroOut"
    assert "blur" not in str(free)


def test_a_picture_of_words_alone_has_its_size() -> None:
    graph = comfy.api_graph(facts(width=96, height=64))

    assert inputs(graph, "EmptySD3LatentImage") == {"width": 96, "height": 64, "batch_size": 1}


def test_a_picture_of_a_picture_starts_from_it_at_its_size() -> None:
    graph = comfy.api_graph(facts(kind=Kind.IMAGE, source=SOURCE, width=96, height=64))

    begun = source(graph, inputs(graph, "KSampler")["latent_image"])
    scaled = source(graph, begun["inputs"]["pixels"])
    assert (scaled["inputs"]["width"], scaled["inputs"]["height"]) == (96, 64)
    assert source(graph, scaled["inputs"]["image"]) == {
        "class_type": "LoadImage", "inputs": {"image": "source.png"}, "slot": 0
    }  # fmt: skip


@pytest.mark.parametrize("region", Region)
@pytest.mark.parametrize(("width", "height"), [(64, 64), (208, 336)])
def test_a_region_is_the_same_part_of_the_picture_as_here(region: Region, width: int, height: int) -> None:
    wish: dict[str, Any] = {"kind": Kind.INPAINT, "source": SOURCE, "region": region, "width": width, "height": height}
    graph = comfy.api_graph(facts(**wish))

    put = inputs(graph, "MaskComposite")
    below, above = (source(graph, put[name])["inputs"] for name in ("destination", "source"))
    mask = np.full((below["height"], below["width"]), below["value"])
    rows, columns = slice(put["y"], put["y"] + above["height"]), slice(put["x"], put["x"] + above["width"])
    mask[rows, columns] += above["value"]

    assert source(graph, inputs(graph, "SetLatentNoiseMask")["mask"])["class_type"] == "MaskComposite"
    assert (mask == inpaint.region_mask(request(**wish), region)).all()


def test_what_is_painted_is_where_the_mask_is_white_or_the_picture_transparent() -> None:
    masked, transparent = (comfy.api_graph(facts(**RECIPES[name])) for name in ("mask", "transparent"))

    white = source(masked, inputs(masked, "SetLatentNoiseMask")["mask"])
    clear = source(transparent, inputs(transparent, "SetLatentNoiseMask")["mask"])
    assert (white["class_type"], white["inputs"]["channel"], white["slot"]) == ("LoadImageMask", "red", 0)
    assert (clear["inputs"]["image"], clear["slot"]) == ("source.png", 1)  # the second output is its transparency


def test_around_a_picture_that_grew_only_the_margins_are_painted() -> None:
    margins = Margins(left=16, top=8, right=24, bottom=32)
    graph = comfy.api_graph(facts(kind=Kind.INPAINT, source=SOURCE, margins=margins, width=128, height=96))

    latent = inputs(graph, "SetLatentNoiseMask")
    padded, mask = source(graph, inputs(graph, "VAEEncode")["pixels"]), source(graph, latent["mask"])
    scaled = source(graph, padded["inputs"]["image"])["inputs"]
    assert (scaled["width"], scaled["height"]) == (128 - 16 - 24, 96 - 8 - 32)
    assert [padded["inputs"][side] for side in ("left", "top", "right", "bottom")] == [16, 8, 24, 32]
    assert (padded["slot"], mask) == (0, padded | {"slot": 1})


@pytest.mark.parametrize(("kind", "seen"), [(ControlKind.CANNY, "Canny"), (ControlKind.DEPTH, "LoadImage")])
def test_of_the_picture_that_is_followed_edges_are_found_there(kind: ControlKind, seen: str) -> None:
    graph = comfy.api_graph(facts(control=FOLLOWED[kind], loras=LORAS))

    followed = inputs(graph, "QwenImageDiffsynthControlnet")
    image = source(graph, followed["image"])
    picture = source(graph, image["inputs"]["image"]) if seen == "Canny" else image
    assert (image["class_type"], picture["inputs"]["image"]) == (seen, "control.png")
    assert source(graph, followed["vae"])["class_type"] == "VAELoader"
    assert source(graph, followed["model_patch"])["class_type"] == "ModelPatchLoader"
    assert source(graph, followed["model"])["inputs"]["lora_name"] == "gold.safetensors"
    assert source(graph, inputs(graph, "ModelSamplingAuraFlow")["model"])["slot"] == 0
