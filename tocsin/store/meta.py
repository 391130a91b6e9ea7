"""The purpose of a store, and facts about it as a whole, kept in the table `meta`.

A store is for one purpose only, so that a replay never mixes with live data.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Literal

from sqlalchemy import Connection, Select, bindparam, delete, false, or_, select, update

from tocsin.core.errors import WrongInput
from tocsin.store import schema as s
from tocsin.store.statements import insert_once

Mode = Literal["live", "replay", "demo"]
# Key of `meta`: the store is only half filled yet. The value says from where it is filled.
FILLING = "filling"
# Key of `meta`, in a demo whose crisis has been played: the page may ask to see it again, or has asked.
PLAY_AGAIN = "play_again"
OFFERED, ASKED, ONCE = "offered", "asked", "once"
# Key of `meta`: everything has moved to another store. The value says when and where.
MOVED = "moved"
_ONE = select(s.meta.c.value).where(s.meta.c.key == bindparam("key"))


def get(conn: Connection, key: str) -> str | None:
    """The value under this key of `meta`, or None."""
    value: str | None = conn.execute(_ONE, {"key": key}).scalar_one_or_none()
    return value


def put(conn: Connection, key: str, value: str) -> None:
    """Set a value of `meta`. Two processes may set the same key at the same moment."""
    if not insert_once(conn, s.meta, {"key": key, "value": value}):
        conn.execute(update(s.meta).where(s.meta.c.key == key), {"value": value})


def several(conn: Connection, keys: Collection[str]) -> dict[str, str]:
    """The values under these keys, by key and in the keys' order. Keys that are not there are left out."""
    return {row.key: row.value for row in conn.execute(_several(tuple(keys)))}


@cache
def _several(keys: tuple[str, ...]) -> Select[str, str]:
    """The query for these keys, made once: an idle engine asks for the same keys every second."""
    m = s.meta.c
    # Not `in_`, whose SQL is put together anew at each execution.
    wanted = or_(false(), *(m.key == key for key in keys))
    return select(m.key, m.value).where(wanted).order_by(m.key)


def starting_with(conn: Connection, prefix: str) -> list[str]:
    """The values under every key that begins with `prefix`, in the keys' order."""
    return list(conn.execute(_starting_with(prefix)).scalars())


@cache
def _starting_with(prefix: str) -> Select[str]:
    m = s.meta.c
    return select(m.value).where(m.key.startswith(prefix, autoescape=True)).order_by(m.key)


def forget(conn: Connection, *keys: str) -> bool:
    """Remove these keys. Returns whether any of them was there."""
    return conn.execute(delete(s.meta).where(s.meta.c.key.in_(keys))).rowcount > 0


def claim_mode(conn: Connection, mode: Mode) -> None:
    """Say what this store is for. Raises `WrongInput` where the store is for something else, so that a replay never touches
    live data. Raises `WrongInput` too where the store was only half filled, or where everything has moved elsewhere.
    """
    half = get(conn, FILLING)
    if half is not None:
        raise WrongInput(f"this store was half filled from {half}, and is not whole: run that command again")
    moved = get(conn, MOVED)
    if moved is not None:
        raise WrongInput(
            f"this installation has moved: {moved}; start it there, or take it back with: tocsin move --undo"
        )
    present = get(conn, "mode")
    if present is None:
        put(conn, "mode", mode)
    elif present != mode:
        raise WrongInput(
            f"this data is of a {present} run; a {mode} run needs a folder of its own (--data DIR)"
        )


def simulated_clock(conn: Connection) -> datetime | None:
    """The time on the simulated clock of a replay; None when the clock never ran."""
    value = get(conn, "clock")
    return datetime.fromisoformat(value) if value else None


def replayed_until(conn: Connection) -> datetime | None:
    """The time at which the replay in this store stands; None where it holds none, or one that has not begun."""
    return simulated_clock(conn) if get(conn, "mode") == "replay" else None


def set_simulated_clock(conn: Connection, at: datetime) -> None:
    put(conn, "clock", at.isoformat())
