"""What a monitor has heard of late: a burst counts before its window is closed, and history that was brought in does not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, insert

from api.pages.models import MonitorRow, monitor_rows, standing
from processors.last_hour import emotions_last_hour, labels_last_hour, mentions_last_hour
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.clock import minute_of
from tocsin.store import schema as s


def row_of(night: SeededApp, monitor: str) -> MonitorRow:
    now = night.clock.now()
    with night.store.read() as conn:
        (found,) = [one for one in monitor_rows(conn, now, standing(conn, now)) if one.id == monitor]
        assert mentions_last_hour(conn, now).get(monitor, 0) == found.last_hour
    return found


def heard(
    night: SeededApp,
    ago: timedelta,
    count: int,
    partition: int = 0,
    monitor: str = "m_orvane",
    negative: int = 0,
    unscored: int = 0,
) -> None:
    """So many mentions of a monitor, written so long ago."""
    neutral = count - negative - unscored
    tally = {
        "count": count,
        "negative": negative,
        "neutral": neutral,
        "positive": 0,
        "unscored": unscored,
    }
    at = {"monitor_id": monitor, "minute": minute_of(night.clock.now() - ago), "partition": partition}
    with night.store.write() as conn:
        conn.execute(insert(s.tallies), {**at, **tally, "reach": 0, "reposts": 0, "authors": b""})


def told(night: SeededApp, emotion: str, count: int, partition: int = 0) -> None:
    """So many mentions of a monitor that tell an emotion, written now."""
    at = {"monitor_id": "m_orvane", "minute": minute_of(night.clock.now()), "partition": partition}
    part = {"dimension": "emotion", "value": emotion, "count": count, "negative": count}
    with night.store.write() as conn:
        conn.execute(delete(s.tally_parts).where(s.tally_parts.c.partition == partition))
        conn.execute(insert(s.tally_parts), {**at, **part})


def test_the_last_hour_is_never_more_than_the_day_and_history_is_in_neither(tmp_path: Path) -> None:
    with seeded_app(tmp_path) as night:
        with night.store.write() as conn:
            conn.execute(delete(s.tallies))
        day = row_of(night, "m_orvane").day.count
        assert day and row_of(night, "m_orvane").mentions == day
        heard(night, timedelta(0), 70)
        # A closed window has these, however late its row is looked at.
        heard(night, timedelta(minutes=45), 20)
        heard(night, timedelta(minutes=30), 500, partition=-2)
        found = row_of(night, "m_orvane")
        assert (found.last_hour, found.mentions) == (90, day + 70)
        told(night, "anger", 3)
        told(night, "anger", 9, partition=-2)
        with night.store.read() as conn:
            now = night.clock.now()
            tone = {"negative": 0, "neutral": 90, "positive": 0, "unscored": 0}
            assert labels_last_hour(conn, now)["m_orvane"] == tone
            assert emotions_last_hour(conn, now)["m_orvane"] == {"anger": 3}
        with night.store.write() as conn:
            conn.execute(delete(s.readings))
        # Before the first window is closed, all is what came since.
        found = row_of(night, "m_orvane")
        assert (found.last_hour, found.mentions) == (90, 90)


def test_a_monitor_that_hears_something_is_learning_before_its_first_window_has_closed(
    tmp_path: Path,
) -> None:
    with seeded_app(tmp_path) as night:
        assert row_of(night, "m_wait").state == "waiting"
        heard(night, timedelta(0), 9, monitor="m_wait")
        found = row_of(night, "m_wait")
        assert (found.state, found.mentions) == ("learning", 9)
        assert found.negative_share == 0


def test_the_negative_share_of_a_day_has_what_came_since_the_last_window_closed(tmp_path: Path) -> None:
    """A first alert says "8 of 9 scored negative" before any window of its monitor has closed."""
    with seeded_app(tmp_path) as night:
        assert row_of(night, "m_wait").negative_share is None
        heard(night, timedelta(0), 12, monitor="m_wait", negative=8, unscored=3)
        assert row_of(night, "m_wait").negative_share == 8 / 9
        with night.store.write() as conn:
            conn.execute(delete(s.tallies))
        day = row_of(night, "m_orvane").day
        heard(night, timedelta(0), day.scored, negative=day.scored)
        # A closed window has these.
        heard(night, timedelta(minutes=45), 20, negative=20)
        share = row_of(night, "m_orvane").negative_share
        assert share == (day.negative + day.scored) / (2 * day.scored)
