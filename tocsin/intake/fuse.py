"""The fuse of a topic: where nearly every line on the stream is bad, reading stops before it, and a person says how to go on.

A blown fuse is one row of `meta` per topic and partition. The fuse stands until the stored offset has passed the place where
it blew, so nobody has to take it down. Two things move the offset on: a newer version that can read the records, or the word
of a person that the present records may become dead letters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from tocsin.core.clock import iso
from tocsin.store import meta, offsets

_PREFIX = "fuse."


@dataclass(frozen=True, slots=True)
class Blown:
    """A blown fuse: reading of `partition` of `topic` stopped at `offset`, which was not stored. Bad lines before `pass_to` may
    pass.
    """

    cluster: str
    topic: str
    partition: int
    offset: int
    reason: str
    at: str
    pass_to: int


def blow(
    conn: Connection, cluster: str, topic: str, at: Mapping[int, int], reason: str, now: datetime
) -> None:
    """Note, per partition, that reading stopped before this offset. In the caller's write transaction."""
    standing = {(one.cluster, one.topic, one.partition): one for one in _all(conn)}
    for partition, offset in at.items():
        before = standing.get((cluster, topic, partition))
        if before is not None and before.offset == offset:
            continue
        _put(conn, Blown(cluster, topic, partition, offset, reason[:500], iso(now), 0))


def standing(conn: Connection) -> list[Blown]:
    """The fuses that are blown and not passed yet, in the order of topic and partition."""
    found = []
    for one in _all(conn):
        stored = offsets.stored(conn, one.cluster, one.topic).get(one.partition, 0)
        if stored <= one.offset and one.pass_to <= one.offset:
            found.append(one)
    return found


def let_pass(conn: Connection, ends: Mapping[int, int], cluster: str, topic: str) -> list[Blown]:
    """Let bad lines before these ends become dead letters, however many they are. Returns the fuses concerned.

    In the caller's write transaction.
    """
    concerned = [one for one in standing(conn) if (one.cluster, one.topic) == (cluster, topic)]
    for one in concerned:
        _put(
            conn,
            Blown(
                cluster,
                topic,
                one.partition,
                one.offset,
                one.reason,
                one.at,
                max(ends.get(one.partition, 0), one.offset + 1),
            ),
        )
    return concerned


def may_pass(conn: Connection, cluster: str, topic: str) -> dict[int, int]:
    """The offset up to which a person lets everything pass, per partition."""
    return {one.partition: one.pass_to for one in _all(conn) if (one.cluster, one.topic) == (cluster, topic)}


def _all(conn: Connection) -> list[Blown]:
    return [Blown(**json.loads(value)) for value in meta.starting_with(conn, _PREFIX)]


def _put(conn: Connection, one: Blown) -> None:
    fields = {name: getattr(one, name) for name in Blown.__slots__}
    meta.put(conn, f"{_PREFIX}{one.topic[:40]}.{one.partition}", json.dumps(fields, sort_keys=True))
