"""What a picture says about itself: into and out of PNG, in the words of A1111, ComfyUI and IPTC.

A prompt is a stranger's text: nothing in it can pass for a field of ours. No torch, no Pillow.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import quoteattr

import msgspec

from engine.metadata import comfy
from engine.metadata.facts import Facts
from protocol.request import Kind

SIGNATURE = b"\x89PNG\r\n\x1a\n"
OWN_KEY = "zimagine"  # tEXt with all facts as JSON: the one that is read back

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = IPTC + "trainedAlgorithmicMedia"
COMPOSITE = IPTC + "compositeWithTrainedAlgorithmicMedia"

# A1111 and Civitai look for these at the start of a line or anywhere; a full-width colon takes their meaning away.
_MARKERS = re.compile(r"(negative\s+prompt|steps|<\s*(lora|lyco|hypernet))\s*:", re.IGNORECASE)
_SPECIAL = re.compile(r'[,:"\n\r]')


def facts_chunks(facts: Facts) -> list[tuple[bytes, bytes]]:
    """PNG chunks (type, data) to stand between IHDR and IDAT."""
    return [
        text_chunk("parameters", parameters(facts)),
        text_chunk("prompt", json.dumps(comfy.api_graph(facts))),
        text_chunk("workflow", json.dumps(comfy.workflow(facts))),
        text_chunk("Software", facts.software),
        text_chunk(OWN_KEY, json.dumps(msgspec.to_builtins(facts))),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(facts).encode()),
    ]


def embed_facts(png: bytes, facts: Facts) -> bytes:
    """The same PNG with these facts right after its header."""
    end = len(SIGNATURE) + 12 + 13  # of IHDR
    packed = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in facts_chunks(facts)
    )
    return png[:end] + packed + png[end:]


def read_facts(png: bytes) -> Facts | None:
    """The facts in a PNG of ours; None for any other bytes."""
    text = read_texts(png).get(OWN_KEY)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Facts)
    except msgspec.MsgspecError:
        return None


def read_texts(png: bytes) -> Mapping[str, str]:
    """The uncompressed tEXt and iTXt chunks of a PNG by key; what is damaged is left out."""
    texts: dict[str, str] = {}
    for kind, data in _walk(png):
        key, _, rest = data.partition(b"\0")
        if kind == b"tEXt":
            texts[key.decode("latin-1")] = rest.decode("latin-1")
        elif kind == b"iTXt" and rest[:1] == b"\0":
            _, _, text = rest[2:].partition(b"\0")  # after the two compression bytes: language, translated key
            texts[key.decode("latin-1")] = text.partition(b"\0")[2].decode(errors="replace")
    return texts


def parameters(facts: Facts) -> str:
    """A1111's text: prompt, negative prompt, one line of fields. CFG scale there is guidance + 1."""
    fields: dict[str, object] = {
        "Steps": facts.steps,
        "Sampler": "Euler",
        "Schedule type": "Simple",
        "CFG scale": round(facts.guidance + 1, 3),
        "Seed": facts.seed,
        "Size": f"{facts.width}x{facts.height}",
        "Model": _told(facts.model),
        "RNG": "CPU",
        "Version": facts.software,
    }
    if facts.kind is not Kind.TEXT:
        fields["Denoising strength"] = facts.strength
    if facts.painted_prompt != facts.prompt:
        fields["Wish"] = _told(facts.prompt)
    if facts.style is not None:
        fields["Style"] = _told(facts.style.name)
    if facts.detail_steps:
        fields["Detail pass"] = facts.detail_steps
    if facts.control is not None:
        fields["ControlNet 0"] = f"Module: {facts.control.value}, Weight: {facts.control_strength:g}"
    if facts.variety > 0:
        fields["Variety"] = facts.variety
    if facts.blend is not None:
        fields["Variation seed"] = facts.blend.seed
        fields["Variation seed strength"] = facts.blend.amount
    if facts.upscaler is not None:
        fields["Upscaler"] = facts.upscaler.value
    if facts.kind is Kind.INPAINT:
        fields |= _part(facts)
    lines = [
        " ".join(
            [_unmarked(facts.painted_prompt), *(f"<lora:{_bare(one.name)}:{one.weight:g}>" for one in facts.loras)]
        )
    ]
    if facts.negative:
        lines.append("Negative prompt: " + _unmarked(facts.negative))
    lines.append(", ".join(f"{key}: {_quoted(str(value))}" for key, value in fields.items()))
    return "\n".join(lines)


def _part(facts: Facts) -> dict[str, object]:
    if facts.margins is not None:
        sides = msgspec.to_builtins(facts.margins)
        return {"Outpaint": ", ".join(f"{side} {pixels}" for side, pixels in sides.items() if pixels)}
    if facts.masked:
        return {"Inpaint": "mask"}
    return {"Inpaint": "transparent" if facts.region is None else facts.region.value}


def xmp(facts: Facts) -> str:
    """The IPTC digital source type, which says to machines that a model made this picture."""
    source = COMPOSITE if facts.composite else GENERATED
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f" Iptc4xmpExt:DigitalSourceType={quoteattr(source)}"
        f" xmp:CreatorTool={quoteattr(facts.software)}/>"
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def text_chunk(key: str, text: str) -> tuple[bytes, bytes]:
    """tEXt where Latin-1 suffices, else iTXt. A zero byte would end the text and is left out."""
    text = text.replace("\0", "")
    try:
        return b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode(errors="replace")


def _walk(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Whole chunks (type, data) up to the first pixel data."""
    if not png.startswith(SIGNATURE):
        return
    at = len(SIGNATURE)
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind = png[at + 4 : at + 8]
        if kind == b"IDAT" or at + 12 + length > len(png):
            return
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


def _unmarked(text: str) -> str:
    return _MARKERS.sub(lambda found: found[0][:-1] + "\uff1a", text)


def _told(text: str) -> str:
    """Somebody's words as a value of the last line, which Civitai parts at every colon, within quotes too."""
    return text.replace(":", "\uff1a")


def _bare(name: str) -> str:
    """Without what ends a name in A1111's words."""
    return re.sub(r"[<>:,\"\n\r]", "_", name)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if _SPECIAL.search(value) else value
