"""`python -m training.plot`: the reliability plots of the cards, as the picture in docs/understanding.md.

Each language has a panel, read from the card of its model. A dot is a step of the highest share: how sure the model is of
such labels (across) and how often they were right (up), on posts that were held out of training. Its area tells how many
posts there were. The same cards give the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from html import escape
from math import sqrt
from pathlib import Path
from typing import Any, Final

from processors.understand.artefacts import FOLDER
from training.corpus import LANGUAGES
from training.data import FURTHER

PICTURE: Final = Path(__file__).parent.parent / "docs" / "images" / "reliability.svg"
SIDE: Final = 150
"""A panel is a square of so many pixels, with room around it for what is written there."""
LEFT, TOP, RIGHT, BELOW = 44, 34, 14, 40
LARGEST: Final = 9.0
"""The radius of a dot with a fifth of the posts."""
ACROSS: Final = 3
"""So many panels stand beside each other."""
NAMES: Final = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "sv": "Swedish",
    "tr": "Turkish",
}


def cards() -> dict[str, dict[str, Any]]:
    """By language, the card of the model that comes with Tocsin."""
    return {
        language: json.loads((FOLDER / f"sentiment-{language}.json").read_text(encoding="utf-8"))
        for language in sorted((*LANGUAGES, *FURTHER))
    }


def picture(found: dict[str, dict[str, Any]]) -> str:
    """The panels, `ACROSS` of them beside each other, as SVG."""
    width, height = LEFT + SIDE + RIGHT, TOP + SIDE + BELOW
    columns, rows = min(ACROSS, len(found)), -(-len(found) // ACROSS)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns * width} {rows * height}" '
        f'width="{columns * width}" height="{rows * height}" role="img" font-family="sans-serif" font-size="11" fill="#222">',
        "<title>How often labels are right, by how sure the model is of them</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for at, (language, card) in enumerate(found.items()):
        lines.append(f'<g transform="translate({at % ACROSS * width} {at // ACROSS * height})">')
        lines += _panel(NAMES.get(language, language), card)
        lines.append("</g>")
    return "\n".join([*lines, "</svg>", ""])


def _panel(name: str, card: dict[str, Any]) -> Iterator[str]:
    yield (
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(name)}</text>'
        f'<text x="{LEFT + SIDE}" y="20" text-anchor="end">{card["held_out"]:,} posts</text>'
    )
    yield f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>'
    yield f'<path d="M{_across(0)} {_up(0)}L{_across(1)} {_up(1)}" stroke="#888" stroke-dasharray="4 4"/>'
    for share in (0.0, 0.5, 1.0):
        yield f'<text x="{_across(share)}" y="{TOP + SIDE + 14}" text-anchor="middle">{share:.0%}</text>'
        yield f'<text x="{LEFT - 5}" y="{float(_up(share)) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
    yield f'<text x="{LEFT + SIDE / 2}" y="{TOP + SIDE + 29}" text-anchor="middle">confidence</text>'
    yield (
        f'<text transform="translate(11 {TOP + SIDE / 2}) rotate(-90)" text-anchor="middle">labels that are right</text>'
    )
    yield from _dots(card["reliability"], card["held_out"])


def _dots(steps: Sequence[dict[str, Any]], posts: int) -> Iterator[str]:
    for one in steps:
        radius = LARGEST * sqrt(5 * one["posts"] / posts)
        told = f"{one['posts']:,} posts: confidence {one['confidence']:.0%}, right {one['right']:.0%}"
        yield (
            f'<circle cx="{_across(one["confidence"])}" cy="{_up(one["right"])}" r="{radius:.1f}" '
            f'fill="#1d5fa8" fill-opacity="0.6"><title>{told}</title></circle>'
        )


def _across(share: float) -> str:
    return f"{LEFT + share * SIDE:.1f}"


def _up(share: float) -> str:
    return f"{TOP + (1 - share) * SIDE:.1f}"


def main() -> int:
    """Write the picture."""
    PICTURE.write_text(picture(cards()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
