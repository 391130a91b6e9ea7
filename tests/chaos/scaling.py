"""A processor added in the middle of a backlog: the rate before and after. Nothing is lost, and nothing counts twice."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.synthetic import synthetic_mentions, synthetic_queries
from tests.chaos.report import Report
from tests.chaos.running import Engines, House, a_house
from tests.story.live import until
from tocsin.core.mention import Mention
from tocsin.intake.handover import HandOver

MONITORS = 200
# Mentions in one record.
RECORD = 50
MEASURED_S = 10.0


def run_scaling(folder: Path, engines: Engines, *, seed: int, count: int = 150_000) -> Report:
    """Read a backlog of `count` mentions with one processor, then with two. Every mention is matched, scored and stored."""
    report = Report(seed)
    with a_house(folder, engines, {"one": ("processors",)}) as house:
        house.apply({"monitors": [{"name": name, "query": query} for name, query in _queries().items()]})
        start = datetime.now(UTC) - timedelta(minutes=30)
        mentions = list(
            synthetic_mentions(
                count,
                start=start,
                rate_per_second=count / 1500,
                match_share=1.0,
                monitors=MONITORS,
                seed=seed,
            )
        )
        _hand_over(house, mentions)
        until(lambda: _stored(house) > 0, "the first to be stored", within=120, every=0.2)
        one = _rate(house)
        added_at = _stored(house)
        house.seat("two", "processors")
        began = time.monotonic()
        until(lambda: _shares(house), "the second to take its share", within=120, every=0.2)
        report.counts["seconds until it had its half of the partitions"] = round(time.monotonic() - began, 1)
        both = _rate(house)
        left = count - _stored(house)
        report.counts["mentions a second, one processor"] = round(one)
        report.counts["mentions a second, two processors"] = round(both)
        report.counts["stored when it was added, left when it was measured"] = (added_at, left)
        if left <= 0:
            report.wrong.append("the backlog was too small: it ended while it was measured")
        until(lambda: _stored(house) >= count, "the backlog to end", within=600, every=0.5)
        report.check("mentions stored", len({one["id"] for one in house.lines("mentions")}), count)
        report.check("mentions tallied", sum(one["count"] for one in house.lines("tallies")), count)
    return report


def _queries() -> dict[str, str]:
    return synthetic_queries(MONITORS)


def _hand_over(house: House, mentions: list[Mention]) -> None:
    with house.runtime() as runtime:
        way = HandOver(runtime.stream, partitions=8, max_mentions=RECORD, clock=runtime.clock)
        for at in range(0, len(mentions), 5000):
            way.hand_over(mentions[at : at + 5000])


def _stored(house: House) -> int:
    house.tend()
    return house.count("seen")["seen"]


def _shares(house: House) -> bool:
    house.tend()
    return sorted(house.owners().values()) == [4, 4]


def _rate(house: House) -> float:
    """The mentions stored a second."""
    at, began = _stored(house), time.monotonic()
    time.sleep(MEASURED_S)
    return (_stored(house) - at) / (time.monotonic() - began)
