"""One job carried out from where it stands to its end. Each piece commits with the number of rows that are done, so a job that is
killed goes on behind the last piece, and no mention counts twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from api import imports
from api.imports import CHECK, UNDO, Import
from ingest.recorded.folder import Folder
from ingest.recorded.mapping import ColumnMapping
from ops.imports.reading import ReadRow, rows_of
from ops.runtime import Runtime
from processors.history.storing import Became, HistoryWriter
from processors.history.teaching import TRIES, Span, monitors_of, taught
from processors.history.undoing import take_out
from tocsin.core.errors import BadMention, TocsinError
from tocsin.core.mention import Mention
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined, listed
from tocsin.intake.dead_letters import dead_letter_row, record_dead_letter
from tocsin.reading import check_time

PIECE: Final = 100
"""Rows in one transaction, which others wait for."""
LETTERS: Final = 200
"""Bad rows of an import that become dead letters; the others are only counted."""
MET: Final = 500_000
"""The number of mentions that a check remembers, to find the ones that come twice."""
AGAIN_S: Final = 0.1
"""How long an import waits for a ticker that holds a monitor."""
OnProgress = Callable[[int, dict[str, int]], None]


class ImportCancelled(Exception):
    """Somebody cancelled the job."""


def folder_of(runtime: Runtime) -> Folder:
    """The folder that files of history are taken from."""
    return Folder(runtime.settings.imports.folder or runtime.settings.data / "imports")


def carry_out(
    runtime: Runtime, id: str, path: Path | None = None, on_progress: OnProgress = lambda _p, _c: None
) -> None:
    """Carry out the job with this id, which is running, to its end. `path` is its file where that lies in no folder of imports.

    A file that cannot be read ends the job as failed; one that was cancelled ends without a word.
    """
    store, clock = runtime.store, runtime.clock
    with store.read() as conn:
        job = imports.get(conn, id)
    folder = folder_of(runtime)
    try:
        if job.kind == UNDO:
            _undo(runtime, job)
        else:
            _Run(runtime, job, path or folder.file(job.file), on_progress).to_the_end()
        with store.write() as conn:
            imports.finish(conn, id, clock.now())
        if job.kind == imports.IMPORT and path is None:
            folder.forget(job.file)
    except ImportCancelled:
        return
    except (TocsinError, OSError) as error:
        with store.write() as conn:
            imports.finish(conn, id, clock.now(), str(error)[:500] or type(error).__name__)


@dataclass(slots=True)
class _Piece:
    """Rows that are done together."""

    mentions: list[Mention] = field(default_factory=list)
    bad: list[ReadRow] = field(default_factory=list)


class _Run:
    """A check or an import under way."""

    def __init__(self, runtime: Runtime, job: Import, path: Path, on_progress: OnProgress) -> None:
        self._runtime, self._job, self._path, self._on_progress = runtime, job, path, on_progress
        self._by = ColumnMapping.model_validate(job.mapping)
        self._writer = HistoryWriter(runtime.store, job.partition)
        self._counts, self._reasons = dict(job.counts), list(job.reasons)
        self._position = job.position if job.kind != CHECK else 0
        if job.kind == CHECK:
            self._counts, self._reasons = dict.fromkeys(imports.COUNTS, 0), []
        self._span: Span | None = (job.first_at, job.last_at) if job.first_at and job.last_at else None
        self._met: set[int] = set()
        self._now = runtime.clock.now()
        self._size = max(1, path.stat().st_size)
        self._progress = job.progress
        self._kept = timedelta(days=runtime.settings.retention.mentions_days)

    def to_the_end(self) -> None:
        with rows_of(self._path, self._by, self._runtime.settings.imports.max_bytes) as (rows, place):
            for _ in islice(rows, self._position):
                pass
            while found := list(islice(rows, PIECE)):
                self._progress = min(99, place() * 100 // self._size)
                self._do(found)
                self._on_progress(self._progress, self._counts)
        if self._job.kind != CHECK and self._job.teach and self._span:
            teach_all(self._runtime, self._job.partition, self._still_wanted)

    def _do(self, found: list[ReadRow]) -> None:
        piece = _Piece()
        for row in found:
            self._sort(row, piece)
        if self._job.kind == CHECK:
            news = self._not_met(piece.mentions)
            taken = self._writer.would_take(news)
            again = len(piece.mentions) - len(news)
            self._count(found, replace(taken, known=taken.known + again), piece)
            with self._runtime.store.write() as conn:
                self._note(conn)
            return

        def note(conn: Connection, taken: Became) -> None:
            self._count(found, taken, piece)
            for row in piece.bad[: max(0, LETTERS - self._refused + len(piece.bad))]:
                self._letter(conn, row)
            self._note(conn)

        before = dict(self._counts), list(self._reasons), self._position, self._span

        def note_once(conn: Connection, taken: Became) -> None:
            # A piece is tried again where somebody else stored one of its mentions.
            self._counts, self._reasons, self._position, self._span = (
                dict(before[0]),
                list(before[1]),
                before[2],
                before[3],
            )
            note(conn, taken)

        self._writer.take(piece.mentions, self._now, note_once)

    def _not_met(self, mentions: list[Mention]) -> list[Mention]:
        """The mentions that were not in the file before, as far as a bounded memory knows."""
        news = [one for one in mentions if hash(one.key) not in self._met]
        if len(self._met) < MET:
            self._met.update(hash(one.key) for one in news)
        return news

    def _sort(self, row: ReadRow, piece: _Piece) -> None:
        if row.mention is None:
            piece.bad.append(row)
            return
        try:
            check_time(row.mention, self._now, max_age=self._kept, max_ahead=timedelta(0))
            piece.mentions.append(row.mention)
        except BadMention as bad:
            piece.bad.append(row._replace(mention=None, bad=bad))

    def _count(self, found: list[ReadRow], taken: Became, piece: _Piece) -> None:
        old = sum(row.bad is not None and row.bad.reason == "too_old" for row in piece.bad)
        more = {
            "read": len(found),
            "stored": taken.stored,
            "known": taken.known,
            "unmatched": taken.unmatched,
        }
        more |= {"too_old": old, "bad": len(piece.bad) - old}
        self._counts = {name: self._counts.get(name, 0) + more[name] for name in imports.COUNTS}
        self._position += len(found)
        for row in piece.bad[: imports.REASONS_KEPT - len(self._reasons)]:
            assert row.bad is not None
            self._reasons.append({"line": row.line, "reason": row.bad.reason, "message": str(row.bad)[:300]})
        if piece.mentions:
            times = [one.created_at for one in piece.mentions]
            known = self._span or (times[0], times[0])
            self._span = min(*times, known[0]), max(*times, known[1])

    @property
    def _refused(self) -> int:
        return self._counts["bad"] + self._counts["too_old"]

    def _note(self, conn: Connection) -> None:
        wanted = imports.note(
            conn,
            self._job.id,
            self._runtime.clock.now(),
            progress=self._progress,
            position=self._position,
            counts=self._counts,
            reasons=self._reasons,
            span=self._span if self._job.kind != CHECK else None,
        )
        if not wanted:
            raise ImportCancelled

    def _still_wanted(self) -> None:
        with self._runtime.store.write() as conn:
            self._note(conn)

    def _letter(self, conn: Connection, row: ReadRow) -> None:
        assert row.bad is not None
        record_dead_letter(
            conn,
            dead_letter_row(
                now=self._now,
                source=self._by.source,
                reason=row.bad.reason,
                message=str(row.bad),
                payload=row.payload,
                position=row.line,
            ),
        )


def teach_all(runtime: Runtime, partition: int, still_wanted: Callable[[], None] = lambda: None) -> None:
    """Teach every monitor to which this import brought mentions what all imports know of it."""
    store = runtime.store
    with store.read() as conn:
        ids = set(monitors_of(conn, partition))
        teachable = [one for one in listed(conn, Monitor) if one.id in ids and one.value.enabled]
    for one in teachable:
        still_wanted()
        _teach(runtime, one)


def _teach(runtime: Runtime, monitor: Defined[Monitor]) -> None:
    with runtime.store.read() as conn:
        covered = [
            span for part, span in imports.spans(conn).items() if monitor.id in monitors_of(conn, part)
        ]
    for _ in range(TRIES):
        if taught(runtime.store, monitor, covered, runtime.clock.now()):
            return
        time.sleep(AGAIN_S)


def _undo(runtime: Runtime, job: Import) -> None:
    store = runtime.store
    with store.read() as conn:
        one = imports.get(conn, job.undoes or "")
        brought = set(monitors_of(conn, one.partition))

    def goes_on(part: float) -> bool:
        with store.write() as conn:
            return imports.note(conn, job.id, runtime.clock.now(), progress=int(part * 99))

    if (
        one.first_at
        and one.last_at
        and not take_out(store, one.partition, one.first_at, one.last_at, goes_on)
    ):
        raise ImportCancelled
    with store.read() as conn:
        forgetting = [each for each in listed(conn, Monitor) if each.id in brought and each.value.enabled]
    for each in forgetting:
        _teach(runtime, each)
