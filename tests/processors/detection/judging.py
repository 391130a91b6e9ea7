"""Detection over stored mentions, as a ticker would do it: one transaction, a look every few minutes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from processors.detection.judge import Detection
from processors.detection.tallies import load_tallies
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import ALL_HEARD, GRACE
from tocsin.core.clock import MINUTE
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor


def judged_until(conn: Connection, end: datetime, every: timedelta = 5 * MINUTE) -> Detection:
    """The detection of all monitors, which has looked at every window from `START` to `end`. Its state is not stored yet."""
    detection = Detection(repository.listed(conn, Monitor))
    start = detection.tallies_from(conn)
    assert start is not None
    tallies = load_tallies(conn, [one.id for one in detection.monitors], start, end)
    now = START
    while now < end:
        now += every
        detection.tick(conn, tallies, now, now - GRACE, now, ALL_HEARD)
    return detection
