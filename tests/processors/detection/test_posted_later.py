"""A judgement sees what was posted before its time and nothing else: a replay stores mentions ahead of its clock."""

from __future__ import annotations

from datetime import timedelta

from processors.detection.evidence import look
from processors.detection.states import fresh
from processors.signals.types import Reading, WindowCounts
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import WORDS, keep
from tocsin.core.clock import MINUTE
from tocsin.core.mention import Author, Mention
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store.port import Store

UNTIL = START + timedelta(hours=30)
OVER = Reading("volume", UNTIL, 5 * MINUTE, 9.0, 40.0, 2.0, 1.0, 3.0, over=True, state="warm")

COPIED = "brightwater recall: throw away every bottle of the blue line today"


def said(first: int, many: int, *, since: timedelta, place: str) -> list[Mention]:
    """Copies of one text by people with followers, one in three seconds, from `since` beside the time of the judgement; every
    fifth of them says it in other words.
    """
    return [
        Mention(
            source="wire",
            id=str(n),
            text=f"brightwater bottles leak at {WORDS[n // 5 % 8]}, {place}" if n % 5 == 0 else COPIED,
            created_at=UNTIL + since + (n - first) * timedelta(seconds=3),
            lang="en",
            network=place,
            author=Author(id=f"a{n}", followers=200_000),
        )
        for n in range(first, first + many)
    ]


def heard(store: Store) -> list[object]:
    """The answers of every kind that asks the store, and the evidence of an alert, about the five minutes before `UNTIL`."""
    with store.read() as conn:
        [monitor] = repository.listed(conn, Monitor)
        one = fresh(monitor)
        window = WindowCounts(UNTIL - 5 * MINUTE, 5 * MINUTE, 40, 40, 40, reach=8_000_000)
        asking = [standing for standing in one.standings if standing.kind.hears is not None]
        answers = [
            standing.kind.hears(conn, one, standing, window, UNTIL, [OVER])
            for standing in asking
            if standing.kind.hears is not None
        ]
        assert len(asking) >= 4 and all(answer != window for answer in answers)
        return [*answers, look(conn, monitor.id, monitor.value, UNTIL - 5 * MINUTE, UNTIL)]


def test_what_was_posted_at_the_time_of_a_judgement_or_later_does_not_change_it(store: Store) -> None:
    keep(store, said(0, 40, since=-2 * MINUTE, place="forum"))
    before = heard(store)
    keep(store, said(100, 40, since=timedelta(0), place="press"))
    assert heard(store) == before
