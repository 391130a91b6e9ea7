"""The ledger of what the sources could not hear: a gap per source, from one time to another, with the reason.

| cause | the gap begins | it ends | what was said meanwhile |
|---|---|---|---|
| failed | when the source last answered | when it answers again | comes late, where the network has it; that *fills* the gap |
| told | when the source says | when the source says | is lost |
| silent | with the last mention | with the next one | was never said, or is lost |

A source that is paused or ended is asked no more: a gap that is open ends then. One that failed goes on when it is on again.

While a gap is open, and for ever where it is lost, the windows in it are incomplete: missing data is never calm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Select, bindparam, or_, select, update

from tocsin.core.ids import stable_id
from tocsin.store import schema as s
from tocsin.store.expiry import drop_some
from tocsin.store.statements import among, insert_once

FAILED: Final = "failed"
TOLD: Final = "told"
SILENT: Final = "silent"
Cause = Literal["failed", "told", "silent"]

MAX_REASON_CHARS: Final = 300
MOST_READ: Final = 1000


@dataclass(frozen=True, slots=True)
class SourceGap:
    """One row of the ledger. `ends_at` is None while the gap lasts; `filled` mentions had come late when it was filled."""

    id: str
    source: str
    cause: Cause
    starts_at: datetime
    ends_at: datetime | None
    reason: str
    filled_at: datetime | None = None
    filled: int = 0

    @property
    def open(self) -> bool:
        """Whether what was said in the gap may still come: the source does not answer yet, or is catching up."""
        return self.cause != TOLD and self.filled_at is None

    @property
    def words(self) -> str:
        """The gap in a sentence, in UTC: `blind on forum from 10:02 to 10:09: the cursor is too old`."""
        start = f"{self.starts_at:%H:%M}"
        if self.ends_at is None:
            return f"blind on {self.source} since {start}: {self.reason}"
        days = (self.ends_at.date() - self.starts_at.date()).days
        end = f"{self.ends_at:%H:%M}" + (f" (+{days} d)" if days else "")
        said = f"blind on {self.source} from {start} to {end}: {self.reason}"
        return f"{said}; {self.filled} came late" if self.filled_at is not None else said


def begin(conn: Connection, source: str, cause: Cause, starts_at: datetime, reason: str) -> SourceGap:
    """Open a gap, in the caller's write transaction. The same gap again is the same row."""
    return _insert(conn, source, cause, starts_at, None, reason)


def tell(conn: Connection, source: str, gaps: Iterable[tuple[datetime, datetime, str]]) -> None:
    """Write down the gaps that the source itself told: (start, end, reason)."""
    for starts_at, ends_at, reason in gaps:
        _insert(conn, source, TOLD, starts_at, max(starts_at, ends_at), reason)


def end(
    conn: Connection, gap: SourceGap, ends_at: datetime, filled: int = 0, filled_at: datetime | None = None
) -> SourceGap:
    """The gap after the source is heard again: it ends now if it has not ended yet, and `filled` more mentions have come late.

    `filled_at`: nothing more comes late after this.
    """
    g = s.source_gaps
    ended = gap.ends_at or max(ends_at, gap.starts_at)
    after = replace(gap, ends_at=ended, filled_at=filled_at, filled=gap.filled + filled)
    # A death may have taken the row back that the caller remembers.
    insert_once(conn, g, _row(gap))
    conn.execute(
        update(g)
        .where(g.c.id == gap.id)
        .values(ends_at=after.ends_at, filled=after.filled, filled_at=after.filled_at)
    )
    return after


def reopen(conn: Connection, gap: SourceGap) -> SourceGap:
    """The gap of a source that failed again before it had caught up: it goes on."""
    conn.execute(update(s.source_gaps).where(s.source_gaps.c.id == gap.id).values(ends_at=None))
    return replace(gap, ends_at=None)


def left(conn: Connection, listened: Collection[str]) -> list[SourceGap]:
    """The gaps that last in sources that nobody listens to any more: those that are not among `listened`."""
    return [one for one in _read(conn, s.source_gaps.c.ends_at.is_(None)) if one.source not in listened]


def leave(conn: Connection, gaps: Iterable[SourceGap], now: datetime) -> None:
    """End these gaps: their sources were paused or ended. What a failure kept back may still come when the source is on again."""
    g = s.source_gaps
    for one in gaps:
        values = {"ends_at": max(now, one.starts_at), "filled_at": None if one.cause == FAILED else now}
        conn.execute(update(g).where(g.c.id == one.id, g.c.ends_at.is_(None)).values(values))


def open_gaps(conn: Connection, sources: Sequence[str], cause: Cause) -> dict[str, SourceGap]:
    """The gap of each of these sources that is not filled, by source; the newest where a death left several."""
    g = s.source_gaps.c
    mine = (among(conn, g.source, sources), g.cause == cause, g.filled_at.is_(None))
    return {one.source: one for one in _read(conn, *mine)}


def gaps_since(conn: Connection, start: datetime) -> list[SourceGap]:
    """The gaps that reach beyond `start`, and those that are still open, the oldest first."""
    return [_gap(row) for row in reversed(conn.execute(_since(), {"start": start}).all())]


@cache
def _since() -> Select[Any]:
    """The statement of `gaps_since`, made once: every look of a ticker asks it."""
    g = s.source_gaps.c
    still = g.filled_at.is_(None) & (g.cause != TOLD)
    return _newest_first(or_(g.ends_at > bindparam("start"), g.ends_at.is_(None), still))


def newest_gaps(conn: Connection, limit: int, sources: Sequence[str] | None = None) -> list[SourceGap]:
    """The newest gaps of these sources (None: of all), the newest first."""
    g = s.source_gaps
    query = select(g).order_by(g.c.starts_at.desc(), g.c.id).limit(limit)
    if sources is not None:
        query = query.where(among(conn, g.c.source, sources))
    return [_gap(row) for row in conn.execute(query)]


def forget_gaps(conn: Connection, before: datetime, piece: int) -> int:
    """Drop up to `piece` gaps that ended before; returns how many."""
    return drop_some(conn, s.source_gaps, s.source_gaps.c.ends_at < before, piece)


def _insert(
    conn: Connection, source: str, cause: Cause, starts_at: datetime, ends_at: datetime | None, reason: str
) -> SourceGap:
    id = stable_id("gap", source, cause, starts_at.isoformat(), ends_at.isoformat() if ends_at else "")
    gap = SourceGap(id, source, cause, starts_at, ends_at, reason[:MAX_REASON_CHARS])
    insert_once(conn, s.source_gaps, _row(gap))
    return gap


def _row(gap: SourceGap) -> dict[str, Any]:
    return {name: getattr(gap, name) for name in SourceGap.__dataclass_fields__}


def _read(conn: Connection, *where: ColumnElement[bool]) -> list[SourceGap]:
    return [_gap(row) for row in reversed(conn.execute(_newest_first(*where)).all())]


def _newest_first(*where: ColumnElement[bool]) -> Select[Any]:
    g = s.source_gaps
    return select(g).where(*where).order_by(g.c.starts_at.desc(), g.c.id).limit(MOST_READ)


def _gap(row: Any) -> SourceGap:
    return SourceGap(
        row.id, row.source, row.cause, row.starts_at, row.ends_at, row.reason, row.filled_at, row.filled
    )
