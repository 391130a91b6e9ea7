"""What a person asks to be forgotten: an author by handle or id, or one post. It is found, counted, and erased piece by piece.

Reposts of what goes hold the same words, so they go first. Counts stay as they are. The identity of a mention stays, so that it
is not taken in again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)

from processors.erasure import PIECE, Found, erase
from processors.pseudonyms import PSEUDONYM, present_key, pseudonym
from tocsin.intake.removals import AUTHOR, POST, Removal, What
from tocsin.store import schema as s

MOST_AUTHORS: Final = 200
"""Accounts that one request may name: the same handle on several networks and sources."""
_NOBODY: Final = "\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The author or the post to be forgotten. `value`: the handle or id of an author; the address or id of a post. `authors`
    are the accounts that it named when it was looked up, as (source, author id), those by their pseudonym too. `typed`: the
    name is taken out of what people typed, too.
    """

    what: What
    value: str
    network: str | None = None
    authors: tuple[tuple[str, str], ...] = ()
    typed: bool = False

    @property
    def bare(self) -> str:
        """The value without the sign of a handle, for comparing."""
        return self.value.strip().lstrip("@").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """What the store holds of a subject. `posts` are its own, `reposts` those of others that pass them on."""

    posts: int
    reposts: int
    corrections: int
    samples: int
    networks: Mapping[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None


def looked_up(conn: Connection, subject: Subject) -> Subject:
    """The subject with the accounts that it names."""
    if subject.what == POST:
        return subject
    m, value, key = s.mentions.c, subject.value.strip(), present_key(conn)
    known = select(m.source, m.network, m.author_id).where(
        _named(s.mentions, subject), m.author_id.is_not(None)
    )
    rows = conn.execute(known.distinct().limit(MOST_AUTHORS))
    places = conn.execute(select(m.source, m.network).where(_there(s.mentions, subject)).distinct()).all()
    # It may be the id of somebody whose every post carries a pseudonym by now.
    accounts = {(row.source, row.network, row.author_id) for row in rows}
    accounts |= {(place.source, place.network, value) for place in places}
    found = {(source, author) for source, _, author in accounts}
    if key:
        found |= {(source, pseudonym(key, where or source, author)) for source, where, author in accounts}
    return replace(subject, authors=tuple(sorted(found)))


def affected(conn: Connection, subject: Subject) -> Affected:
    """What the store holds of a subject that was looked up."""
    m, c = s.mentions, s.corrections.c
    own, passed_on = _own(m, subject), _reposts(subject)
    network = func.coalesce(m.c.network, m.c.source)
    by = select(network, func.count(), func.min(m.c.created_at), func.max(m.c.created_at))
    rows = conn.execute(by.where(own).group_by(network)).all()
    corrected = tuple_(c.source, c.id).in_(select(m.c.source, m.c.id).where(or_(own, passed_on)))
    return Affected(
        posts=sum(row[1] for row in rows),
        reposts=_count(conn, select(func.count()).select_from(m).where(passed_on)),
        corrections=_count(conn, select(func.count()).select_from(s.corrections).where(corrected)),
        samples=len(sampled(conn, subject)),
        networks={str(row[0]): row[1] for row in rows},
        first_at=min((row[2] for row in rows), default=None),
        last_at=max((row[3] for row in rows), default=None),
    )


def next_posts(conn: Connection, subject: Subject, most: int = PIECE) -> Sequence[Any]:
    """Up to `most` mentions to erase, reposts before what they pass on: source, id, created_at, title, text, author's names, and
    whether it is a repost (`passed_on`).
    """
    return posts_of(conn, subject, most, passed_on=True) or posts_of(conn, subject, most, passed_on=False)


def posts_of(conn: Connection, subject: Subject, most: int, *, passed_on: bool) -> Sequence[Any]:
    """The subject's own mentions, or the posts that pass them on, as `next_posts` has them."""
    m = s.mentions.c
    which = _reposts(subject) if passed_on else _own(s.mentions, subject)
    shown = (m.source, m.id, m.created_at, m.title, m.text, m.author_handle, m.author_name)
    query = select(*shown, literal(value=passed_on).label("passed_on")).where(which)
    return conn.execute(query.limit(most)).all()


def erase_posts(conn: Connection, posts: Iterable[Any]) -> int:
    """Erase these mentions, with their versions, labels by people and search. Returns how many labels went."""
    found: list[Found] = [(row.source, row.id, row.created_at) for row in posts]
    c = s.corrections.c
    keys = tuple_(c.source, c.id).in_([(source, id) for source, id, _ in found])
    labels = conn.execute(delete(s.corrections).where(keys)).rowcount
    erase(conn, found)
    return int(labels)


def removals_of(conn: Connection, subject: Subject) -> list[Removal]:
    """The accounts to erase once more when everything that was handed over until now is stored.

    A removal knows no network: a source that also brings others than the named one is left out.
    """
    m = s.mentions.c
    network = func.coalesce(m.network, m.source)
    others = select(m.source).where(network != subject.network).distinct() if subject.network else None
    mixed = set(conn.execute(others).scalars()) if others is not None else set()
    return [
        Removal(source, AUTHOR, author)
        for source, author in subject.authors
        if not author.startswith(PSEUDONYM) and source not in mixed
    ]


def sampled(conn: Connection, subject: Subject) -> list[tuple[str, str]]:
    """The mentions of the sample that are of the subject, by identity."""
    t = s.samples.c
    ids = {author for _, author in subject.authors} | {subject.value.strip()}
    # The text is searched first, so that only few of the sample are decoded.
    says = func.lower(cast(t.mention, Text)).contains(subject.bare, autoescape=True)
    named = or_(says, *(cast(t.mention, Text).contains(one, autoescape=True) for one in sorted(ids)))
    rows = conn.execute(select(t.source, t.id, t.mention).where(named))
    return [(row.source, row.id) for row in rows if _is_of(row.mention, subject, ids)]


def drop_sampled(conn: Connection, keys: Sequence[tuple[str, str]]) -> None:
    """Drop these mentions of the sample."""
    t = s.samples.c
    for start in range(0, len(keys), PIECE):
        conn.execute(delete(s.samples).where(tuple_(t.source, t.id).in_(keys[start : start + PIECE])))


def _is_of(mention: Any, subject: Subject, ids: set[str]) -> bool:
    if not isinstance(mention, dict):
        return False
    network = mention.get("network") or mention.get("source")
    if subject.network and network != subject.network:
        return False
    if subject.what == POST:
        return subject.value.strip() in (mention.get("url"), mention.get("id"))
    author = mention.get("author")
    if not isinstance(author, dict):
        return False
    return author.get("id") in ids or str(author.get("handle") or "").lstrip("@").lower() == subject.bare


def _named(m: Any, subject: Subject) -> ColumnElement[bool]:
    """Whether a mention is by somebody of that handle or id."""
    typed = subject.value.strip()
    plain = typed.lstrip("@")
    # One engine lowers only ASCII: the handle as it was typed is compared too.
    handle = or_(
        func.lower(m.c.author_handle).in_((subject.bare, f"@{subject.bare}")),
        m.c.author_handle.in_((plain, f"@{plain}")),
    )
    return and_(or_(handle, m.c.author_id == typed), _there(m, subject))


def _there(m: Any, subject: Subject) -> ColumnElement[bool]:
    if subject.network is None:
        return true()
    there: ColumnElement[bool] = func.coalesce(m.c.network, m.c.source) == subject.network
    return there


def _own(m: Any, subject: Subject) -> ColumnElement[bool]:
    """Whether a mention is the subject's own."""
    value = subject.value.strip()
    if subject.what == POST:
        return and_(or_(m.c.url == value, m.c.id == value), _there(m, subject))
    by_source: dict[str, list[str]] = {}
    for source, author in subject.authors:
        by_source.setdefault(source, []).append(author)
    accounts = [
        and_(m.c.source == source, m.c.author_id.in_(ids)) for source, ids in sorted(by_source.items())
    ]
    return or_(_named(m, subject), and_(or_(m.c.id == _NOBODY, *accounts), _there(m, subject)))


def _reposts(subject: Subject) -> ColumnElement[bool]:
    """Whether a mention passes on one of the subject's."""
    m, original = s.mentions.c, s.mentions.alias()
    theirs = select(original.c.source, original.c.id).where(_own(original, subject))
    return and_(m.repost_of.is_not(None), tuple_(m.source, m.repost_of).in_(theirs))


def _count(conn: Connection, query: Any) -> int:
    return int(conn.execute(query).scalar_one())
