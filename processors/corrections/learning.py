"""Learning a monitor's model from its corrections: what is read from the store, and what is written back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, and_, func, select

from processors.corrections import models
from processors.corrections.correct import PERSON
from processors.corrections.refit import Labelled, Learnt, learn
from processors.monitors import brand_of
from processors.understand.brand import Brand
from processors.understand.contrast import logits_of
from processors.understand.linear import LinearScorer, shipped_languages
from processors.understand.quotes import own_words
from processors.understand.target import asked_of
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.query import parse_query
from tocsin.store import schema as s
from tocsin.store.port import Store

MOST_CORRECTIONS: Final = 500
MOST_OTHERS: Final = 300


def count(conn: Connection, monitor_id: str) -> int:
    """How many mentions people have corrected for the monitor."""
    t = s.corrections.c
    return int(conn.execute(select(func.count()).where(t.monitor_id == monitor_id)).scalar_one())


def summary(conn: Connection, monitor_id: str) -> dict[str, Any]:
    """The corrections of a monitor, and the models that came of them, the newest first."""
    return {"corrections": count(conn, monitor_id), "models": models.versions(conn, monitor_id)}


def learn_from_corrections(
    store: Store, monitor: Defined[Monitor], *, now: datetime, actor: str, role: str
) -> tuple[int, dict[str, Any]]:
    """Fit the monitor's model anew and use it. Returns its version and its figures. The fit runs outside any transaction.

    Raises `WrongInput` where there are too few corrections of mentions that are still kept as they were corrected, in a language
    that has a model.
    """
    with store.read() as conn:
        corrected = _corrected(conn, monitor.id)
        others = _others(conn, monitor.id)
    brand = brand_of(monitor.value, parse_query(monitor.value.query), None)
    found: Learnt = learn(list(_labelled(corrected, brand)), list(_labelled(others, brand)))
    with store.write() as conn:
        version = models.keep(conn, monitor.id, found.model, found.figures, now=now, actor=actor, role=role)
    return version, found.figures


def _corrected(conn: Connection, monitor_id: str) -> Sequence[Any]:
    """The newest corrected mentions, with the label that a person gave. A mention that was edited since is another text, which
    nobody has corrected. Posts of the brand's own accounts are in no count, and teach nothing.
    """
    t, m = s.corrections.c, s.mentions.c
    x = s.matches.c
    same = and_(x.monitor_id == t.monitor_id, x.source == t.source, x.id == t.id)
    text = and_(m.source == x.source, m.id == x.id, m.created_at == x.created_at)
    query = select(m.title, m.text, m.lang, t.label).select_from(
        s.corrections.join(s.matches, same).join(s.mentions, text)
    )
    return conn.execute(
        query.where(t.monitor_id == monitor_id, x.scored_by == PERSON, x.own.is_not(True))
        .order_by(t.at.desc(), t.source, t.id)
        .limit(MOST_CORRECTIONS)
    ).all()


def _others(conn: Connection, monitor_id: str) -> Sequence[Any]:
    """The newest mentions that nobody corrected, with the label that they have."""
    m, x = s.mentions.c, s.matches.c
    text = and_(m.source == x.source, m.id == x.id, m.created_at == x.created_at)
    query = select(m.title, m.text, m.lang, x.label).select_from(s.matches.join(s.mentions, text))
    mine = and_(x.monitor_id == monitor_id, x.label != "unscored", x.scored_by.is_(None), x.own.is_not(True))
    return conn.execute(
        query.where(mine).order_by(x.minute.desc(), x.created_at.desc(), x.source, x.id).limit(MOST_OTHERS)
    ).all()


def _labelled(rows: Sequence[Any], brand: Brand) -> Iterator[Labelled]:
    """The posts in a language that has a model, with the shares of the common model."""
    scorers: dict[str, LinearScorer] = {}
    for row in rows:
        if row.lang in shipped_languages():
            scorer = scorers.setdefault(row.lang, LinearScorer(row.lang))
            text = own_words(f"{row.title}\n{row.text}" if row.title else row.text)
            if (pieces := brand.pieces(text, row.lang)) is not None:
                (logits,) = logits_of([pieces], scorer.score(asked_of([pieces])))
                yield Labelled(pieces.about, np.exp(logits).tolist(), row.label)
            else:
                part = brand.read(text)
                yield Labelled(part, scorer.shares([part])[0].tolist(), row.label)
