"""Detectors hold fire on a blind source: who misses it, for what time, and what that does to their windows."""

from __future__ import annotations

from datetime import timedelta

from processors.detection.blindness import Shares, blind_spans
from processors.detection.coverage import Coverage
from processors.detection.judge import _after_close, _fires_early
from processors.detection.judgement import Judgement
from processors.detection.states import fresh
from processors.detection.watermark import take_barrier, watermark
from processors.signals.registry import WINDOW
from processors.signals.types import Reading, WindowCounts
from tests.processors.detection.conftest import START
from tocsin.core.clock import MINUTE, minute_of
from tocsin.core.signal_kinds import NEGATIVITY, VOLUME
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import listed
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


def test_nothing_is_missed_of_a_source_that_nobody_listens_to_any_more() -> None:
    off = {"forum"}
    assert blind_spans([gap("failed", 10, 5)], NOW, off) == {"forum": [(NOW - 10 * MINUTE, NOW - 5 * MINUTE)]}
    assert blind_spans([gap("failed", 10, 5, 4)], NOW, off) == {}
    # It lasts until ingest has seen that nobody listens.
    assert blind_spans([gap("failed", 10, None)], NOW, off) == {"forum": [(NOW - 10 * MINUTE, NOW + MINUTE)]}


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


def test_a_share_of_a_window_that_was_not_heard_whole_raises_nothing(store: Store) -> None:
    """What is missing may be what would have made the share an ordinary one. A volume is over all the more."""
    with store.read() as conn:
        [monitor] = listed(conn, Monitor)
    for complete in (True, False):
        counts = WindowCounts(START, WINDOW, 40, 38, 40, complete=complete)
        told = dict[str, tuple[bool, str | None]]()
        for early, late in zip(fresh(monitor).standings, fresh(monitor).standings, strict=True):
            reading = Reading(early.name, START, WINDOW, 4.0, 0.9, 0.2, 0.1, 0.3, over=True, state="warm")
            judged = Judgement(fresh(monitor), counts, counts.end, {}, ())
            told[early.name] = (
                _fires_early(early, reading, counts, speaks=False),
                _after_close(late, reading, judged, speaks=False),
            )
        assert told[VOLUME] == (True, "over")
        assert told[NEGATIVITY] == ((True, "over") if complete else (False, None))
