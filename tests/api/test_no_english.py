"""Every view of the page, walked in each language: no English is left in what Tocsin itself says."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Final

import pytest

from tests.api.test_getting_in import change
from tests.api.visits import signed_in
from tests.browser.served import seeded_app
from tests.browser.views import ADDRESSES, furnish

OTHERS: Final = ("tr", "nl", "ro")
NOT_OURS: Final = re.compile(
    r"<(script|style|code|pre|blockquote|bdi|textarea|option|title)\b.*?</\1>"
    r"|<(\w+)[^>]*\b(?:lang=\"[a-z]+\"|dir=\"auto\")[^>]*>.*?</\2>|<form class=\"languages\".*?</form>",
    re.DOTALL,
)
"""What people, networks and programs wrote: posts, names, and what is marked as of another language."""

ENGLISH: Final = re.compile(
    r"\b(?:the|and|with|from|what|when|which|who|nobody|your|you|this|that|until|since|every|waits|has|have|were|"
    r"letters?|line or|yet|last|first|hours?|days?|seen|told|kept)\b"
)
"""Words that neither Turkish, nor Dutch, nor Romanian has."""

TYPED: Final = (
    "no answer for 2 hours",
    "no answer within 15 s",
    "SEV2 to SEV1: trigger safety",
    "23 authors speak of safety; 214 mentions in 10 minutes, 12 expected",
    "A former employee names the CEO; two papers picked it up.",
    "May we say that there is an inquiry?",
    "Facts checked; no names.",
    "the move",
    "your-topic",
    "what tocsin",
)
"""What people of the seeded night typed, and what its networks answered."""


@pytest.mark.slow("asks for every view in three languages")
def test_no_view_has_english_left_inside(tmp_path: Path) -> None:
    left = []
    with seeded_app(tmp_path) as one:
        named, client = furnish(one), signed_in(one, "p_root")
        for code in OTHERS:
            for person in ("p_root", "p_ada"):
                change(one, person, language=code)
            for route, address in ADDRESSES.items():
                told = _told(client.get(address.format_map(named)).text)
                left += [(code, route, text) for text in told if ENGLISH.search(text)]
    assert left == []


def _told(html: str) -> list[str]:
    """The texts and the names of things on a page, without what is not ours."""
    body, before = html.partition("<body")[2].partition(">")[2], ""
    while before != body:
        before, body = body, NOT_OURS.sub(" ", body)
    texts = [
        *re.split(r"<[^>]+>", body),
        *re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]+)"', body),
    ]
    said = [unescape(text).strip() for text in texts]
    for typed in TYPED:
        said = [text.replace(typed, "") for text in said]
    return [text for text in dict.fromkeys(said) if text]
