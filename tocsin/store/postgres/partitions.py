"""Partitions by UTC day of `mentions` and `matches` on PostgreSQL. A partition is made when the first row of its day comes.

Retention then drops a whole day at once instead of deleting rows. A table is partitioned where its `info` names the column
(`day`: a `UtcTime`, or whole minutes). SQLite has no partitions; the same rows lie in one table there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, String, Table, bindparam, exc, text
from sqlalchemy.dialects.postgresql import ARRAY

from tocsin.core.clock import minute_of, to_micros
from tocsin.store import schema as s

LOCK: Final = 0x746F6373_696E0003
"""The advisory lock of a transaction that makes or drops days ("tocsin", 3)."""

LOCK_TIMEOUT_MS: Final = 200
"""The time for which dropping a day waits for readers of the table. Readers that come meanwhile wait behind it."""

PARTITIONED: Final = tuple(table for table in s.metadata.sorted_tables if "day" in table.info)

_LOCK = text("SELECT pg_advisory_xact_lock(:lock)").bindparams(bindparam("lock", LOCK, BigInteger))
_THERE = text(
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = to_regclass(:parent) AND c.relname = ANY(:names)"
).bindparams(bindparam("names", type_=ARRAY(String)))
_OLDEST = text(
    "SELECT min(c.relname::text COLLATE \"C\") FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = to_regclass(:parent)"
)  # fmt: skip


class Days:
    """Makes the days that rows need, and remembers which days are there. Call `forget` when a write has failed: a day may be
    gone.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: set[date] = set()

    def ensure(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Make the days that are missing, in a transaction of their own, before `rows` go into `table`.

        That transaction takes no lock that a reader or a writer of rows waits for, and waits for none of theirs. A rollback of
        the caller's own transaction does not undo it.
        """
        if "day" in table.info:
            missing = days_of(table, rows) - self._known
            if missing:
                self._make(missing)
                self._known |= missing

    def forget(self) -> None:
        """Ask the server anew the next time."""
        self._known = set()

    def _make(self, days: Iterable[date]) -> None:
        wanted = {(table, day) for table in PARTITIONED for day in days}
        with self._engine.begin() as conn:
            if not _missing(conn, wanted):
                return
            conn.execute(_LOCK)
            for table, day in sorted(_missing(conn, wanted), key=lambda one: (one[1], one[0].name)):
                name = partition(table, day)
                # The day is made apart and then attached. Making it in place would lock everybody out of the whole table.
                conn.exec_driver_sql(f"CREATE TABLE {name} (LIKE {table.name} INCLUDING ALL)")
                conn.exec_driver_sql(
                    f"ALTER TABLE {table.name} ATTACH PARTITION {name}"
                    f" FOR VALUES FROM ({_bound(table, day)}) TO ({_bound(table, day + timedelta(days=1))})"
                )


def days_of(table: Table, rows: Iterable[Mapping[str, Any]]) -> set[date]:
    """The UTC days of these rows."""
    name = table.info["day"]
    if isinstance(table.c[name].type, BigInteger):
        return {_EPOCH_DAY + timedelta(days=minute // 1440) for minute in {row[name] for row in rows}}
    return {row[name].astimezone(UTC).date() for row in rows}


def start_of(day: date) -> datetime:
    """The time at which a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def partition(table: Table, day: date) -> str:
    """The name of the partition of `table` for a day."""
    return f"{table.name}_{day.isoformat().replace('-', '')}"


def drop_day_before(conn: Connection, before: datetime) -> int | None:
    """Drop the oldest day if all of it lies before `before`, with the versions of its mentions.

    Returns the number of dropped mentions; None where no day is due, or where a reader holds the tables: then the day stays
    for the next call. The tables are locked until the transaction ends, so end it soon.
    """
    m, v = s.mentions, s.mention_versions
    name: str | None = conn.execute(_OLDEST, {"parent": m.name}).scalar_one()
    if name is None:
        return None
    day = datetime.strptime(name.removeprefix(f"{m.name}_"), "%Y%m%d").replace(tzinfo=UTC).date()
    if start_of(day + timedelta(days=1)) > before:
        return None
    try:
        with conn.begin_nested():
            conn.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            conn.execute(_LOCK)
            # This lock stops writers of that day alone. The whole tables are locked last, after all the slow work.
            conn.exec_driver_sql(f"LOCK TABLE {name} IN EXCLUSIVE MODE")
            count = conn.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()  # noqa: S608  # our own name
            conn.exec_driver_sql(
                f"DELETE FROM {v.name} v USING {name} m WHERE v.source = m.source AND v.id = m.id"  # noqa: S608  # our own names
            )
            parents = ", ".join(f"ONLY {table.name}" for table in PARTITIONED)
            conn.exec_driver_sql(f"LOCK TABLE {parents} IN ACCESS EXCLUSIVE MODE")
            for table in PARTITIONED:
                conn.exec_driver_sql(f"DROP TABLE IF EXISTS {partition(table, day)}")
    except exc.OperationalError as error:
        # 55P03 is lock_not_available.
        if getattr(error.orig, "sqlstate", None) != "55P03":
            raise
        return None
    return int(count)


_EPOCH_DAY: Final = date(1970, 1, 1)


def _missing(conn: Connection, wanted: Iterable[tuple[Table, date]]) -> list[tuple[Table, date]]:
    missing = []
    for table in PARTITIONED:
        names = {partition(table, day): day for one, day in wanted if one is table}
        there = set(conn.execute(_THERE, {"parent": table.name, "names": list(names)}).scalars())
        missing += [(table, day) for name, day in names.items() if name not in there]
    return missing


def _bound(table: Table, day: date) -> int:
    column = table.c[table.info["day"]]
    start = start_of(day)
    return minute_of(start) if isinstance(column.type, BigInteger) else to_micros(start)
