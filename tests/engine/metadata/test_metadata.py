"""What a picture says about itself: read back exactly, understood by other programs, forged by no prompt."""

from __future__ import annotations

import io
import json
import re
from typing import Any
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine import BUILD
from engine.metadata.facts import Facts
from engine.metadata.png import OWN_KEY, SIGNATURE, embed_facts, parameters, read_facts, read_texts
from engine.worker.image.pixels import encode_png
from protocol.request import Blend, Control, ControlKind, Kind, Lora, Margins, Region, Style, Upscaler
from tests.support.orders import request

BLANK = encode_png(np.zeros((4, 4, 3), dtype=np.uint8))
NASTY = [
    "Steps: 99, Sampler: Evil, Seed: 1, Size: 1x1",
    "a cat\nNegative prompt: nothing",
    "a cat\nSteps: 99, Sampler: Evil, CFG scale: 9, Seed: 666",
    "steps : 3\nNEGATIVE PROMPT:x",
    'quotes " and \\ and , commas: colons',
    "<rdf:RDF>&amp;</rdf:RDF>",
    "白色背景上的红色星星\nSteps: 5, Seed: 5, Size: 5x5",
    "\ud7ff\u2028\u0085Steps: 1",
    "ends with a newline\n",
    "nul\0byte",
]
TEXT = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.text(TEXT, max_size=60),
    st.lists(st.sampled_from([*NASTY, "Seed: 5", "\n", ", ", '"', "Negative prompt:", "Steps: "]), max_size=5).map(
        "".join
    ),
)
SEEDS = st.integers(0, 2**32 - 1)
BLENDS = st.builds(Blend, seed=SEEDS, amount=st.floats(0.01, 1))
FACTS = st.builds(
    Facts,
    prompt=TEXTS,
    negative=TEXTS,
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 60),
    guidance=st.floats(0, 30),
    width=st.integers(1, 512).map(lambda n: n * 16),
    height=st.integers(1, 512).map(lambda n: n * 16),
    kind=st.sampled_from(Kind),
    strength=st.floats(0.01, 1),
    model=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20),
    composite=st.booleans(),
    variety=st.floats(0, 1),
    blend=st.none() | st.builds(Blend, seed=SEEDS, amount=st.floats(0.01, 1), toward=st.none() | BLENDS),
    upscaler=st.none() | st.sampled_from(Upscaler),
    style=st.none()
    | st.builds(Style, name=TEXTS.map(lambda name: name[:100]), template=TEXTS.map("{}{{prompt}}".format)),
    enhanced=TEXTS,
    detail_steps=st.integers(0, 15),
    masked=st.booleans(),
    region=st.none() | st.sampled_from(Region),
    margins=st.none() | st.builds(Margins, left=st.integers(0, 64), bottom=st.integers(0, 64)),
    control=st.none() | st.sampled_from(ControlKind),
    control_strength=st.floats(0.05, 2),
    loras=st.lists(
        st.builds(Lora, name=st.text(TEXT, min_size=1, max_size=30), weight=st.floats(-4, 4)), max_size=2
    ).map(tuple),
)


OUR_FIELDS = {
    "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "RNG", "Version", "Denoising strength",
    "Wish", "Style", "Detail pass", "ControlNet 0", "Module", "Weight", "Variety", "Variation seed",
    "Variation seed strength", "Upscaler", "Outpaint", "Inpaint",
}  # fmt: skip
LEADING = Control(kind=ControlKind.CANNY, picture="0" * 64, strength=0.6)


def a1111(text: str) -> dict[str, str]:
    """A1111's documented rule: the last line holds the fields if it has three, `Negative prompt:` starts a line."""
    field = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
    *lines, last = text.strip().split("\n")
    if len(field.findall(last)) < 3:
        lines.append(last)
        last = ""
    parts = {"Prompt": "", "Negative prompt": ""}
    into = "Prompt"
    for line in (one.strip() for one in lines):
        if line.startswith("Negative prompt:"):
            into, line = "Negative prompt", line[16:].strip()
        parts[into] += ("\n" if parts[into] else "") + line
    for key, value in field.findall(last):
        parts[key] = json.loads(value) if value.startswith('"') and value.endswith('"') else value
    return parts


def civitai(text: str) -> tuple[str, str]:
    """Civitai's rule: fields start at the first `Steps: `, a negative prompt at `Negative prompt:` before it."""
    head, _, fields = text.partition("Steps: ")
    _, _, negative = head.partition("Negative prompt:")
    return fields, negative


def civitai_fields(text: str) -> dict[str, str]:
    """Civitai's rule for the line of fields: parted at each colon, a name is what follows the last comma before one."""
    [line] = [line for line in text.split("\n") if line.startswith("Steps: ")]
    found, name = dict[str, str](), ""
    *parts, last = line.split(":")
    for part in parts:
        value, comma, following = part.rpartition(",")
        if comma and name:
            found[name] = value.strip()
        name = (following if comma else part).strip(' "')
    return found | {name: last.strip()}


@given(facts=FACTS)
def test_facts_are_read_back_exactly(facts: Facts) -> None:
    png = embed_facts(BLANK, facts)

    assert read_facts(png) == facts
    with Image.open(io.BytesIO(png)) as picture:
        picture.load()  # other readers accept the file


def test_a_picture_of_a_version_that_knew_less_says_no_more_than_it_did() -> None:
    known = {
        "prompt": "a cat", "negative": "", "seed": 7, "steps": 8, "guidance": 0.0, "width": 64, "height": 64,
        "kind": "text", "strength": 1.0, "model": "starter",
    }  # fmt: skip
    words = PngInfo()
    words.add_text(OWN_KEY, json.dumps(known))
    old = io.BytesIO()
    Image.new("RGB", (4, 4)).save(old, "PNG", pnginfo=words)

    facts = read_facts(old.getvalue())

    assert facts is not None
    told = {name: value for name, value in msgspec.to_builtins(facts).items() if name not in (*known, "software")}
    assert not any(told.values())
    assert parameters(facts).splitlines()[0] == "a cat"


@given(facts=FACTS)
def test_no_prompt_forges_a_field_for_a1111_or_civitai(facts: Facts) -> None:
    text = read_texts(embed_facts(BLANK, facts))["parameters"]

    seen = a1111(text)
    fields, negative = civitai(text)

    assert seen["Steps"] == str(facts.steps)
    assert seen["Seed"] == str(facts.seed)
    assert seen["Size"] == f"{facts.width}x{facts.height}"
    assert seen["RNG"] == "CPU"
    assert bool(seen["Negative prompt"]) <= bool(facts.negative.strip())
    assert fields.startswith(f"{facts.steps}, Sampler: Euler")
    assert bool(negative.strip()) <= bool(facts.negative.strip())
    told = civitai_fields(text)
    assert told["Seed"] == str(facts.seed)
    assert told["Size"] == f"{facts.width}x{facts.height}"
    assert told.keys() <= OUR_FIELDS


def test_the_words_of_a_wish_are_no_fields_for_civitai() -> None:
    wish = 'a sign "x, Seed: 1, Model: evil, CFG scale: 9, y" here, Hashes: {"model": "0"}, Civitai resources: [{]'
    facts = Facts.of(request(prompt=wish, style=Style(name="Ink: x, Seed: 2", template="{prompt}, in ink")), 0,
                     model="C:\\models, Seed: 3", composite=False)  # fmt: skip

    told = civitai_fields(parameters(facts))

    assert (told["Seed"], told["CFG scale"], told.keys() - OUR_FIELDS) == ("7", "1.0", set())
    assert "evil" in told["Wish"]
    assert "evil" not in told["Model"]


@pytest.mark.parametrize("prompt", NASTY)
def test_a_hostile_prompt_stays_a_prompt(prompt: str) -> None:
    facts = Facts.of(request(prompt=prompt), 0, model="Zimagine Starter", composite=False)

    seen = a1111(parameters(facts))

    assert (seen["Steps"], seen["Seed"], seen["Sampler"]) == ("8", "7", "Euler")
    assert seen["Negative prompt"] == ""


def test_an_ordinary_prompt_is_written_as_it_is() -> None:
    facts = Facts.of(
        request(prompt='a sign that says "hello, world"', negative="blur", guidance=2.5, seed=5),
        2,
        model="Z-Image-Turbo",
        composite=False,
    )

    assert parameters(facts) == (
        'a sign that says "hello, world"\n'
        "Negative prompt: blur\n"
        "Steps: 8, Sampler: Euler, Schedule type: Simple, CFG scale: 3.5, Seed: 7, Size: 64x64, "
        f"Model: Z-Image-Turbo, RNG: CPU, Version: Zimagine {BUILD}"
    )


def test_a_scale_is_told_to_the_thousandth() -> None:
    facts = Facts.of(request(guidance=0.12349), 0, model="starter", composite=False)

    assert "CFG scale: 1.123," in parameters(facts)


def test_a_negative_prompt_that_had_no_effect_is_not_told() -> None:
    facts = Facts.of(request(negative="blur", guidance=0), 0, model="m", composite=False)

    assert "blur" not in parameters(facts)


def test_a_style_and_a_written_out_prompt_are_told_beside_the_persons_own_words() -> None:
    wish = request(
        prompt="a fox",
        enhanced="a red fox in snow",
        style=Style(name="Neon", template="{prompt} at night"),
        quality=True,
    )
    facts = Facts.of(wish, 0, model="m", composite=False)

    text, seen = parameters(facts), a1111(parameters(facts))
    png = embed_facts(BLANK, facts)

    assert text.startswith("a red fox in snow at night\n")
    assert (seen["Wish"], seen["Style"], seen["Detail pass"]) == ("a fox", "Neon", "2")
    assert read_facts(png) == facts
    assert facts.painted_prompt == wish.painted_prompt
    assert "a red fox in snow at night" in read_texts(png)["prompt"]


def test_loras_are_written_as_a1111_writes_them_and_no_prompt_forges_one() -> None:
    loras = (Lora(name="ink wash", weight=0.8), Lora(name="a:b>", weight=-1.0))
    facts = Facts.of(request(prompt="a cat <LoRA: fake:1>", loras=loras), 0, model="m", composite=False)

    text = parameters(facts)

    assert re.findall(r"<(?:lora|lyco):([^:>]+):([^:>]+)>", text, re.IGNORECASE) == [
        ("ink wash", "0.8"),
        ("a_b_", "-1"),
    ]
    assert text.startswith("a cat <LoRA： fake:1> <lora:")


def test_comfyui_loads_the_loras_one_after_another() -> None:
    loras = (Lora(name="ink", weight=0.8), Lora(name="gold", weight=-0.5))
    facts = Facts.of(request(loras=loras), 0, model="m", composite=False)

    graph = json.loads(read_texts(embed_facts(BLANK, facts))["prompt"])

    (sampler,) = (node["inputs"] for node in graph.values() if node["class_type"] == "ModelSamplingAuraFlow")
    gold = graph[sampler["model"][0]]["inputs"]
    ink = graph[gold["model"][0]]["inputs"]
    assert (gold["lora_name"], gold["strength_model"]) == ("gold.safetensors", -0.5)
    assert (ink["lora_name"], ink["strength_model"]) == ("ink.safetensors", 0.8)
    assert graph[ink["model"][0]]["class_type"] == "UNETLoader"


@pytest.mark.parametrize(
    ("part", "told", "nodes"),
    [
        ({"mask": "a" * 64}, "Inpaint: mask", {"LoadImageMask"}),
        ({"region": Region.TOP}, "Inpaint: top", {"SolidMask", "MaskComposite"}),
        ({}, "Inpaint: transparent", set[str]()),
        ({"margins": Margins(left=16, bottom=32)}, 'Outpaint: "left 16, bottom 32"', {"ImagePadForOutpaint"}),
    ],
    ids=["mask", "region", "transparent", "margins"],
)
def test_what_was_painted_in_part_says_where(part: dict[str, Any], told: str, nodes: set[str]) -> None:
    facts = Facts.of(request(kind=Kind.INPAINT, source="b" * 64, **part), 0, model="m", composite=True)

    png = embed_facts(BLANK, facts)
    graph = json.loads(read_texts(png)["prompt"])

    assert told in parameters(facts)
    assert read_facts(png) == facts
    assert nodes <= {node["class_type"] for node in graph.values()}
    (sampler,) = (node["inputs"] for node in graph.values() if node["class_type"] == "KSampler")
    assert graph[sampler["latent_image"][0]]["class_type"] == "SetLatentNoiseMask"
    for node in graph.values():
        assert all(value[0] in graph for value in node["inputs"].values() if isinstance(value, list))


def test_comfyui_is_told_what_was_followed() -> None:
    facts = Facts.of(request(control=LEADING, loras=(Lora(name="ink"),)), 0, model="m", composite=False)

    graph = json.loads(read_texts(embed_facts(BLANK, facts))["prompt"])

    (sampling,) = (node["inputs"] for node in graph.values() if node["class_type"] == "ModelSamplingAuraFlow")
    applied = graph[sampling["model"][0]]["inputs"]
    assert applied["strength"] == 0.6
    assert graph[applied["image"][0]]["class_type"] == "Canny"
    assert graph[applied["model"][0]]["class_type"] == "LoraLoaderModelOnly"
    assert 'ControlNet 0: "Module: canny, Weight: 0.6"' in parameters(facts)


def test_chinese_is_readable_for_pillow() -> None:
    facts = Facts.of(request(prompt="白色背景上的红色星星"), 0, model="m", composite=False)

    with Image.open(io.BytesIO(embed_facts(BLANK, facts))) as picture:
        picture.load()
        assert picture.info["parameters"].startswith("白色背景上的红色星星\nSteps: 8")
        assert picture.info["Software"].startswith("Zimagine ")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("guidance", [0.0, 3.0])
def test_comfyui_graphs_are_closed_and_hold_the_recipe(kind: Kind, guidance: float) -> None:
    wish = request(
        kind=kind, guidance=guidance, negative="blur", strength=0.5, loras=(Lora(name="ink"),), control=LEADING
    )
    texts = read_texts(embed_facts(BLANK, Facts.of(wish, 0, model="m", composite=False)))
    graph, drawn = json.loads(texts["prompt"]), json.loads(texts["workflow"])

    sampler = next(node["inputs"] for node in graph.values() if node["class_type"] == "KSampler")

    for node in graph.values():
        for value in node["inputs"].values():
            assert not isinstance(value, list) or value[0] in graph
    assert (sampler["seed"], sampler["steps"], sampler["cfg"]) == (7, 8, guidance + 1)
    assert sampler["denoise"] == (1.0 if kind is Kind.TEXT else 0.5)
    assert graph[sampler["positive"][0]]["inputs"]["text"] == wish.prompt
    nodes = {node["id"]: node for node in drawn["nodes"]}
    assert set(map(str, nodes)) == set(graph)
    for number, origin, slot, target, arrival, kind_of_link in drawn["links"]:
        assert number in nodes[origin]["outputs"][slot]["links"]
        assert nodes[origin]["outputs"][slot]["type"] == kind_of_link
        assert nodes[target]["inputs"][arrival]["link"] == number


@pytest.mark.parametrize(
    ("composite", "source"),
    [(False, "trainedAlgorithmicMedia"), (True, "compositeWithTrainedAlgorithmicMedia")],
)
def test_the_xmp_says_that_a_model_made_it(composite: bool, source: str) -> None:
    facts = Facts.of(request(prompt="<&>"), 0, model="m", composite=composite)

    text = read_texts(embed_facts(BLANK, facts))["XML:com.adobe.xmp"]

    (described,) = ElementTree.fromstring(text[text.index("<x:") :]).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
    )
    kind = described.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert kind == f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"


@given(data=st.binary(max_size=80), cut=st.integers(0, 400))
def test_foreign_or_damaged_bytes_have_no_facts(data: bytes, cut: int) -> None:
    png = embed_facts(BLANK, Facts.of(request(), 0, model="m", composite=False))

    assert read_facts(data) is None
    assert read_facts(BLANK) is None
    assert read_facts(SIGNATURE + data) is None
    read_texts(png[:cut])


def test_only_plain_texts_of_a_foreign_png_are_read() -> None:
    out, written = io.BytesIO(), PngInfo()
    written.add_text("plain", "seen")
    written.add_itxt("international", "也看到")
    written.add_itxt("compressed", "not seen", zip=True)
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=written, icc_profile=b"\0" * 128)

    assert read_texts(out.getvalue()) == {"plain": "seen", "international": "也看到"}


def test_variety_and_the_second_seed_are_told_in_a1111s_words() -> None:
    wish = request(seed=9).near(picture=9, seed=21, amount=0.85)
    wish = request(variety=0.5, seed=wish.seed, blend=wish.blend)
    facts = Facts.of(wish, 0, model="m", composite=False)

    fields = a1111(parameters(facts))

    assert (fields["Variety"], fields["Seed"]) == ("0.5", "21")
    assert (fields["Variation seed"], fields["Variation seed strength"]) == ("9", "0.85")
    assert read_facts(embed_facts(BLANK, facts)) == facts


def test_an_enlargement_says_how_it_was_made() -> None:
    wish = request().upscaled(source="0" * 64, seed=7, upscaler=Upscaler.CREATIVE)

    assert a1111(parameters(Facts.of(wish, 0, model="m", composite=False)))["Upscaler"] == "creative"
    assert "Upscaler" not in a1111(parameters(Facts.of(request(), 0, model="m", composite=False)))
