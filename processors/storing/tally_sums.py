"""The stored tallies, as charts, lists and the API ask for them: sums over the partitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, bindparam, func, select

from tocsin.core.clock import minute_of, minute_start
from tocsin.store import schema as s
from tocsin.store.mentions import HISTORY

COUNTS: Final = ("count", "negative", "neutral", "positive", "unscored", "reach", "reposts")
"""The figures of a tally that add up."""
LABELLED: Final = ("negative", "neutral", "positive", "unscored")
"""Those that say how many mentions have each label."""

_t, _p = s.tallies.c, s.tally_parts.c


def first_tally(conn: Connection, monitor_id: str) -> datetime | None:
    """The first minute of which the monitor has a tally; None where it has none."""
    query = select(func.min(_t.minute)).where(_t.monitor_id == monitor_id)
    first = conn.execute(query).scalar_one()
    return minute_start(first) if first is not None else None


def sums(conn: Connection, monitor_id: str, minutes: range) -> dict[str, int]:
    """The sum of each of `COUNTS` over these minutes."""
    query = select(*_sums()).where(*_within(monitor_id, minutes))
    return {name: int(value or 0) for name, value in conn.execute(query).one()._mapping.items()}


def sums_by(conn: Connection, monitor_id: str, minutes: range, grain: int) -> Sequence[Row[Any]]:
    """The same in groups of `grain` minutes: `group`, which is the group's first minute divided by `grain`, and `COUNTS`."""
    group = (_t.minute // grain).label("group")
    query = select(group, *_sums()).where(*_within(monitor_id, minutes)).group_by(group)
    return conn.execute(query).all()


def author_sketches(conn: Connection, monitor_id: str, minutes: range) -> Sequence[tuple[int, bytes]]:
    """Minutes with a sketch of their authors (`tocsin.core.sketch`), one for each partition."""
    query = select(_t.minute, _t.authors).where(*_within(monitor_id, minutes))
    return [(row.minute, row.authors) for row in conn.execute(query)]


def parts(
    conn: Connection, monitor_id: str, minutes: range, dimension: str, most: int
) -> Sequence[Row[str, int, int]]:
    """The fullest values of a dimension over these minutes, at most `most`: `value`, `number` and `negative`."""
    number, negative = func.sum(_p.count).label("number"), func.sum(_p.negative).label("negative")
    mine = (_p.monitor_id == monitor_id, _p.minute >= minutes.start, _p.minute < minutes.stop)
    query = select(_p.value, number, negative).where(*mine, _p.dimension == dimension)
    return conn.execute(query.group_by(_p.value).order_by(number.desc(), _p.value).limit(most)).all()


def every_tally(conn: Connection, monitor_id: str) -> Iterator[Row[Any]]:
    """The monitor's tallies as stored, by minute and partition."""
    yield from conn.execute(
        select(s.tallies).where(_t.monitor_id == monitor_id).order_by(_t.minute, _t.partition)
    )


def every_part(conn: Connection, monitor_id: str) -> Sequence[Row[int, str, str, int, int]]:
    """The parts of the monitor's tallies, summed over the partitions: minute, dimension, value, number and negative ones."""
    key = (_p.minute, _p.dimension, _p.value)
    query = select(*key, func.sum(_p.count), func.sum(_p.negative)).where(_p.monitor_id == monitor_id)
    return conn.execute(query.group_by(*key).order_by(*key)).all()


@dataclass(frozen=True, slots=True)
class HeardMentions:
    """Mentions of a monitor; those with a label, and the negative ones of them."""

    count: int
    scored: int
    negative: int


def heard_in(conn: Connection, minutes: range, grain: int) -> dict[str, dict[int, HeardMentions]]:
    """The mentions of each monitor in these minutes, by the monitors' ids and in groups of `grain` minutes, as in `sums_by`.
    History that was brought in is none of them, because nothing is judged by it.
    """
    counts: dict[str, dict[int, HeardMentions]] = {}
    for row in conn.execute(_heard_in(grain), {"start": minutes.start, "stop": minutes.stop}):
        heard = HeardMentions(int(row.number), int(row.number - row.unscored), int(row.negative))
        counts.setdefault(row.monitor_id, {})[row.group] = heard
    return counts


@cache
def _heard_in(grain: int) -> Select[Any]:
    """The query in groups of this size, made once: the overview asks it."""
    group = (_t.minute // grain).label("group")
    start, stop = (bindparam(name, type_=BigInteger) for name in ("start", "stop"))
    heard = (_t.minute >= start, _t.minute < stop, _t.partition > HISTORY)
    number = func.sum(_t.count).label("number")
    labels = [func.sum(_t[label]).label(label) for label in ("negative", "unscored")]
    return select(_t.monitor_id, group, number, *labels).where(*heard).group_by(_t.monitor_id, group)


def labels_in(conn: Connection, minutes: range) -> dict[str, dict[str, int]]:
    """The same by label: of each monitor its mentions with each of `LABELLED`."""
    heard = (_t.minute >= minutes.start, _t.minute < minutes.stop, _t.partition > HISTORY)
    sums = [func.sum(_t[label]).label(label) for label in LABELLED]
    rows = conn.execute(select(_t.monitor_id, *sums).where(*heard).group_by(_t.monitor_id))
    return {row.monitor_id: {label: int(row._mapping[label]) for label in LABELLED} for row in rows}


def values_in(conn: Connection, minutes: range, dimension: str) -> dict[str, dict[str, int]]:
    """The same by the values of a dimension of the tallies' parts. A value that no mention has is absent."""
    heard = (_p.minute >= minutes.start, _p.minute < minutes.stop, _p.partition > HISTORY)
    query = select(_p.monitor_id, _p.value, func.sum(_p.count)).where(*heard, _p.dimension == dimension)
    counts: dict[str, dict[str, int]] = {}
    for monitor, value, count in conn.execute(query.group_by(_p.monitor_id, _p.value)):
        counts.setdefault(monitor, {})[value] = int(count)
    return counts


def minutes_of(since: datetime, until: datetime) -> range:
    """The minutes that the span [since, until) touches."""
    last = minute_of(until)
    return range(minute_of(since), last if minute_start(last) == until else last + 1)


def _sums() -> list[ColumnElement[Any]]:
    return [func.sum(_t[name]).label(name) for name in COUNTS]


def _within(monitor_id: str, minutes: range) -> tuple[ColumnElement[bool], ...]:
    return (_t.monitor_id == monitor_id, _t.minute >= minutes.start, _t.minute < minutes.stop)
