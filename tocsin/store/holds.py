"""The outbox held back: after a restore nothing that was waiting leaves before a person has looked. One row of `meta`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete

from tocsin.core.clock import iso
from tocsin.store import mode
from tocsin.store import schema as s

OUTBOX = "outbox:held"


@dataclass(frozen=True, slots=True)
class Held:
    """Since when, and why."""

    since: datetime
    why: str


def held(conn: Connection) -> Held | None:
    """The hold on the outbox, or None where notices leave as they are due."""
    return read(mode.get(conn, OUTBOX))


def read(value: str | None) -> Held | None:
    """What the row says."""
    if value is None:
        return None
    found = json.loads(value)
    return Held(datetime.fromisoformat(found["since"]), found["why"])


def hold(conn: Connection, now: datetime, why: str) -> None:
    """Let no notice leave from now on. In the caller's write transaction."""
    mode.put(conn, OUTBOX, json.dumps({"since": iso(now), "why": why}))


def let_go(conn: Connection) -> bool:
    """End the hold; False where there was none. In the caller's write transaction."""
    return conn.execute(delete(s.meta).where(s.meta.c.key == OUTBOX)).rowcount == 1
