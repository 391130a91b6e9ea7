"""The turns of a schedule: the number of the turn at a time, and when a turn begins.

The turns of a schedule with a zone change by that zone's clock, so at 09:00 in summer and in winter. A schedule without a zone
counts hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.definitions.models import Schedule


def turn_begins(schedule: Schedule, number: int) -> datetime:
    """The beginning of this turn, in UTC. The first turn has the number 0."""
    after = number * timedelta(hours=schedule.turn_hours)
    if schedule.timezone is None or not number:
        return schedule.starts_at.astimezone(UTC) + after
    zone = ZoneInfo(schedule.timezone)
    on_the_clock = schedule.starts_at.astimezone(zone).replace(tzinfo=None) + after
    return on_the_clock.replace(tzinfo=zone).astimezone(UTC)


def turn_at(schedule: Schedule, at: datetime) -> int:
    """The number of the turn at this time, negative before the first one."""
    number = (at.astimezone(UTC) - schedule.starts_at.astimezone(UTC)) // timedelta(hours=schedule.turn_hours)
    # The clock may have been set forward or back since: by more than one turn where turns are short.
    while turn_begins(schedule, number + 1) <= at:
        number += 1
    while turn_begins(schedule, number) > at:
        number -= 1
    return number
