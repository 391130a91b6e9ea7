"""Erasure of what a network has deleted: its id, hash and time stay, and the sums that counted it; its words and author go, also
from reposts of it, dead letters and, by `Unquote`, from the notices that quote it.

A removal is due once everything that was handed over before it is stored (`Watermark.stored_until`). So a post is erased also
if it was deleted while it was still in the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, delete, func, or_, select, update

from processors.pseudonyms import PSEUDONYM, key_of_pseudonyms, pseudonym
from tocsin.core.clock import minute_of
from tocsin.intake.dead_letters import drop_letters, letters_holding
from tocsin.intake.removals import AUTHOR, POST, Removal, due_removals, forget_removals
from tocsin.store import schema as s
from tocsin.store.mentions import stored_rows
from tocsin.store.port import Store
from tocsin.store.revision import revised

PIECE: Final = 500
# Clocks of several machines differ by so much at most.
SKEW: Final = timedelta(minutes=1)
# Authors in one statement over the sample.
FEW: Final = 50

Found = tuple[str, str, datetime]
"""A mention to erase: source, id, and when it was posted."""
Unquote = Callable[[Store, Sequence[Any], Sequence[Any]], object]
"""Takes these mentions, and the posts that pass them on, out of everything that quotes them. Called before they are erased."""


def erase_removed(store: Store, stored_until: datetime, unquote: Unquote | None = None) -> int:
    """Erase up to `PIECE` posts and authors that were removed long enough before `stored_until`. Returns how many were done.

    The mentions are looked up in a read of its own, because an author's are found by a pass over the mentions of a source.
    """
    before = stored_until - SKEW
    with store.read() as conn:
        due = due_removals(conn, before, PIECE)
        found = [*_posts(conn, due), *_of_authors(conn, due)] if due else []
        passed_on = _passing_on(conn, found)
        sampled = _sampled(conn, due) if due else []
        rows = [_rows(conn, some) if unquote else [] for some in (found, passed_on)]
    if unquote:
        unquote(store, *rows)
    found += passed_on
    _drop_letters(store, due)
    for start in range(0, len(found), PIECE):
        with store.write(alone=False) as conn:
            erase(conn, found[start : start + PIECE])
    if due:
        with store.write(alone=False) as conn:
            for source, ids in _by_source(sampled):
                m = s.samples.c
                conn.execute(delete(s.samples).where(m.source == source, m.id.in_(ids)))
            forget_removals(conn, due, before)
    return len(due)


def _posts(conn: Connection, due: Iterable[Removal]) -> list[Found]:
    """The stored mentions among the removed posts. Most of a firehose's matched nothing and have no row."""
    t, found = s.seen.c, list[Found]()
    for source, ids in _by_source((one.source, one.value) for one in due if one.what == POST):
        query = select(t.source, t.id, t.created_at).where(t.source == source, t.id.in_(ids))
        found += [(row.source, row.id, row.created_at) for row in conn.execute(query)]
    return found


def _passing_on(conn: Connection, found: Sequence[Found]) -> list[Found]:
    """The stored reposts of these mentions: they have the same words."""
    m, more = s.mentions.c, list[Found]()
    first = min((at for _, _, at in found), default=None)
    for source, ids in _by_source((source, id) for source, id, _ in found):
        for start in range(0, len(ids), PIECE):
            query = select(m.source, m.id, m.created_at).where(
                m.source == source, m.created_at >= first, m.repost_of.in_(ids[start : start + PIECE])
            )
            more += [(row.source, row.id, row.created_at) for row in conn.execute(query)]
    return more


def _rows(conn: Connection, found: Sequence[Found]) -> list[Any]:
    return list(stored_rows(conn, [(source, id) for source, id, _ in found]).values())


def _drop_letters(store: Store, due: Iterable[Removal]) -> None:
    """Drop the dead letters that hold one of the removed posts, or one of a removed author's."""
    for source, values in _by_source((one.source, one.value) for one in due):
        wanted, after = frozenset(values), ""
        while True:
            with store.read() as conn:
                found, to = letters_holding(conn, source, wanted, after)
            if found:
                with store.write(alone=False) as conn:
                    drop_letters(conn, found)
            if to is None:
                break
            after = to


def _of_authors(conn: Connection, due: Iterable[Removal]) -> list[Found]:
    """The stored mentions of the removed authors, also those that carry a pseudonym by now."""
    m, found = s.mentions.c, list[Found]()
    for source, authors in _by_source((one.source, one.value) for one in due if one.what == AUTHOR):
        names = [*authors, *_pseudonyms(conn, source, authors)]
        query = select(m.source, m.id, m.created_at).where(m.source == source, m.author_id.in_(names))
        found += [(row.source, row.id, row.created_at) for row in conn.execute(query)]
    return found


def _pseudonyms(conn: Connection, source: str, authors: Sequence[str]) -> list[str]:
    m = s.mentions.c
    begins = func.substr(m.author_id, 1, len(PSEUDONYM)) == PSEUDONYM
    networks = conn.execute(select(m.network).where(m.source == source, begins).distinct()).scalars().all()
    key = key_of_pseudonyms(conn) if networks else None
    return [pseudonym(key, network or source, author) for network in networks for author in authors if key]


def _sampled(conn: Connection, due: Iterable[Removal]) -> list[tuple[str, str]]:
    """The removed posts, and the sampled mentions of the removed authors, by identity."""
    due = list(due)
    found = [(one.source, one.value) for one in due if one.what == POST]
    t = s.samples.c
    for source, authors in _by_source((one.source, one.value) for one in due if one.what == AUTHOR):
        for start in range(0, len(authors), FEW):
            some = set(authors[start : start + FEW])
            # The text is searched first, so that only few of the sample are decoded.
            named = or_(*(cast(t.mention, Text).contains(one, autoescape=True) for one in sorted(some)))
            rows = conn.execute(select(t.id, t.mention).where(t.source == source, named))
            found += [(source, row.id) for row in rows if _author_of(row.mention) in some]
    return found


def _author_of(mention: Any) -> Any:
    author = mention.get("author") if isinstance(mention, dict) else None
    return author.get("id") if isinstance(author, dict) else None


def erase(conn: Connection, found: Sequence[Found]) -> None:
    """Erase these mentions and their versions. The match keeps what was counted. Where all of that is gone already, nothing is
    revised: a network that goes on showing a deleted post tells of it at every reading.
    """
    times = [at for _, _, at in found]
    m, v, t = s.mentions, s.mention_versions, s.matches
    days = m.c.created_at.between(min(times), max(times))
    minutes = t.c.minute.between(minute_of(min(times)), minute_of(max(times)))
    told = or_(t.c.author.is_not(None), t.c.gist.is_not(None))
    gone = 0
    for source, ids in _by_source((source, id) for source, id, _ in found):
        gone += conn.execute(delete(m).where(_these(m.c, source, ids), days)).rowcount
        gone += conn.execute(delete(v).where(_these(v.c, source, ids))).rowcount
        # The match keeps what was counted, and forgets who wrote it and in what words.
        forgotten = update(t).where(_these(t.c, source, ids), minutes, told)
        gone += conn.execute(forgotten.values(author=None, gist=None)).rowcount
    if gone:
        revised(conn)


def _these(columns: Any, source: str, ids: Sequence[str]) -> ColumnElement[bool]:
    return and_(columns.source == source, columns.id.in_(ids))


def _by_source(keys: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    grouped: dict[str, list[str]] = {}
    for source, value in dict.fromkeys(keys):
        grouped.setdefault(source, []).append(value)
    yield from sorted(grouped.items())
