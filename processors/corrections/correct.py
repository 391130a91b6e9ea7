"""Correcting the label of one mention for one monitor: the match, the tallies and the record change together."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, and_, func, insert, select, update

from processors.storing.writer import match_row, store_changes
from processors.understand.sentiment import LABELS
from tocsin.core.errors import NotFound, WrongInput
from tocsin.core.sentences import Sentence, listed, spoken
from tocsin.store import audit
from tocsin.store import schema as s
from tocsin.store.mentions import Key
from tocsin.store.port import Store

PERSON = "person"
"""What `scored_by` and `model` say of a label that a person gave."""


def correct(
    store: Store,
    conn: Connection,
    monitor_id: str,
    key: Key,
    label: str,
    *,
    now: datetime,
    actor: str,
    role: str,
) -> str:
    """Give the mention this label for the monitor, and note it. Returns the label that it had. A repeat confirms the label.

    Raises `NotFound` where the monitor does not match the mention, or the mention is not kept (what was erased is not named
    again). The transaction must be `alone`.
    """
    if label not in LABELS:
        raise WrongInput(
            Sentence(
                "a mention is {choices}, not {label}",
                choices=listed([spoken(one) for one in LABELS]),
                label=repr(label),
            )
        )
    t = s.matches
    here = and_(t.c.monitor_id == monitor_id, t.c.source == key[0], t.c.id == key[1])
    row = conn.execute(select(t).where(here)).one_or_none()
    if row is None or not _is_kept(conn, key, row.created_at):
        raise NotFound(
            Sentence(
                "the monitor matches no mention {id} of the source {source} that is kept",
                id=repr(key[1]),
                source=repr(key[0]),
            )
        )
    before = match_row(row)
    after = msgspec.structs.replace(before, label=label, scored_by=PERSON)
    conn.execute(update(t).where(here, t.c.minute == row.minute), {"label": label, "scored_by": PERSON})
    _relabel_mention(conn, key, row.created_at, label)
    store_changes(store, conn, [(before, -1), (after, 1)])
    _note(conn, monitor_id, key, label, before.label, now, actor)
    audit.append(
        conn,
        at=now,
        actor=actor,
        role=role,
        action="mention.corrected",
        object=monitor_id,
        detail={"source": key[0], "id": key[1], "before": before.label, "label": label},
    )
    return before.label


class LabelFor(NamedTuple):
    """The label that a mention has for a monitor."""

    label: str
    scored_by: str | None
    """None: it is that of the text. Else `PERSON`, "part" (of the text), or "brand-" and the version of the monitor's model."""
    who: str = ""
    """Who gave the label, where a person did."""


def toward(conn: Connection, monitor_id: str, keys: Collection[Key]) -> dict[Key, LabelFor]:
    """The labels that these mentions have for the monitor. A mention that it does not match is absent."""
    t, c, found = s.matches.c, s.corrections.c, dict[Key, LabelFor]()
    same = and_(c.monitor_id == t.monitor_id, c.source == t.source, c.id == t.id, t.scored_by == PERSON)
    query = select(t.id, t.label, t.scored_by, c.actor).select_from(s.matches.outerjoin(s.corrections, same))
    for source in {source for source, _ in keys}:
        ids = [id for own, id in keys if own == source]
        these = query.where(t.monitor_id == monitor_id, t.source == source, t.id.in_(ids))
        for row in conn.execute(these):
            found[source, row.id] = LabelFor(row.label, row.scored_by, row.actor or "")
    return found


def changed_since(conn: Connection, monitor_id: str, key: Key, label: str, seen: str) -> LabelFor | None:
    """The label that somebody has given to the mention since a reader saw it with the label `seen`, where it is neither that one
    nor the one that the reader wants to give; None where there is none.
    """
    known = toward(conn, monitor_id, [key]).get(key)
    return known if known and known.scored_by == PERSON and known.label not in (seen, label) else None


def _is_kept(conn: Connection, key: Key, created_at: datetime) -> bool:
    m = s.mentions.c
    found = select(m.id).where(m.source == key[0], m.id == key[1], m.created_at == created_at)
    return conn.execute(found).first() is not None


def _relabel_mention(conn: Connection, key: Key, created_at: datetime, label: str) -> None:
    """The text has the label, too, where no other monitor may see it otherwise."""
    t, m = s.matches.c, s.mentions
    monitors = select(func.count()).where(t.source == key[0], t.id == key[1], t.created_at == created_at)
    if conn.execute(monitors).scalar_one() == 1:
        conn.execute(
            update(m).where(m.c.source == key[0], m.c.id == key[1], m.c.created_at == created_at),
            {"label": label, "model": PERSON, "confidence_e4": 10_000},
        )


def _note(
    conn: Connection, monitor_id: str, key: Key, label: str, was: str, now: datetime, actor: str
) -> None:
    """Keep the correction. `was` stays the label before the first one."""
    t = s.corrections
    here = and_(t.c.monitor_id == monitor_id, t.c.source == key[0], t.c.id == key[1])
    changed = conn.execute(update(t).where(here), {"label": label, "at": now, "actor": actor})
    if not changed.rowcount:
        values = {"monitor_id": monitor_id, "source": key[0], "id": key[1], "label": label, "was": was}
        conn.execute(insert(t), {**values, "at": now, "actor": actor})
