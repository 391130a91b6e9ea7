"""`tocsin import`: stores recorded mentions as history. They are matched, understood and tallied. Nobody is alerted.

An import does not use the stream, which carries what is heard now. Its batches are stored like those of the stream, under a
partition number that no stream has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ops.replay.order import in_order_heard
from ops.replay.player import Totals
from ops.runtime import Runtime
from processors.monitors import CompiledMonitors, watched
from processors.storing.batch import Batch, MentionVersion
from processors.storing.writer import Writer
from processors.understand import Understander, default_scorers, mention_facets
from processors.understand.language import mention_language
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import Mention
from tocsin.definitions.models import known_zone
from tocsin.intake.dead_letters import Fuse, record_dead_letter
from tocsin.reading import check_time
from tocsin.store import schema as s

PARTITION = -1  # the partition of imports; tallies are summed over all partitions
CHUNK = 2000
STILL_RUNNING = timedelta(seconds=15)  # since a processor last reported; it reports every ten seconds


def import_files(
    runtime: Runtime,
    files: Sequence[Path],
    *,
    source: str | None,
    tz: str | None,
    on_progress: Callable[[Totals], None] = lambda _totals: None,
) -> Totals:
    """Import the files. `on_progress` gets the totals after each chunk. Known mentions are counted and change nothing.

    Raises `WrongInput` for a missing file, and while processors run.
    """
    for path in files:
        if not path.is_file():
            raise WrongInput(f"no file {path}")
    _refuse_beside_live(runtime)
    totals, fuse = Totals(), Fuse()
    now = runtime.clock.now()
    max_age = timedelta(days=runtime.settings.retention.mentions_days)

    def bad(path: Path, line: int, payload: bytes, error: BadMention) -> None:
        totals.bad += 1
        fuse.note(0, 1)
        print(f"tocsin: {path}:{line}: {error}", file=sys.stderr)  # noqa: T201  # notes go to stderr
        with runtime.store.write() as conn:
            record_dead_letter(
                conn,
                now=now,
                source=source or path.name,
                reason=error.reason,
                message=str(error),
                payload=payload,
                position=line,
            )

    def in_time(mention: Mention) -> bool:
        try:
            check_time(mention, now, max_age=max_age, max_ahead=timedelta(0))
        except BadMention as error:
            bad(Path(mention.source), 0, mention.id.encode(), error)
            return False
        return True

    zone = ZoneInfo(_zone(tz)) if tz else None
    mentions = filter(in_time, in_order_heard(files, source=source, zone=zone, on_bad=bad))
    writer = Writer(runtime.store, Understander(default_scorers()), 0.0)
    present: CompiledMonitors | None = None
    while chunk := list(islice(mentions, CHUNK)):
        with runtime.store.read() as conn:
            present = watched(conn, present)
        _store(runtime, writer, present, chunk, totals)
        fuse.note(len(chunk), 0)
        on_progress(totals)
    return totals


def _refuse_beside_live(runtime: Runtime) -> None:
    """Raise `WrongInput` while processors run: an import is not fenced against a processor that stores the same mention."""
    h = s.health
    with runtime.store.read() as conn:
        seen = conn.execute(select(h.c.at).where(h.c.component == "processors")).scalar_one_or_none()
    if seen is not None and runtime.clock.now() - seen < STILL_RUNNING:
        raise WrongInput(
            "mentions are being processed now: stop tocsin up, then import; or push them to POST /v1/mentions"
        )


def _store(
    runtime: Runtime, writer: Writer, present: CompiledMonitors, chunk: list[Mention], totals: Totals
) -> None:
    matched = present.matcher.match_many(chunk, mention_language, mention_facets)
    versions = [
        MentionVersion(mention, PARTITION, monitors)
        for mention, monitors in zip(chunk, matched, strict=True)
        if monitors or mention.edited_at is not None
    ]
    prepared = writer.understand(Batch(mentions=len(chunk), versions=versions), brands=present.brands)
    with runtime.store.write() as conn:
        outcome = writer.write(conn, prepared, runtime.clock.now())
    totals.mentions += outcome.mentions
    totals.stored += outcome.stored
    totals.duplicates += outcome.duplicates
    totals.edits += outcome.edits


def _zone(tz: str) -> str:
    try:
        return known_zone(tz)
    except ValueError as error:
        raise WrongInput(f"--tz: {error}") from None
