"""The audit chain: append-only, each entry hashed over the one before it, so that a change or a gap shows.

An entry's hash is SHA-256 over the canonical JSON (sorted keys, no blanks) of all its fields but `hash`. The hash of the
previous entry is one of these fields. Entries hold ids, states and hashes of typed words, never a post or a note.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from tocsin.core.clock import to_micros
from tocsin.store import schema as s

GENESIS = "0" * 64
_HEAD = "audit:head"


@dataclass(frozen=True, slots=True)
class Verified:
    """How far the chain holds. `broken_at` is the number of the first entry that does not fit, and `reason` says why. None:
    every entry fits.
    """

    checked: int
    last_seq: int
    last_hash: str
    broken_at: int | None = None
    reason: str | None = None


def append(
    conn: Connection,
    *,
    at: datetime,
    actor: str,
    role: str,
    action: str,
    object: str,
    detail: dict[str, Any] | None = None,
) -> int:
    """Add an entry. Returns its number, counted from 1. The row that holds the chain's head serialises the writers."""
    seq, previous = _head(conn)
    entry = {
        "seq": seq + 1,
        "at": to_micros(at),
        "actor": actor,
        "role": role,
        "action": action,
        "object": object,
        "detail": detail,
        "previous": previous,
    }
    digest = entry_hash(entry)
    conn.execute(insert(s.audit), entry | {"at": at, "hash": digest})
    conn.execute(update(s.meta).where(s.meta.c.key == _HEAD), {"value": f"{seq + 1}:{digest}"})
    return seq + 1


def verify(
    conn: Connection, after_seq: int = 0, after_hash: str = GENESIS, limit: int | None = None
) -> Verified:
    """Check the chain from the entry after `after_seq` (whose hash is `after_hash`) on, at most `limit` entries.

    When the check reaches the end, the last entry must also be the head that was written beside it. So a cut tail shows.
    """
    statement = select(s.audit).where(s.audit.c.seq > after_seq).order_by(s.audit.c.seq)
    rows = conn.execute(statement.limit(limit) if limit is not None else statement)
    seq, digest, checked = after_seq, after_hash, 0
    for row in rows:
        if row.seq != seq + 1:
            return Verified(checked, seq, digest, seq + 1, "an entry is missing")
        entry = {name: getattr(row, name) for name in _HASHED} | {"at": to_micros(row.at)}
        if row.previous != digest:
            return Verified(checked, seq, digest, row.seq, "it does not follow the entry before it")
        if row.hash != entry_hash(entry):
            return Verified(checked, seq, digest, row.seq, "its content was changed")
        seq, digest, checked = row.seq, row.hash, checked + 1
    if limit is None or checked < limit:
        head = conn.execute(select(s.meta.c.value).where(s.meta.c.key == _HEAD)).scalar_one_or_none()
        if (head or f"0:{GENESIS}") != f"{seq}:{digest}":
            return Verified(checked, seq, digest, seq + 1, "the chain ends before its head")
    return Verified(checked, seq, digest)


def entries(conn: Connection) -> Iterator[Row[Any]]:
    """Every entry in the order of the chain."""
    yield from conn.execute(select(s.audit).order_by(s.audit.c.seq))


def entries_of(conn: Connection, objects: Sequence[str]) -> Sequence[Row[Any]]:
    """The entries about these objects, in the order of the chain."""
    a = s.audit.c
    return conn.execute(select(s.audit).where(a.object.in_(objects)).order_by(a.seq)).all()


def count(conn: Connection) -> int:
    """The number of entries."""
    return int(conn.execute(select(func.count()).select_from(s.audit)).scalar_one())


def entry_hash(entry: dict[str, Any]) -> str:
    """SHA-256, 64 hex digits, over the canonical JSON of the fields; `at` is in microseconds since 1970."""
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def text_hash(text: str) -> str:
    """The hash that stands in the chain for words that people typed: SHA-256, 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_HASHED = ("seq", "at", "actor", "role", "action", "object", "detail", "previous")


def _head(conn: Connection) -> tuple[int, str]:
    """The last entry's number and hash, with the right to write the next entry (a row lock where the engine has row locks)."""
    statement = select(s.meta.c.value).where(s.meta.c.key == _HEAD).with_for_update()
    found = conn.execute(statement).scalar_one_or_none()
    if found is None:
        conn.execute(insert(s.meta), {"key": _HEAD, "value": f"0:{GENESIS}"})
        return 0, GENESIS
    seq, _, digest = str(found).partition(":")
    return int(seq), digest
