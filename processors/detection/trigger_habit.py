"""The people who say a trigger, against what this monitor is used to.

A trigger speaks for itself once three people say it within an hour. A brand whose trial is in the news has three such people
every day, and nothing new. So a category counts only where more than twice as many people say it as in the busiest hour of a
usual day: the median of up to seven days, of which the newest ended a day ago. Words that people began to say today are not
usual yet. A day on which nothing was heard of the monitor before teaches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select

from processors.detection.copies import span_of, within_a_span
from tocsin.core.clock import minute_of
from tocsin.core.signal import speaks
from tocsin.store import schema as s
from tocsin.store.statements import total

TRIGGER_SPAN = timedelta(hours=1)
DAY_MINUTES = 24 * 60
# Days that tell what is usual, the newest of which ended a day ago.
DAYS = 7
# What counts is more than so many times the usual.
BEYOND = 2

# A person, or a source that tells no authors: its items are one voice.
Voice = int | str


def triggers_speak(conn: Connection, monitor_id: str, end: datetime, voices: int) -> bool:
    """Whether enough people said one trigger in the hour up to `end`, and more than are used to. `voices` spoke in that hour.

    Such a trigger speaks for itself, with or without a spike.
    """
    said = people_who_said(conn, monitor_id, end)
    return speaks(said, voices) and speaks(unusual(said, usual_people(conn, monitor_id, end, said)), voices)


def people_who_said(conn: Connection, monitor_id: str, end: datetime) -> dict[str, int]:
    """The people who said a trigger in the hour up to `end`, by category. Items without an author are one voice per source."""
    found = conn.execute(_who_say(), span_of(monitor_id, end - TRIGGER_SPAN, end))
    people: dict[str, set[Voice]] = {}
    for triggers, author, source in found:
        for category in triggers:
            people.setdefault(category, set()).add(source if author is None else author)
    return {category: len(who) for category, who in sorted(people.items())}


@cache
def _who_say() -> Select[Any]:
    m = s.matches
    return select(m.c.triggers, m.c.author, m.c.source).where(within_a_span(), m.c.triggers != [])


def usual_people(conn: Connection, monitor_id: str, end: datetime, said: Mapping[str, int]) -> dict[str, int]:
    """For each category of `said`, the people who say it in the busiest hour of a usual day; categories without any are left out.

    The mentions are read only where the tallies say that triggers are usual.
    """
    last = minute_of(end) - DAY_MINUTES
    if not said or not _any_usual(conn, monitor_id, last):
        return {}
    found = conn.execute(_who_said_before(), _usual_days(monitor_id, last))
    hours: dict[str, dict[int, set[Voice]]] = {}
    for minute, triggers, author, source in found:
        for category in triggers:
            if category in said:
                hour = hours.setdefault(category, {}).setdefault((last - 1 - minute) // 60, set())
                hour.add(source if author is None else author)
    known = _days_known(conn, monitor_id, last)
    usual = {
        category: busiest_of_a_usual_day({hour: len(who) for hour, who in by_hour.items()}, known)
        for category, by_hour in sorted(hours.items())
    }
    return {category: people for category, people in usual.items() if people}


@cache
def _who_said_before() -> Select[Any]:
    m = s.matches
    said_at = select(s.tallies.c.minute).where(*_triggered())
    return select(m.c.minute, m.c.triggers, m.c.author, m.c.source).where(
        m.c.monitor_id == bindparam("monitor_id"),
        m.c.minute.in_(said_at),
        m.c.triggers != [],
        m.c.own.is_not(True),
    )


def _usual_days(monitor_id: str, last: int) -> dict[str, Any]:
    """The values of the parameters of `_triggered`: the days that tell what is usual end before the minute `last`."""
    return {"monitor_id": monitor_id, "from_minute": last - DAYS * DAY_MINUTES, "last": last}


def _triggered() -> tuple[ColumnElement[bool], ...]:
    """The conditions of a tally of this monitor in the usual days with any trigger."""
    t = s.tallies
    return (
        t.c.monitor_id == bindparam("monitor_id"),
        t.c.minute >= bindparam("from_minute"),
        t.c.minute < bindparam("last"),
        t.c.triggered > 0,
    )


def unusual(said: Mapping[str, int], usual: Mapping[str, int]) -> dict[str, int]:
    """The categories that more people say than the monitor is used to."""
    return {category: people for category, people in said.items() if people > BEYOND * usual.get(category, 0)}


def busiest_of_a_usual_day(hours: Mapping[int, int], days: int) -> int:
    """The median of the busiest hours of `days` days. `hours` counts by the hours before the end of the newest day."""
    if not days:
        return 0
    busiest = [0] * days
    for hour, count in hours.items():
        if hour // 24 < days:
            busiest[hour // 24] = max(busiest[hour // 24], count)
    return _lower_median(busiest)


def _lower_median(values: Sequence[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]


def _any_usual(conn: Connection, monitor_id: str, last: int) -> bool:
    """Whether mentions with any trigger came on most of the days that are known."""
    found = conn.execute(_triggered_by_hour(), _usual_days(monitor_id, last))
    hours = {int(one.hour): int(one[1]) for one in found}
    return bool(hours) and busiest_of_a_usual_day(hours, _days_known(conn, monitor_id, last)) > 0


@cache
def _triggered_by_hour() -> Select[Any]:
    t = s.tallies
    hour = (bindparam("last", type_=t.c.minute.type) - 1 - t.c.minute) // 60
    return select(hour.label("hour"), total(t.c.triggered)).where(*_triggered()).group_by("hour")


def _days_known(conn: Connection, monitor_id: str, last: int) -> int:
    """The whole days before the minute `last` since the monitor's first mention, at most `DAYS`."""
    first = conn.execute(_first_minute(), {"monitor_id": monitor_id}).scalar_one()
    return 0 if first is None else max(0, min(DAYS, (last - int(first)) // DAY_MINUTES))


@cache
def _first_minute() -> Select[int]:
    t = s.tallies
    return select(func.min(t.c.minute)).where(t.c.monitor_id == bindparam("monitor_id"), t.c.count > 0)
