"""What a picture says about itself: read back exactly, understood by other programs, forged by no prompt."""

from __future__ import annotations

import io
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import metadata
from engine.metadata import Facts
from engine.protocol import Kind
from engine.worker import images
from tests.support.orders import request

BLANK = images.encode_png(np.zeros((4, 4, 3), dtype=np.uint8))
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
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(st.sampled_from([*NASTY, "Seed: 5", "\n", ", ", '"', "Negative prompt:", "Steps: "]), max_size=5).map(
        "".join
    ),
)
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
)


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


@given(facts=FACTS)
def test_facts_are_read_back_exactly(facts: Facts) -> None:
    png = metadata.embed(BLANK, facts)

    assert metadata.read(png) == facts
    with Image.open(io.BytesIO(png)) as picture:
        picture.load()  # other readers accept the file


@given(facts=FACTS)
def test_no_prompt_forges_a_field_for_a1111_or_civitai(facts: Facts) -> None:
    text = metadata.read_texts(metadata.embed(BLANK, facts))["parameters"]

    seen = a1111(text)
    fields, negative = civitai(text)

    assert seen["Steps"] == str(facts.steps)
    assert seen["Seed"] == str(facts.seed)
    assert seen["Size"] == f"{facts.width}x{facts.height}"
    assert seen["RNG"] == "CPU"
    assert bool(seen["Negative prompt"]) <= bool(facts.negative.strip())
    assert fields.startswith(f"{facts.steps}, Sampler: Euler")
    assert bool(negative.strip()) <= bool(facts.negative.strip())


@pytest.mark.parametrize("prompt", NASTY)
def test_a_hostile_prompt_stays_a_prompt(prompt: str) -> None:
    facts = Facts.of(request(prompt=prompt), 0, model="Zimagine Starter", composite=False)

    seen = a1111(metadata.parameters(facts))

    assert (seen["Steps"], seen["Seed"], seen["Sampler"]) == ("8", "7", "Euler")
    assert seen["Negative prompt"] == ""


def test_an_ordinary_prompt_is_written_as_it_is() -> None:
    facts = Facts.of(
        request(prompt='a sign that says "hello, world"', negative="blur", guidance=2.5, seed=5),
        2,
        model="Z-Image-Turbo",
        composite=False,
    )

    assert metadata.parameters(facts) == (
        'a sign that says "hello, world"\n'
        "Negative prompt: blur\n"
        "Steps: 8, Sampler: Euler, Schedule type: Simple, CFG scale: 3.5, Seed: 7, Size: 64x64, "
        f"Model: Z-Image-Turbo, RNG: CPU, Version: Zimagine {metadata.BUILD}"
    )


def test_a_negative_prompt_that_had_no_effect_is_not_told() -> None:
    facts = Facts.of(request(negative="blur", guidance=0), 0, model="m", composite=False)

    assert "blur" not in metadata.parameters(facts)


def test_chinese_is_readable_for_pillow() -> None:
    facts = Facts.of(request(prompt="白色背景上的红色星星"), 0, model="m", composite=False)

    with Image.open(io.BytesIO(metadata.embed(BLANK, facts))) as picture:
        picture.load()
        assert picture.info["parameters"].startswith("白色背景上的红色星星\nSteps: 8")
        assert picture.info["Software"].startswith("Zimagine ")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("guidance", [0.0, 3.0])
def test_comfyui_graphs_are_closed_and_hold_the_recipe(kind: Kind, guidance: float) -> None:
    wish = request(kind=kind, guidance=guidance, negative="blur", strength=0.5)
    texts = metadata.read_texts(metadata.embed(BLANK, Facts.of(wish, 0, model="m", composite=False)))
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

    text = metadata.read_texts(metadata.embed(BLANK, facts))["XML:com.adobe.xmp"]

    (described,) = ElementTree.fromstring(text[text.index("<x:") :]).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
    )
    kind = described.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert kind == f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"


@given(data=st.binary(max_size=80), cut=st.integers(0, 400))
def test_foreign_or_damaged_bytes_have_no_facts(data: bytes, cut: int) -> None:
    png = metadata.embed(BLANK, Facts.of(request(), 0, model="m", composite=False))

    assert metadata.read(data) is None
    assert metadata.read(BLANK) is None
    assert metadata.read(metadata.SIGNATURE + data) is None
    metadata.read_texts(png[:cut])
