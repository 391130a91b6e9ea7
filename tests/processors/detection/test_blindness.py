"""Detectors hold fire on a blind source: who misses it, for what time, and what that does to their windows."""

from __future__ import annotations

from datetime import timedelta

from processors.detection.blindness import Shares, blind_spans
from processors.detection.coverage import Coverage
from processors.detection.watermark import take_barrier, watermark
from tests.processors.detection.conftest import START
from tocsin.core.clock import MINUTE, minute_of
from tocsin.health import gaps
from tocsin.health.gaps import SourceGap
from tocsin.store import schema as s
from tocsin.store.port import Store

NOW = START + timedelta(hours=12)


def gap(cause: gaps.Cause, start: int, end: int | None, filled: int | None = None) -> SourceGap:
    """A gap from so many minutes before now to so many."""
    times = [None if n is None else NOW - n * MINUTE for n in (start, end, filled)]
    assert times[0] is not None
    return SourceGap("g", "forum", cause, times[0], times[1], "why", times[2])


def test_a_gap_counts_until_it_is_filled_and_for_ever_where_it_is_lost() -> None:
    until = NOW + MINUTE
    assert blind_spans([gap("failed", 10, None)], NOW) == {"forum": [(NOW - 10 * MINUTE, until)]}
    assert blind_spans([gap("failed", 10, 5)], NOW) == {"forum": [(NOW - 10 * MINUTE, until)]}
    assert blind_spans([gap("failed", 10, 5, 4)], NOW) == {}
    assert blind_spans([gap("told", 10, 5)], NOW) == {"forum": [(NOW - 10 * MINUTE, NOW - 5 * MINUTE)]}
    assert blind_spans([gap("silent", 10, None)], NOW) == {"forum": [(NOW - 10 * MINUTE, until)]}
    assert blind_spans([gap("silent", 10, 5, 5)], NOW) == {"forum": [(NOW - 10 * MINUTE, NOW - 5 * MINUTE)]}


def test_only_monitors_that_a_blind_source_fed_miss_it(store: Store) -> None:
    parts = [("a", "forum", 90), ("a", "press", 10), ("b", "forum", 9), ("b", "press", 91), ("c", "press", 5)]
    with store.write() as conn:
        store.add(
            conn,
            s.tally_parts,
            [
                {
                    "monitor_id": monitor,
                    "minute": minute_of(NOW) - 100,
                    "partition": 0,
                    "dimension": "source",
                    "value": source,
                    "count": count,
                    "negative": 0,
                }
                for monitor, source, count in parts
            ],
            ["count", "negative"],
        )
        gaps.begin(conn, "forum", gaps.FAILED, NOW - 10 * MINUTE, "it is away")
        gaps.tell(conn, "press", [(NOW - 300 * MINUTE, NOW - 290 * MINUTE, "the cursor is too old")])
        take_barrier(conn, "c", "mentions", NOW, {}, NOW)
    with store.read() as conn:
        mark = watermark(conn, "c", "mentions", NOW, timedelta(0), timedelta(hours=1))
        blind = mark.coverage.blind
        missed = Shares().missed(conn, ["a", "b", "c", "d"], blind, NOW)
    assert mark.coverage.missing == ["blind on press from 07:00 to 07:10: the cursor is too old"]
    now, then = (NOW - 10 * MINUTE, NOW + MINUTE), (NOW - 300 * MINUTE, NOW - 290 * MINUTE)
    assert missed == {"a": [then, now], "b": [then], "c": [then]}
    coverage = Coverage(blind=blind, of_monitor=missed)
    assert not coverage.of("a").complete(NOW - 5 * MINUTE, NOW)
    assert coverage.of("b").complete(NOW - 5 * MINUTE, NOW)
    assert not coverage.of("b").complete(NOW - 295 * MINUTE, NOW - 290 * MINUTE)
    assert coverage.of("d") is coverage
