"""Queries that try to be slow, measured by the work they cause: the calls that a match makes, not the time it takes."""

from __future__ import annotations

import sys

import pytest

from tests.query.strategies import WHEN
from tocsin.core.mention import Mention
from tocsin.query import Asked, compile_query, parse_query
from tocsin.query.evaluate import searched

BOMBS = {
    "words": " OR ".join(f"aaa{n}" for n in range(800)),
    "the same word": " OR ".join(["aaa"] * 1000),
    "phrases": " OR ".join(f'"aaa aaa aaa b{n}"' for n in range(400)),
    "tags": " OR ".join(f"#aaa{n}" for n in range(800)),
    "nots": "aaa " + " ".join(f"-b{n}" for n in range(1500)),
    "parentheses": "(" * 900 + "aaa" + ")" * 900,
}


def calls(query: str, words: int) -> int:
    """How many functions are called to match this query with a text of so many equal words."""
    test = compile_query(parse_query(query))
    mention = Mention(source="made-up", id="1", text="aaa " * words, created_at=WHEN)
    count = 0

    def note(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    asked = Asked(mention, searched(mention))
    sys.setprofile(note)
    try:
        test(asked)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_match_costs_less_than_a_call_a_letter_of_its_query_however_long_the_text(bomb: str) -> None:
    query = BOMBS[bomb]
    assert len(query) <= 10_000
    few, many = calls(query, 100), calls(query, 10_000)
    assert few < len(query)
    assert many < few + 100
