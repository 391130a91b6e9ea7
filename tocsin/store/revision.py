"""The revision of what is kept of mentions and their counts: whoever has an answer of the same revision need not ask again."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Connection, String, cast, update

from tocsin.store import meta, offsets
from tocsin.store import schema as s
from tocsin.store.statements import insert_once

KEY: Final = "revision:mentions"
"""Key of `meta`: how often something changed beside the stream."""


def revision(conn: Connection) -> int:
    """A number that grows with every stored batch and every `revised`. While it stays, mentions and tallies stay."""
    return offsets.total(conn) + int(meta.get(conn, KEY) or 0)


def revised(conn: Connection) -> None:
    """Note that mentions or tallies change in this transaction beside the stream: a person corrected one, one was erased, history
    came in, models read them anew. Two transactions that do so at one moment count twice.
    """
    if not insert_once(conn, s.meta, {"key": KEY, "value": "1"}):
        value = s.meta.c.value
        more = cast(cast(value, BigInteger) + 1, String)
        conn.execute(update(s.meta).where(s.meta.c.key == KEY).values(value=more))
