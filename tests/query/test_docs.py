"""docs/queries.md is executed: each example matches the texts that the page says, and none that the page says it does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from processors.match import Matcher
from tests.query.strategies import WHEN
from tocsin.core.mention import Mention
from tocsin.query import QueryError, explain, parse_query
from tocsin.query.parser import FIELDS, MAX_CHARS, MAX_DEPTH, MAX_PHRASE_WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text("utf-8")


def rows(*header: str) -> list[list[str]]:
    """The cells of all tables with this header."""
    found, inside = [], False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if tuple(cells) == header:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(cells[0]) <= set("- "):
            found.append(cells)
    return found


def quoted(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def hears(query: str, text: str) -> bool:
    mention = Mention(source="made-up", id="1", text=text, created_at=WHEN)
    return Matcher.build({"m": parse_query(query)}).match(mention) == ("m",)


EXAMPLES = [
    (quoted(row[0])[0], text, expected)
    for header in (("Query", "Hears", "Does not hear"), ("Query", "Hears", "Why"))
    for row in rows(*header)
    for column, expected in ((1, True), (2, False))
    if header[column] != "Why"
    for text in quoted(row[column])
]


@pytest.mark.parametrize(("query", "text", "expected"), EXAMPLES)
def test_an_example_of_the_page_does_what_it_says(query: str, text: str, expected: bool) -> None:
    assert hears(query, text) is expected


def test_the_page_has_examples_of_both_kinds() -> None:
    assert sum(expected for *_, expected in EXAMPLES) > 40
    assert sum(not expected for *_, expected in EXAMPLES) > 20


def test_each_field_of_the_page_narrows_a_query_down() -> None:
    terms = [term for row in rows("Term", "Holds when") for term in quoted(row[0])]
    for term in terms:
        assert "url" in explain(parse_query(f"tocsin {term} url:a.example"))
        with pytest.raises(QueryError, match="alone would match almost everything"):
            parse_query(term)
    assert {re.split("[:>]", term)[0] for term in terms} == set(FIELDS) - {"url"}


def test_what_the_page_calls_refused_is_refused() -> None:
    refused = quoted(re.search(r"Refused, with the place:(.*?)\n\n", PAGE, re.DOTALL)[1])  # type: ignore[index]  # it is there
    assert len(refused) == 6
    for query in refused:
        with pytest.raises(QueryError):
            parse_query(query)


def test_the_limits_of_the_page_are_those_of_the_parser() -> None:
    assert f"at most {MAX_CHARS:,} characters, a phrase {MAX_PHRASE_WORDS} words" in PAGE
    assert f"at most {MAX_DEPTH} deep" in PAGE
