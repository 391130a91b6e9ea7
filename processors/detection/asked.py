"""The mentions of a window that a second opinion is asked of: a part that order and time of arrival do not choose."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, or_, select

from processors.corrections.correct import PERSON
from processors.detection.copies import within
from processors.understand.quotes import own_words
from tocsin.store import schema as s
from tocsin.store.mentions import stored_rows

MOST_UNSCORED: Final = 100
MOST_SCORED: Final = 200


class ToAsk(NamedTuple):
    """A mention's text, and the label that it has toward the brand."""

    text: str
    label: str


def to_ask(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> list[ToAsk]:
    """Mentions in [start, end), the unscored first, in the order of their signatures; none that a person labelled."""
    m = s.matches
    found: list[ToAsk] = []
    for which, most in (
        (m.c.label == "unscored", MOST_UNSCORED),
        (m.c.label != "unscored", MOST_SCORED),
    ):
        by_whom = or_(m.c.scored_by.is_(None), m.c.scored_by != PERSON)
        wanted = select(m.c.source, m.c.id, m.c.label).where(within(monitor_id, start, end), which, by_whom)
        rows = conn.execute(wanted.order_by(m.c.signature, m.c.source, m.c.id).limit(most)).all()
        kept = stored_rows(conn, [(row.source, row.id) for row in rows])
        for row in rows:
            mention = kept.get((row.source, row.id))
            if mention is not None and (
                text := " ".join(filter(None, (mention.title, own_words(mention.text))))
            ):
                found.append(ToAsk(text, row.label))
    return found
