"""What a monitor is used to: the networks and languages that it heard in the two weeks before, and what was felt, wanted and
talked of in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select

from tocsin.core.clock import minute_of
from tocsin.core.facets import FACETS
from tocsin.store import schema as s
from tocsin.store.statements import total

HEARD_SPAN = timedelta(days=14)
# So many mentions on a network or in a language that was not heard before are a spread.
SPREADS_FROM = 3
UNTOLD = frozenset({"unknown", ""})
# Shares of fewer mentions are chance, and those of less than a day are of one hour of it.
USUAL_FROM = 100
USUAL_AFTER = timedelta(days=1)


def networks_heard(conn: Connection, monitor_id: str, end: datetime) -> int:
    """The networks that this monitor heard in the two weeks before `end`."""
    asked = {"dimension": "network", **_lately(monitor_id, end)}
    return int(conn.execute(_networks(), asked).scalar_one())


@cache
def _networks() -> Select[int]:
    value = s.tally_parts.c.value
    return select(func.count(value.distinct())).where(_heard_lately(), value.not_in(sorted(UNTOLD)))


def first_heard(
    conn: Connection, monitor_id: str, start: datetime, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, list[str]]:
    """By dimension of `tally_parts`, the values of `counts` with `SPREADS_FROM` mentions or more that this monitor had not heard
    in the two weeks before `start`. A monitor that had heard nothing before has no habits, and hears nothing for the first time.
    """
    found = {}
    for dimension, values in counts.items():
        asked = {"dimension": dimension, **_lately(monitor_id, start)}
        known = set(conn.execute(_known_values(), asked).scalars())
        new = sorted(
            one for one, n in values.items() if n >= SPREADS_FROM and one not in known and one not in UNTOLD
        )
        if known - UNTOLD and new:
            found[dimension] = new
    return found


@cache
def _known_values() -> Select[str]:
    return select(s.tally_parts.c.value).distinct().where(_heard_lately())


def usual_facets(
    conn: Connection, monitor_id: str, since: datetime, told: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, float]]:
    """For each facet and value of `told`, its share of this monitor's mentions in the two weeks before `since`, 0..1. Nothing
    where these are fewer than `USUAL_FROM`, or of less than a day.
    """
    asked = _lately(monitor_id, since)
    mentions, first = conn.execute(_mentions(), asked).one() if told else (0, 0)
    if not mentions or mentions < USUAL_FROM or first > minute_of(since - USUAL_AFTER):
        return {}
    known = {(row.dimension, row.value): int(row.number) for row in conn.execute(_by_facet(), asked)}
    return {
        facet: {value: round(known.get((facet, value), 0) / mentions, 4) for value in values}
        for facet, values in told.items()
    }


@cache
def _mentions() -> Select[*tuple[Any, ...]]:
    t = s.tallies
    return select(total(t.c.count), func.min(t.c.minute)).where(_in_the_weeks_before(t), t.c.count > 0)


@cache
def _by_facet() -> Select[Any]:
    p = s.tally_parts
    alike = (p.c.dimension, p.c.value)
    here = (_in_the_weeks_before(p), p.c.dimension.in_(sorted(FACETS)))
    return select(*alike, total(p.c.count).label("number")).where(*here).group_by(*alike)


def _lately(monitor_id: str, end: datetime) -> dict[str, Any]:
    """The values of the parameters of `_in_the_weeks_before`."""
    return {
        "monitor_id": monitor_id,
        "from_minute": minute_of(end - HEARD_SPAN),
        "to_minute": minute_of(end),
    }


def _heard_lately() -> ColumnElement[bool]:
    """The condition of a row of `tally_parts` that tells what this monitor heard in the two weeks before an end."""
    p = s.tally_parts
    return and_(_in_the_weeks_before(p), p.c.dimension == bindparam("dimension"), p.c.count > 0)


def _in_the_weeks_before(tally: Any) -> ColumnElement[bool]:
    """The condition of a row of `tallies` or of `tally_parts` of this monitor in the two weeks before an end."""
    c = tally.c
    return and_(
        c.monitor_id == bindparam("monitor_id"),
        c.minute >= bindparam("from_minute"),
        c.minute < bindparam("to_minute"),
    )
