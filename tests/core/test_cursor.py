"""Cursors: a key comes back unchanged, and a text that is no cursor of the list is refused with one sentence."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.cursor import BadCursor, decode_cursor, encode_cursor, page_of

AT = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
# The times that a store can hold: two days from the ends of the calendar. Hypothesis wants them naive.
TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=256)


@pytest.mark.slow("many values")
@given(TIMES, TEXTS, st.integers(-(2**62) + 1, 2**62 - 1))
def test_a_key_comes_back_as_it_was(at: datetime, text: str, number: int) -> None:
    assert decode_cursor(encode_cursor(at, text, number), datetime, str, int) == (at, text, number)


def test_without_a_cursor_a_list_begins_anew() -> None:
    assert decode_cursor(None, datetime, str) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "\u00e4",
        # null
        "bnVsbA",
        # []
        "W10",
        encode_cursor(AT),
        encode_cursor(AT, "a", "b"),
        encode_cursor("a", AT),
        # A time outside the calendar.
        encode_cursor(2**61, "a"),
        encode_cursor(2**80, "a"),
        # A text that PostgreSQL does not take.
        encode_cursor(AT, "a\0b"),
        # [1,"\ud800"]
        "WzEsIlx1ZDgwMCJd",
        # [1.5,"a"]
        "WzEuNSwiYSJd",
        # [true,"a"]
        "W3RydWUsImEiXQ",
    ],
)
def test_what_is_not_a_cursor_of_this_list_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor, match="leave it out to begin anew") as error:
        decode_cursor(cursor, datetime, str)
    assert error.value.field == "cursor"


@pytest.mark.slow("a hundred made-up examples")
@given(st.text(max_size=60))
def test_nothing_that_somebody_types_is_another_error(cursor: str) -> None:
    with suppress(BadCursor):
        decode_cursor(cursor, datetime, str)


def test_one_row_too_many_says_that_there_are_more() -> None:
    rows = [AT - timedelta(minutes=index) for index in range(3)]
    assert page_of(rows, 3, lambda at: (at,)) == (rows, None)
    shown, more = page_of(rows, 2, lambda at: (at,))
    assert shown == rows[:2]
    assert decode_cursor(more, datetime) == (rows[1],)
