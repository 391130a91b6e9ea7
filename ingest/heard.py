"""Whether anything is listened to at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection, func, select

from tocsin.core.clock import EPOCH
from tocsin.definitions.repository import stored_definitions
from tocsin.health.sources import MOST_SHOWN, without_a_definition
from tocsin.store import schema as s

Deaf = Literal["no source", "all off", "pushes ended"]
"""Why nothing is listened to: no source is defined, each that is defined is switched off, or none is defined and what others
pushed all the same has ended.
"""

PUSHES_LAST: Final = timedelta(days=3)
"""Mentions under a name that nobody defines count as heard for so long after the last: such a name has taught no rhythm, and
nobody said how often it speaks.
"""


def deaf(conn: Connection, now: datetime) -> Deaf | None:
    """Why nothing is listened to at `now`; None where a source is on, or others push mentions under a name that nobody defines.

    Earlier mentions count for nothing: a source that has ended, or is switched off, hears no more.
    """
    sources = stored_definitions(conn, "source")
    if any(one.body.get("enabled", True) for one in sources):
        return None
    st = s.source_state.c
    # A row from before the time of the last news was kept has that of its newest mention.
    heard_at = func.coalesce(st.last_news_at, st.last_event_at).label("at")
    news = {row.name: row.at for row in conn.execute(select(st.name, heard_at).limit(MOST_SHOWN))}
    pushed = without_a_definition(conn, news)
    if any((news[one] or EPOCH) > now - PUSHES_LAST for one in pushed):
        return None
    if pushed and not sources:
        return "pushes ended"
    return "all off" if sources else "no source"
