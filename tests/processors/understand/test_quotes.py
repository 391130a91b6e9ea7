"""What an author says by himself: without what a reply quotes, and all of it where there is nothing else."""

from __future__ import annotations

import pytest

from processors.understand import Understander, default_scorers
from processors.understand.quotes import own_spans, own_words, place_in


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("> your service is terrible\nThank you, solved", "Thank you, solved"),
        ("Thanks!\n> > worse\n  >> and worse\nBye", "Thanks!\nBye"),
        (">quoted\n\n😡", "\n😡"),
        ("> nothing but a quote", "> nothing but a quote"),
        ("> a\n>\n> b\n", "> a\n>\n> b\n"),
        (">:( three hours\nwaiting", ">:( three hours\nwaiting"),
        ("2 > 1\nof course", "2 > 1\nof course"),
        ("", ""),
    ],
)
def test_quoted_lines_are_left_out_unless_there_is_nothing_else(text: str, own: str) -> None:
    assert own_words(text) == own
    spans = own_spans(text)
    assert [text[place_in(spans, at)] for at in range(len(own))] == list(own)


def test_a_flood_of_quotes_costs_no_more_than_its_length() -> None:
    assert own_words("> \n" * 200_000 + "fine") == "fine"


def test_thanks_above_a_quoted_complaint_are_thanks() -> None:
    said = "Thank you so much, that was great!\n> your service is terrible, I hate it, worst company ever"
    understander = Understander(default_scorers())
    (alone, _), (whole, _) = (
        answer for _, answer in understander.read([said.split("\n")[0], said], ["en", "en"])
    )
    assert alone == whole and whole.label == "positive"
