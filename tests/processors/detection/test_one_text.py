"""The store is asked for the most told text of an hour only where the hour has enough mentions for a flood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import msgspec
import pytest
from sqlalchemy import Connection, event

from processors.detection.copies import COPIES_FROM
from processors.detection.one_text import hear
from processors.detection.states import Standing, fresh
from processors.signals.flood import FloodState
from processors.signals.types import OneText, WindowCounts
from tests.processors.detection.conftest import START
from tests.processors.detection.test_copies import WASTE, said
from tests.processors.detection.test_judge import keep
from tocsin.core.clock import HOUR, MINUTE
from tocsin.core.mention import Mention
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store.port import Store

LENGTH: Final = 5 * MINUTE
LAST: Final = START + HOUR - LENGTH


def copies(number: int) -> list[Mention]:
    """So many posts of one text within an hour, each by somebody else."""
    return [said(f"c{n}", WASTE, START + n * MINUTE, f"u{n}") for n in range(number)]


@contextmanager
def asked(conn: Connection) -> Iterator[list[str]]:
    """The statements that go through this connection."""
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(conn, "before_cursor_execute", note)
    yield statements


def heard(store: Store, state: FloodState, window: WindowCounts) -> tuple[WindowCounts, list[str]]:
    """The window with what the store tells of it, and the statements that this took."""
    with store.read() as conn:
        [defined] = repository.listed(conn, Monitor)
        one = fresh(defined)
        [kind] = [each.kind for each in one.standings if each.name == "flood"]
        with asked(conn) as statements:
            return hear(conn, one, Standing(kind, state), window, window.end, ()), statements


@pytest.mark.parametrize(
    ("before", "now"), [((), COPIES_FROM - 1), ((2, 0, 1), 1), ((), 0)], ids=["alone", "with others", "none"]
)
def test_an_hour_with_too_few_mentions_for_a_flood_costs_no_statement(
    store: Store, before: tuple[int, ...], now: int
) -> None:
    keep(store, copies(12))
    state = FloodState(first=START, following=LAST, recent=before)
    window = WindowCounts(LAST, LENGTH, now)
    assert heard(store, state, window) == (window, [])


@pytest.mark.parametrize(("before", "now"), [((), COPIES_FROM), ((2, 0, 2), 1)])
def test_as_many_mentions_as_a_flood_needs_are_looked_at(
    store: Store, before: tuple[int, ...], now: int
) -> None:
    keep(store, copies(COPIES_FROM))
    window = WindowCounts(LAST, LENGTH, now)
    found, statements = heard(store, FloodState(first=START, following=LAST, recent=before), window)
    assert found.heard.text == OneText(COPIES_FROM, COPIES_FROM) and statements
    assert msgspec.structs.replace(found, heard=window.heard) == window


def test_mentions_of_an_earlier_hour_do_not_make_a_flood(store: Store) -> None:
    keep(store, copies(12))
    state = FloodState(first=START, following=LAST - timedelta(hours=2), recent=(12,))
    window = WindowCounts(LAST, LENGTH, 1)
    assert heard(store, state, window) == (window, [])


def test_enough_mentions_of_different_texts_are_looked_at_and_tell_no_text(store: Store) -> None:
    subjects = (
        "the filter broke",
        "nobody answers me",
        "what a lovely river",
        "opening hours please",
        "too dear",
    )
    keep(store, [said(f"o{n}", f"brightwater {one}", START, f"u{n}") for n, one in enumerate(subjects)])
    found, statements = heard(store, FloodState(), WindowCounts(LAST, LENGTH, COPIES_FROM))
    assert found.heard.text is None and statements
