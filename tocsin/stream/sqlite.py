"""The embedded stream: one SQLite file, `stream.db`, in WAL mode with every append confirmed by the disk.

Members of a group are rows that expire; partitions are dealt out over the living members in the order of their names. Two
members may for a moment both believe that a partition is theirs: the store's epochs fence that, as with any engine.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tocsin.core.clock import from_micros, to_micros
from tocsin.core.errors import NotFound, StreamFull, StreamUnavailable, WrongInput
from tocsin.core.sqlite import is_damaged, use_wal
from tocsin.stream.port import MAX_RECORD_BYTES, Polled, Record, RecordGap

SESSION_TIMEOUT_S = 10.0
HEARTBEAT_S = 1.0
POLL_INTERVAL_S = 0.02
DEFAULT_MAX_BYTES = 4 * 1024**3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cluster (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ends (topic TEXT, partition INTEGER, first INTEGER NOT NULL, next INTEGER NOT NULL,
  bytes INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (topic TEXT, partition INTEGER, offset INTEGER, at INTEGER NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (topic, partition, offset));
CREATE TABLE IF NOT EXISTS members (topic TEXT, consumer_group TEXT, member TEXT, expires REAL NOT NULL,
  PRIMARY KEY (topic, consumer_group, member)) WITHOUT ROWID;
"""


class SqliteStream:
    """See `tocsin.stream.port.Stream`. `max_bytes` bounds what is kept; appends are refused when half of it is unread."""

    def __init__(self, path: Path | str, *, durable: bool = True, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.path = Path(path)
        self.url = "sqlite"
        self._durable = durable
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self._partitions: dict[str, int] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = self._connect()
            self.path.chmod(0o600)
            with self._transaction() as db:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(
                    "INSERT INTO cluster SELECT ? WHERE NOT EXISTS (SELECT 1 FROM cluster)",
                    (uuid.uuid4().hex,),
                )
            self.cluster: str = self._db.execute("SELECT id FROM cluster").fetchone()[0]
        except (OSError, sqlite3.Error) as error:
            raise StreamUnavailable(
                f"cannot use {self.path} as a stream: {error}; {_advice(error)}"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        use_wal(db)
        db.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'OFF'}")
        db.execute("PRAGMA journal_size_limit=67108864")
        return db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StreamUnavailable(f"the stream {self.path} cannot be used just now: {error}") from error

    def ensure_topic(self, topic: str, partitions: int) -> int:
        with self._transaction() as db:
            found = db.execute("SELECT partitions FROM topics WHERE name = ?", (topic,)).fetchone()
            if found is None:
                db.execute("INSERT INTO topics VALUES (?, ?)", (topic, partitions))
                db.executemany(
                    "INSERT INTO ends VALUES (?, ?, 0, 0, 0)", [(topic, p) for p in range(partitions)]
                )
            self._partitions[topic] = partitions if found is None else int(found[0])
        return self._partitions[topic]

    def partitions(self, topic: str) -> int:
        if topic not in self._partitions:
            found = self._query("SELECT partitions FROM topics WHERE name = ?", (topic,))
            if not found:
                raise NotFound(f"the stream {self.path} has no topic {topic!r}")
            self._partitions[topic] = int(found[0][0])
        return self._partitions[topic]

    def append(self, topic: str, records: Sequence[tuple[int, bytes]], at: datetime) -> None:
        if not records:
            return
        count = self.partitions(topic)
        when = to_micros(at)
        with self._transaction() as db:
            ends = {
                int(p): [int(n), int(b)]
                for p, n, b in db.execute("SELECT partition, next, bytes FROM ends WHERE topic = ?", (topic,))
            }
            rows = []
            for partition, value in records:
                if len(value) > MAX_RECORD_BYTES:
                    raise WrongInput(
                        f"a record of {len(value)} bytes is over the limit of {MAX_RECORD_BYTES}"
                    )
                if not 0 <= partition < count:
                    raise WrongInput(f"topic {topic} has partitions 0 to {count - 1}, not {partition}")
                end = ends[partition]
                rows.append((topic, partition, end[0], when, value))
                end[0] += 1
                end[1] += len(value)
            if 2 * sum(end[1] for end in ends.values()) > self._max_bytes:
                raise StreamFull(
                    f"half of the {self._max_bytes} bytes that the stream may keep is unread: try again when processing caught up"
                )
            db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany(
                "UPDATE ends SET next = ?, bytes = ? WHERE topic = ? AND partition = ?",
                [(end[0], end[1], topic, p) for p, end in ends.items()],
            )

    def end_offsets(self, topic: str) -> dict[int, int]:
        self.partitions(topic)
        return {
            int(p): int(n)
            for p, n in self._query("SELECT partition, next FROM ends WHERE topic = ?", (topic,))
        }

    def trim(self, topic: str, before: dict[int, int]) -> None:
        with self._transaction() as db:
            for partition, offset in before.items():
                found = db.execute(
                    "SELECT first, next FROM ends WHERE topic = ? AND partition = ?", (topic, partition)
                ).fetchone()
                if found is None or offset <= found[0]:
                    continue
                upto = min(offset, found[1])
                freed = db.execute(
                    "SELECT coalesce(sum(length(value)), 0) FROM records WHERE topic = ? AND partition = ? AND offset < ?",
                    (topic, partition, upto),
                ).fetchone()[0]
                db.execute(
                    "DELETE FROM records WHERE topic = ? AND partition = ? AND offset < ?",
                    (topic, partition, upto),
                )
                db.execute(
                    "UPDATE ends SET first = ?, bytes = bytes - ? WHERE topic = ? AND partition = ?",
                    (upto, freed, topic, partition),
                )

    def drop(self) -> None:
        """Nothing: the file goes with its folder."""

    def consumer(self, topic: str, group: str, member: str) -> SqliteConsumer:
        self.partitions(topic)
        return SqliteConsumer(self, topic, group, member)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _query(self, sql: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise StreamUnavailable(f"the stream {self.path} cannot be used just now: {error}") from error


def _advice(error: Exception) -> str:
    if is_damaged(error):
        return (
            "move the file away, and a new one is made: what was not read yet is lost, what is stored is not"
        )
    return "check the folder's rights and space"


class SqliteConsumer:
    """See `tocsin.stream.port.Consumer`."""

    def __init__(
        self,
        stream: SqliteStream,
        topic: str,
        group: str,
        member: str,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._topic = topic
        self._group = group
        self._member = member
        self._assigned: frozenset[int] = frozenset()
        self._next: dict[int, int] = {}
        self._paused: set[int] = set()
        self._turn: deque[int] = deque()
        self._beat_at = float("-inf")
        self._elapsed = elapsed

    def poll(self, timeout: timedelta, max_bytes: int = 4 * 1024 * 1024) -> Polled:
        deadline = time.monotonic() + timeout.total_seconds()
        before = self._assigned
        while True:
            self._heartbeat()
            gained, lost = self._assigned - before, before - self._assigned
            records, gaps = self._fetch(max_bytes)
            left = deadline - time.monotonic()
            if records or gaps or gained or lost or left <= 0:
                return Polled(records, self._assigned, gained, lost, gaps)
            time.sleep(min(POLL_INTERVAL_S, left))

    def _heartbeat(self) -> None:
        if time.monotonic() - self._beat_at < HEARTBEAT_S:
            return
        # The machine's time since its start, which is one for all its processes and which nobody sets. After a new start of the
        # machine it begins anew: what expires later than the time-out from now was written before that, and has expired too.
        now = self._elapsed()
        with self._stream._transaction() as db:
            where = (self._topic, self._group)
            db.execute(
                "DELETE FROM members WHERE topic = ? AND consumer_group = ? AND NOT expires BETWEEN ? AND ?",
                (*where, now, now + SESSION_TIMEOUT_S),
            )
            db.execute(
                "INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?)",
                (*where, self._member, now + SESSION_TIMEOUT_S),
            )
            members = [
                row[0]
                for row in db.execute(
                    "SELECT member FROM members WHERE topic = ? AND consumer_group = ? ORDER BY member", where
                )
            ]
        self._beat_at = time.monotonic()
        mine = members.index(self._member)
        assigned = frozenset(
            p for p in range(self._stream.partitions(self._topic)) if p % len(members) == mine
        )
        if assigned != self._assigned:
            self._next = {p: o for p, o in self._next.items() if p in assigned & self._assigned}
            self._paused &= assigned
            self._turn = deque(sorted(assigned))
            self._assigned = assigned

    def _fetch(self, max_bytes: int) -> tuple[list[Record], list[RecordGap]]:
        records: list[Record] = []
        gaps: list[RecordGap] = []
        taken = 0
        readable = [p for p in self._turn if p in self._next and p not in self._paused]
        if not readable:
            return records, gaps
        share = max(1, max_bytes // len(readable))
        with self._stream._lock:
            try:
                ends = {
                    int(p): (int(first), int(end))
                    for p, first, end in self._stream._db.execute(
                        "SELECT partition, first, next FROM ends WHERE topic = ?", (self._topic,)
                    )
                }
                for partition in readable:
                    first, end = ends[partition]
                    at = self._next[partition]
                    if at < first or at > end:
                        gaps.append(RecordGap(partition, at, first if at < first else end))
                        del self._next[partition]
                        continue
                    if at == end:
                        continue
                    taken = 0
                    for offset, when, value in self._stream._db.execute(
                        "SELECT offset, at, value FROM records WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset",
                        (self._topic, partition, at),
                    ):
                        records.append(Record(self._topic, partition, offset, value, from_micros(when)))
                        self._next[partition] = offset + 1
                        taken += len(value)
                        if taken >= share:
                            break
            except sqlite3.Error as error:
                raise StreamUnavailable(
                    f"the stream {self._stream.path} cannot be used just now: {error}"
                ) from error
        self._turn.rotate(-1)
        return records, gaps

    def seek(self, partition: int, offset: int) -> None:
        if partition in self._assigned:
            self._next[partition] = offset

    def pause(self, partitions: frozenset[int]) -> None:
        self._paused |= partitions & self._assigned

    def resume(self, partitions: frozenset[int]) -> None:
        self._paused -= partitions

    def close(self) -> None:
        with self._stream._transaction() as db:
            db.execute(
                "DELETE FROM members WHERE topic = ? AND consumer_group = ? AND member = ?",
                (self._topic, self._group, self._member),
            )
        self._assigned = frozenset()
        self._next = {}
