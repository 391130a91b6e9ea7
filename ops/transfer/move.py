"""Moves of an embedded installation to the real engines: the whole store, and the records of the stream that are not read yet.

The rows and records of the old installation stay there. When every line of every export is verified, the old store is marked with
the new addresses, and nothing runs on it any more. After an interruption the same command starts again: it deletes what a half
move left, and records that were appended twice count once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from ops.transfer import copy
from processors.detection.watermark import move_barriers
from tocsin.core.clock import iso
from tocsin.core.errors import StreamUnavailable, WrongInput
from tocsin.intake.pushes import move_pushes
from tocsin.settings import Settings
from tocsin.store import audit, meta, offsets
from tocsin.store.copying import OnRows
from tocsin.store.port import Store
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.opening import open_stream
from tocsin.stream.port import ALERT_EVENTS, MENTIONS, SIGNALS, Record, Stream
from tocsin.stream.sqlite import SqliteStream

POLL = timedelta(seconds=1)
GROUP = "move"
# The number of pushes, newest first, that are rewritten to name the new stream.
PUSHES = 10_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Unread:
    """The records that moved.

    Per partition: the offset read so far, the end, and the offset of the first record on the new stream.
    """

    read: Mapping[int, int]
    ends: Mapping[int, int]
    begins: Mapping[int, int]

    @property
    def count(self) -> int:
        return sum(self.ends[p] - self.read[p] for p in self.ends)

    def there(self, partition: int, offset: int) -> int:
        """The offset on the new stream for an offset of the old one.

        Records read before the move have the offset of its beginning.
        """
        if partition not in self.ends:
            return 0
        return self.begins[partition] + max(0, offset - self.read[partition])


def move(
    old: SqliteStore,
    new: Store,
    old_stream: SqliteStream | None,
    new_stream: Stream | None,
    *,
    now: datetime,
    where: str,
    who: str,
    say: Say,
    on_rows: OnRows = lambda _table, _rows: None,
) -> None:
    """Copy the store, verify the copy, mark the old store. `new_stream` is None where the stream stays as it is.

    `where` holds the new addresses, for people. The caller makes sure that nothing runs on either side. Raises `WrongInput`
    where the target is not empty or its topic has another number of partitions, and `Different` where the verification
    fails. Then the target stays unusable.
    """
    with old.read() as conn:
        _check_source(conn)
    with new.read() as conn:
        again = meta.get(conn, meta.FILLING) is not None
    if old_stream is not None and new_stream is not None:
        _check_topic(old_stream, new_stream, again)
    copy.prepare(new, str(old.path))
    with old.read() as conn:
        counts = copy.copy_store(conn, new, on_rows)
    say(f"copied: {copy.in_a_line(counts) or 'nothing, the store is empty'}")
    with old.read() as one, new.read() as other:
        for compared in copy.compare_all(one, other):
            say(f"equal: {compared.kind}, {compared.lines} lines, SHA-256 {compared.sha256}")
    if old_stream is not None and new_stream is not None:
        with old.read() as conn:
            read = offsets.stored(conn, old_stream.cluster, MENTIONS)
        unread = move_unread(old_stream, new_stream, read, now)
        with new.write() as conn:
            _point_to_new_stream(conn, old_stream.cluster, new_stream.cluster, unread, now)
        say(f"unread records of the stream copied: {unread.count}")
        say(
            "copies of signals and alert events stay on the old stream; the relay makes new ones on the new one"
        )
    with new.write() as conn:
        audit.append(
            conn,
            at=now,
            actor=who,
            role="admin",
            action="store.moved",
            object=where[:256],
            detail={"rows": sum(counts.values())},
        )
    copy.finish(new)
    with old.write() as conn:
        meta.put(conn, meta.MOVED, f"to {where} at {iso(now)}")


def undo(old: SqliteStore) -> bool:
    """Remove the mark that everything has moved; False where there is none."""
    with old.write() as conn:
        return meta.forget(conn, meta.MOVED)


def move_unread(old: SqliteStream, new: Stream, read: Mapping[int, int], now: datetime) -> Unread:
    """Append the unread records of the topic mentions to the new stream, partition for partition, in order."""
    ends = old.end_offsets(MENTIONS)
    begins = new.end_offsets(MENTIONS)
    at = {partition: read.get(partition, 0) for partition in ends}
    unread = Unread(at, ends, {partition: begins.get(partition, 0) for partition in ends})
    left = {partition for partition, end in ends.items() if at[partition] < end}
    if not left:
        return unread
    consumer = old.consumer(MENTIONS, GROUP, GROUP)
    try:
        consumer.poll(timedelta(0))
        for partition in left:
            consumer.seek(partition, at[partition])
        while left:
            polled = consumer.poll(POLL)
            if polled.gaps or not polled.assigned:
                raise StreamUnavailable(f"the stream {old.path} does not have all that was not read yet")
            records: Sequence[Record] = [one for one in polled.records if one.offset < ends[one.partition]]
            new.append(MENTIONS, [(one.partition, one.value) for one in records], now)
            left -= {one.partition for one in records if one.offset + 1 >= ends[one.partition]}
    finally:
        consumer.close()
    return unread


def _check_source(conn: Connection) -> None:
    purpose = meta.get(conn, "mode")
    if purpose not in (None, "live"):
        raise WrongInput(f"this data is of a {purpose} run: only a live installation is moved")
    moved = meta.get(conn, meta.MOVED)
    if moved is not None:
        raise WrongInput(f"this installation has moved: {moved}; to move it once more: tocsin move --undo")
    if meta.get(conn, meta.FILLING) is not None:
        raise WrongInput("this store is half filled itself: run the command that filled it again")


def _check_topic(old: SqliteStream, new: Stream, again: bool) -> None:
    """Raise `WrongInput` where the new topic has another number of partitions, or somebody uses it already.

    The same mention must keep its partition, or two processors could count in one place.
    """
    wanted = old.partitions(MENTIONS)
    found = new.ensure_topic(MENTIONS, wanted)
    if found != wanted:
        raise WrongInput(
            f"the topic {MENTIONS} has {found} partitions at {new.url} and {wanted} here: remove that topic, and let this make it"
        )
    if not again and any(new.end_offsets(MENTIONS).values()):
        raise WrongInput(
            f"the topic {MENTIONS} at {new.url} is not empty: somebody uses it; give another stream.topic_prefix"
        )


def _point_to_new_stream(conn: Connection, old: str, new: str, unread: Unread, now: datetime) -> None:
    """Rewrite the positions, barriers and pushes that name unread records, so that they name them on the new stream."""

    def there(ends: Mapping[str, int]) -> dict[str, int]:
        return {p: unread.there(int(p), end) for p, end in ends.items()}

    def waiting(ends: Mapping[str, int]) -> dict[str, int] | None:
        read = all(end <= unread.read.get(int(p), 0) for p, end in ends.items())
        return None if read else there(ends)

    offsets.begin(conn, MENTIONS, old, new, unread.begins, now)
    move_barriers(conn, MENTIONS, old, new, there)
    move_pushes(conn, old, new, waiting, PUSHES)


def find_engines(folder: Path) -> tuple[Path, Path | None]:
    """The embedded store of this folder, and its stream where there is one. Raises `WrongInput` where there is no store."""
    store, stream = folder / "store.db", folder / "stream.db"
    if not store.is_file():
        raise WrongInput(
            f"there is no store in {folder}: name the folder of an embedded installation with --data"
        )
    return store, stream if stream.is_file() else None


def partitions(old: SqliteStream | None, default: int) -> int:
    """The partitions of the topic mentions on the old stream; the topic is made there where it is missing."""
    return old.ensure_topic(MENTIONS, default) if old is not None else default


def open_new_stream(settings: Settings, partitions: int) -> Stream:
    """The stream of these settings, with as many partitions of the topic mentions as the old one has."""
    chosen = settings.stream.model_copy(update={"partitions": partitions})
    topics = {MENTIONS: partitions, SIGNALS: 1, ALERT_EVENTS: 1}
    return open_stream(chosen.url, settings.data, settings=chosen, topics=topics)


def address_text(store_url: str, stream: Stream | None) -> str:
    """The new addresses for people: without accounts, passwords and options."""
    urls = [store_url] if stream is None else [store_url, stream.url]
    return ", ".join(re.sub(r"//[^/@]*@", "//", url.partition("?")[0]) for url in urls)
