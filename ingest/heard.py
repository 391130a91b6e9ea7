"""Whether anything is listened to at all."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, select

from tocsin.definitions.repository import stored_definitions
from tocsin.health.sources import MOST_SHOWN, without_a_definition
from tocsin.store import schema as s

Deaf = Literal["no source", "all off"]
"""Why nothing is listened to: no source is defined, or each that is defined is switched off."""


def deaf(conn: Connection) -> Deaf | None:
    """Why nothing is listened to; None where a source is on, or others push mentions under a name that nobody defines.

    What was heard before counts for nothing: a source that has ended, or is switched off, hears no more.
    """
    sources = stored_definitions(conn, "source")
    if any(one.body.get("enabled", True) for one in sources):
        return None
    st = s.source_state.c
    news = {
        row.name: row.last_news_at for row in conn.execute(select(st.name, st.last_news_at).limit(MOST_SHOWN))
    }
    if without_a_definition(conn, news):
        return None
    return "all off" if sources else "no source"
