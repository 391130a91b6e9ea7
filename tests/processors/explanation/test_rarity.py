"""How rare a score is: by the days before it, on both engines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from processors.explanation.rarity import MOST_DAYS, Rarity, rarity
from tests.processors.detection.conftest import START, store
from tests.stores import on_both_stores
from tocsin.store import schema as s
from tocsin.store.port import Store

__all__ = ["on_both_stores", "store"]

DAY = timedelta(days=1)
SINCE = START + timedelta(days=40, hours=9)


def reading(at: datetime, score: float, kind: str = "volume", series: str = "now") -> dict[str, Any]:
    return {
        "monitor_id": "m", "kind": kind, "window_start": at, "length_s": 300, "series": series, "tick": at, "count": 0,
        "negative": 0, "scored": 0, "complete": True, "observed": 0.0, "expected": 0.0, "lower": 0.0, "upper": 0.0,
        "score": score, "over": False, "state": "warm", "baseline": "protected", "detail": {},
    }  # fmt: skip


def days(store: Store, number: int, scores: dict[int, float], **of: str) -> None:
    """Two readings of each day before `SINCE`, and those of the episode itself. The scores are by days back, else 0.5."""
    hours = [timedelta(0), DAY - timedelta(minutes=5)]
    some = [
        reading(SINCE - n * DAY + hour, scores.get(n, 0.5), **of)
        for n in range(1, number + 1)
        for hour in hours
    ]
    with store.write() as conn:
        store.insert_new(conn, s.readings, [*some, reading(SINCE, 9.0, **of)])


def rare(store: Store, score: float, kind: str = "volume") -> Rarity | None:
    with store.read() as conn:
        return rarity(conn, "m", kind, score, SINCE)


def test_a_score_is_as_rare_as_the_days_that_had_it(store: Store) -> None:
    days(store, 40, {1: 3.2, 5: 3.0, MOST_DAYS: 4.0, 35: 8.0})
    assert rare(store, 3.0) == Rarity(days=MOST_DAYS, as_high=3, one_in=7.2)
    assert rare(store, 3.1) == Rarity(days=MOST_DAYS, as_high=2, one_in=9.7)
    assert rare(store, 5.0) == Rarity(days=MOST_DAYS, as_high=0, one_in=29.0)


def test_a_young_monitor_and_a_height_of_every_other_day_say_nothing_of_rarity(store: Store) -> None:
    days(store, 6, {})
    assert rare(store, 3.0) is None
    days(store, 8, {})
    assert rare(store, 3.0) == Rarity(days=8, as_high=0, one_in=9.0)
    assert rare(store, 0.4) is None
    assert rare(store, 3.0, kind="silence") is None
    assert rare(store, 3.0, kind="blind") is None
    assert rare(store, 3.0, kind="negativity") is None


def test_days_of_another_query_are_no_days_of_this_one(store: Store) -> None:
    days(store, 20, {12: 6.0}, series="before")
    with store.write() as conn:
        conn.execute(s.readings.delete().where(s.readings.c.window_start >= SINCE - 9 * DAY))
    days(store, 9, {})
    assert rare(store, 3.0) == Rarity(days=9, as_high=0, one_in=10.0)
