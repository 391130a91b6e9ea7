"""What a store is for, and facts about it as a whole: kept in `meta`, so that a replay never mixes with what is live."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select, update

from tocsin.core.errors import WrongInput
from tocsin.store import schema as s
from tocsin.store.bulk import insert_once

Mode = Literal["live", "replay", "demo"]


def get(conn: Connection, key: str) -> str | None:
    """The value under this key of `meta`, or None."""
    value: str | None = conn.execute(select(s.meta.c.value).where(s.meta.c.key == key)).scalar_one_or_none()
    return value


def put(conn: Connection, key: str, value: str) -> None:
    """Set a value of `meta`, whoever else does."""
    if not insert_once(conn, s.meta, {"key": key, "value": value}):
        conn.execute(update(s.meta).where(s.meta.c.key == key).values(value=value))


def claim_mode(conn: Connection, mode: Mode) -> None:
    """Say what this store is for. Raises `WrongInput` when it is for something else: replays never touch live data."""
    present = get(conn, "mode")
    if present is None:
        put(conn, "mode", mode)
    elif present != mode:
        raise WrongInput(
            f"this data is of a {present} run; a {mode} run needs a folder of its own (--data DIR)"
        )


def simulated_clock(conn: Connection) -> datetime | None:
    """Where the simulated clock of a replay stands, or None when it never ran."""
    value = get(conn, "clock")
    return datetime.fromisoformat(value) if value else None


def set_simulated_clock(conn: Connection, at: datetime) -> None:
    put(conn, "clock", at.isoformat())
