"""`python -m engine.card`: what a model can do, told from its files before anybody loads it. Without torch.

Prints the card as JSON, or nothing where the files do not tell.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from engine.worker.loading.cards import expected_card
from engine.worker.loading.sources import PUBLISHED, Beside


def main() -> None:
    """Words as the engine takes them; those that do not change the card are not known here."""
    parser = argparse.ArgumentParser(prog="python -m engine.card", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--text-encoder", type=Path)
    parser.add_argument("--vae", type=Path)
    parser.add_argument("--base", default=PUBLISHED)
    chosen = parser.parse_args()
    beside = Beside(text_encoder=chosen.text_encoder, vae=chosen.vae, base=chosen.base)
    card = expected_card(chosen.model, device=chosen.device, beside=beside)
    if card is not None:
        sys.stdout.buffer.write(msgspec.json.encode(card))


if __name__ == "__main__":
    main()
