"""What made the number: the authors, networks, languages, sources and copies of a window, counted now from the matches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Row, func, select

from processors.detection.copies import copies_in, told_in, within
from processors.detection.evidence import authors, counted_by, digest_of, facets_in
from processors.detection.habits import usual_facets
from tocsin.core.signal import AutomatedAuthor, StoryTold
from tocsin.store import schema as s
from tocsin.store.mentions import stored_rows

# Of each list so many are shown.
SHOWN = 8
NOT_SAID = "unknown"


class Part(msgspec.Struct, frozen=True):
    """A part of the window's mentions: `share` of all of them, 0..1."""

    name: str
    count: int
    share: float


class FacetPart(Part, frozen=True):
    """The mentions of which a value of a facet was told. `usual` is its share in the two weeks before the episode, 0..1; None
    where too little was heard to tell.
    """

    usual: float | None = None


class Robot(msgspec.Struct, frozen=True):
    """An account that looks automated, its posts in the window, and the reasons with their figures."""

    name: str
    posts: int
    why: dict[str, float]


class Contributions(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the mentions in [start, end) as the store has them now. `others` counts, by dimension, the parts that are left
    out. `distinct` is `count` without the copies and without the further posts of accounts that look automated. `texts` counts
    the different texts; `stories` are those with the most copies; `automated` counts the mentions by accounts that look
    automated, and `robots` are the busiest of these. `named` counts the authors that networks tell; of the `voices` each mention
    without an author is one. `facets` has, by facet, the values that were told of most mentions.
    """

    count: int
    negative: int
    distinct: int
    copy_groups: int
    texts: int = 0
    stories: list[StoryTold] = []
    automated: int = 0
    robots: list[Robot] = []
    voices: int
    named: int
    digest: str
    authors: list[Part]
    networks: list[Part]
    languages: list[Part]
    sources: list[Part]
    others: dict[str, int] = {}
    facets: dict[str, list[FacetPart]] = {}


def contributions(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, since: datetime
) -> Contributions:
    """Count the window's mentions, by what brought them. What is usual was heard before `since`, when the episode began."""
    m, here = s.matches, within(monitor_id, start, end)
    labels = {
        row.label: int(row.said)
        for row in conn.execute(select(m.c.label, func.count().label("said")).where(here).group_by(m.c.label))
    }
    count, copies = sum(labels.values()), copies_in(conn, monitor_id, start, end)
    found = {
        "authors": _authors(conn, monitor_id, start, end),
        "networks": counted_by(conn, monitor_id, start, end, "network"),
        "languages": counted_by(conn, monitor_id, start, end, "lang"),
        "sources": counted_by(conn, monitor_id, start, end, "source"),
    }
    told = told_in(conn, monitor_id, start, end, count)
    named, anonymous = authors(conn, monitor_id, start, end)
    parts = {name: _parts(counts, count) for name, counts in found.items()}
    return Contributions(
        count=count,
        negative=labels.get("negative", 0),
        distinct=count - copies.aside,
        copy_groups=copies.groups,
        texts=told.distinct,
        stories=told.stories,
        automated=told.automated,
        robots=_robots(conn, told.automated_authors),
        voices=named + anonymous,
        named=named,
        digest=digest_of(conn, monitor_id, start, end),
        others={
            name: len(found[name]) - len(some) for name, some in parts.items() if len(found[name]) > len(some)
        },
        facets=_facets(conn, monitor_id, start, end, since, count),
        **parts,
    )


def _parts(counts: Mapping[str, int], of: int) -> list[Part]:
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:SHOWN]
    return [Part(name, count, round(count / of, 4)) for name, count in most]


def _facets(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, since: datetime, of: int
) -> dict[str, list[FacetPart]]:
    told = facets_in(conn, monitor_id, start, end)
    usual = usual_facets(conn, monitor_id, since, told)
    return {
        facet: [
            FacetPart(one.name, one.count, one.share, usual.get(facet, {}).get(one.name))
            for one in _parts(counts, of)
        ]
        for facet, counts in told.items()
    }


def _authors(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> dict[str, int]:
    """The mentions of each author. A name is that which one of the author's mentions has now; an author without one is counted
    as such, and mentions without an author together.
    """
    m = s.matches
    rows = conn.execute(
        select(m.c.author, func.count().label("said"), func.min(m.c.source).label("source"))
        .where(within(monitor_id, start, end))
        .group_by(m.c.author)
    ).all()
    loudest = sorted((row for row in rows if row.author is not None), key=lambda row: (-row.said, row.author))
    named = _names(conn, monitor_id, start, end, [row.author for row in loudest[:SHOWN]])
    counts: dict[str, int] = {}
    for row in loudest:
        name = named.get(row.author) or f"author {row.author & 0xFFFFFFFF:08x}"
        counts[name] = counts.get(name, 0) + row.said
    nobody = sum(row.said for row in rows if row.author is None)
    return counts | ({NOT_SAID: nobody} if nobody else {})


def _robots(conn: Connection, authors: list[AutomatedAuthor]) -> list[Robot]:
    found = stored_rows(conn, [(one.source, one.id) for one in authors])
    names = [_name(found[one.source, one.id]) if (one.source, one.id) in found else "" for one in authors]
    return [Robot(name or NOT_SAID, one.posts, one.why) for name, one in zip(names, authors, strict=True)]


def _names(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, authors: list[int]
) -> dict[int, str]:
    m = s.matches
    first: dict[int, tuple[str, str]] = {}
    for row in conn.execute(
        select(m.c.author, m.c.source, m.c.id)
        .where(within(monitor_id, start, end), m.c.author.in_(authors))
        .order_by(m.c.source, m.c.id)
    ):
        first.setdefault(row.author, (row.source, row.id))
    found = stored_rows(conn, list(first.values()))
    return {author: _name(found[key]) for author, key in first.items() if key in found}


def _name(row: Row[tuple[object, ...]]) -> str:
    """The handle or the name of a mention's author; with the network, because two networks may have the same."""
    said = row.author_handle or row.author_name or row.author_id
    return f"{said} ({row.network or row.source})" if said else ""
