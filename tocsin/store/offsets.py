"""The offsets up to which the stream was read. An offset advances in the transaction that stores the rows derived from it.

So a record may be read more than once, and takes effect once.

A worker that takes a partition over raises its epoch. A worker that still uses the old epoch is `Fenced` and must read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from tocsin.core.errors import Fenced
from tocsin.core.ids import stable_id
from tocsin.store import schema as s
from tocsin.store.statements import insert_once
from tocsin.stream.port import RecordGap


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to read, and the right (epoch) to say so."""

    offset: int
    epoch: int


def take_over(
    conn: Connection, cluster: str, topic: str, partition: int, owner: str, now: datetime
) -> Position:
    """Make `owner` the only worker whose batches of this partition count from now on. Returns the position to read on from.

    Two owners that take over at once get different epochs, and the later epoch counts.
    """
    o = s.offsets
    key = (o.c.cluster == cluster, o.c.topic == topic, o.c.partition == partition)
    raised = (
        update(o)
        .where(*key)
        .values(epoch=o.c.epoch + 1, owner=owner, updated_at=now)
        .returning(o.c.offset, o.c.epoch)
    )
    found = conn.execute(raised).one_or_none()
    if found is None:
        row = {
            "cluster": cluster,
            "topic": topic,
            "partition": partition,
            "offset": 0,
            "epoch": 0,
            "monitors_version": 0,
        }
        # Another worker may have inserted the row since the update above.
        insert_once(conn, o, row)
        found = conn.execute(raised).one()
    return Position(found.offset, found.epoch)


def advance(
    conn: Connection,
    cluster: str,
    topic: str,
    partition: int,
    at: Position,
    to: int,
    monitors_version: int,
    now: datetime,
) -> Position:
    """Move the partition from exactly `at` to the offset `to`. Raises `Fenced` when another worker has moved the partition or
    taken it over since.
    """
    o = s.offsets
    moved = conn.execute(
        update(o)
        .where(
            o.c.cluster == cluster,
            o.c.topic == topic,
            o.c.partition == partition,
            o.c.offset == at.offset,
            o.c.epoch == at.epoch,
        )
        .values(offset=to, monitors_version=monitors_version, updated_at=now)
    )
    if moved.rowcount != 1:
        raise Fenced(f"partition {partition} of {topic} was taken over: this batch does not count")
    return Position(to, at.epoch)


def stored(conn: Connection, cluster: str, topic: str) -> dict[int, int]:
    """The next offset to read of each partition. Partitions that were never read are absent."""
    found = conn.execute(_STORED, {"cluster": cluster, "topic": topic})
    return {row.partition: row.offset for row in found}


_o = s.offsets.c
# Made once: every look of a ticker asks it.
_STORED = select(_o.partition, _o.offset).where(
    _o.cluster == bindparam("cluster"), _o.topic == bindparam("topic")
)


@dataclass(frozen=True, slots=True)
class UnreadPartition:
    """A partition of which `records` were there at a barrier and are not stored yet. The stored offset is `offset`."""

    partition: int
    offset: int
    records: int


def unread(conn: Connection, topic: str, between: tuple[datetime, datetime]) -> list[UnreadPartition]:
    """The partitions with records that are not stored, though they were there at the newest barrier taken in this time."""
    b = s.barriers.c
    taken = select(b.cluster, b.ends).where(b.topic == topic, b.taken_at.between(*between))
    newest = conn.execute(taken.order_by(b.taken_at.desc()).limit(1)).first()
    if newest is None:
        return []
    at = stored(conn, newest.cluster, topic)
    waiting = {int(p): end for p, end in newest.ends.items() if end > at.get(int(p), 0)}
    return [UnreadPartition(p, at.get(p, 0), end - at.get(p, 0)) for p, end in sorted(waiting.items())]


def begin(conn: Connection, topic: str, old: str, new: str, begins: Mapping[int, int], now: datetime) -> None:
    """Set the offset from which each partition of the topic is read on the stream `new`, in place of those that are known of it.
    A partition keeps the version of the monitors with which it was last read on the stream `old`.
    """
    o = s.offsets
    conn.execute(delete(o).where(o.c.cluster == new, o.c.topic == topic))
    before = select(o.c.partition, o.c.monitors_version).where(o.c.cluster == old, o.c.topic == topic)
    versions = {row.partition: row.monitors_version for row in conn.execute(before)}
    for partition, offset in sorted(begins.items()):
        row = {
            "cluster": new,
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "epoch": 1,
            "owner": None,
            "monitors_version": versions.get(partition, 0),
            "updated_at": now,
        }
        conn.execute(insert(o).values(row))


def total(conn: Connection) -> int:
    """The sum of all offsets: a number that grows with every stored batch."""
    return int(conn.execute(select(func.coalesce(func.sum(s.offsets.c.offset), 0))).scalar_one())


def lost_records(conn: Connection) -> Sequence[Row[datetime, int, int]]:
    """The gaps that were recorded: `at`, `from_offset`, `to_offset`."""
    g = s.gaps.c
    return conn.execute(select(g.at, g.from_offset, g.to_offset)).all()


def record_gap(conn: Connection, cluster: str, topic: str, gap: RecordGap, now: datetime) -> None:
    """Keep each gap once: the records that were lost before they were read. A gap raises BLIND."""
    row = {
        "id": stable_id("gap", cluster, topic, gap.partition, gap.wanted, gap.available),
        "cluster": cluster,
        "topic": topic,
        "partition": gap.partition,
        "from_offset": gap.wanted,
        "to_offset": gap.available,
        "at": now,
    }
    insert_once(conn, s.gaps, row)
