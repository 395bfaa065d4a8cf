"""What a model paints well, each picture with the words and the seed that paint it: `page/gallery/ID/gallery.json`."""

import json
from pathlib import Path

from playground.wire.jsons import Json

PICTURES = Path(__file__).parents[1] / "page" / "gallery"


def gallery_of(model: str | None) -> Json:
    """By language what is shown of the model with this id, each `src`, `prompt` and `seed`; of no other models."""
    known = {path.parent.name: path for path in PICTURES.glob("*/gallery.json")}
    if model not in known:
        return {}
    shown: dict[str, list[Json]] = json.loads(known[model].read_text(encoding="utf-8"))
    return {
        language: [one | {"src": f"gallery/{model}/{one['src']}"} for one in pictures]
        for language, pictures in shown.items()
    }
