"""What is expected of a monitor, by what its volume detector knows: the forecasts, and the next holiday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from processors.detection.readings import readings_by_slot
from processors.signals.expectation import Expectation, holiday_factor, place_of
from processors.signals.forecast import Forecast, forecasts
from processors.signals.registry import WINDOW
from processors.signals.volume import Volume, VolumeState
from tocsin.core.clock import EPOCH
from tocsin.definitions.calendar import holiday_at, holiday_name
from tocsin.definitions.models import Monitor
from tocsin.store import schema as s

HOLIDAY_WITHIN: Final = timedelta(days=14)
HELD_DAYS: Final = timedelta(days=7)
"""The days of which it is said how often the forecast held."""
# Hours of every zone begin with such a slot.
SLOT: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class HolidayAhead:
    """A holiday of one of the monitor's countries, today or soon. `factor` times the mentions of an average day are due."""

    name: str
    country: str
    day: date
    factor: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """`forecasts` is empty before a day is known; `holiday` is None where none is near, or nothing is known yet."""

    forecasts: tuple[Forecast, ...] = ()
    holiday: HolidayAhead | None = None


def outlook(conn: Connection, monitor_id: str, monitor: Monitor) -> Outlook:
    """The mentions of the next hours, from the first window that is not closed, and the holiday that comes next."""
    d = s.detector_state.c
    mine = (
        d.monitor_id == monitor_id,
        d.kind == Volume.kind,
        d.series == monitor.series,
        d.version == Volume.version,
    )
    row = conn.execute(select(d.state, d.next_window).where(*mine)).one_or_none()
    if row is None:
        return Outlook()
    state, start = msgspec.convert(row.state["detector"], VolumeState), row.next_window
    countries, zone = monitor.countries, monitor.zone
    came = _came(conn, monitor_id, start, zone)
    ahead = forecasts(state, start, WINDOW, zone, lambda at: holiday_name(at, countries, zone), came)
    return Outlook(ahead, _holiday(state.expected, start, monitor))


def _came(conn: Connection, monitor_id: str, until: datetime, zone: tzinfo) -> dict[int, int]:
    """The mentions of the last days by the local hour, as the forecast counts hours."""
    came: dict[int, int] = {}
    for row in readings_by_slot(conn, [monitor_id], Volume.kind, until - HELD_DAYS, SLOT):
        at = (EPOCH + row.slot * SLOT).astimezone(zone)
        hour = at.toordinal() * 24 + at.hour
        came[hour] = came.get(hour, 0) + int(row.n)
    return came


def _holiday(known: Expectation, start: datetime, monitor: Monitor) -> HolidayAhead | None:
    zone, at = monitor.zone, start
    while monitor.countries and known.hours and at < start + HOLIDAY_WITHIN:
        found = holiday_at(at, monitor.countries, zone)
        if found is not None:
            name = holiday_name(at, monitor.countries, zone)
            factor = holiday_factor(known, place_of(at, WINDOW, zone, name))
            return HolidayAhead(name, found.country, at.astimezone(zone).date(), factor)
        at += timedelta(days=1)
    return None
