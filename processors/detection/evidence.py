"""The evidence that a person checks by hand. It is put together once a reading is over, from the matches of its window alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, func, select

from processors.corrections.correct import PERSON
from processors.detection import trigger_habit
from processors.detection.copies import SpanTexts, WindowStories, span_of, told_in, within_a_span
from processors.detection.habits import first_heard, networks_heard, usual_facets
from processors.detection.terms import rising_subjects
from processors.detection.trigger_habit import TRIGGER_SPAN, people_who_said, usual_people
from processors.signals.types import FarVoice, RisingTerm
from tocsin.core.clock import minute_of
from tocsin.core.errors import WrongInput
from tocsin.core.facets import FACETS, counted
from tocsin.core.signal import TopMention
from tocsin.definitions.models import Monitor
from tocsin.query import parse_query
from tocsin.store import schema as s

TOP = 5
# Posts of the brand's own accounts that are shown apart.
OWN_SHOWN = 3
PEAK_MINUTES = 5
YOUNG = timedelta(days=7)
# A young monitor with fewer mentions does not know yet what is normal.
THIN = 100
# Texts read from the window, and as many from the time before it, in the search for rising terms.
TERM_TEXTS = 400
# Keys of mentions that are read at once.
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class WindowContents:
    """The counted content of a window. Copies are included; `told` says what they are."""

    count: int
    negative: int
    neutral: int
    positive: int
    unscored: int
    authors: int
    reach: int
    networks: dict[str, int]
    languages: dict[str, int]
    sources: dict[str, int]
    networks_heard: int
    influential: bool
    influential_from: int
    outlets: list[str]
    first_heard: dict[str, list[str]]
    peak: int
    triggers: dict[str, int]
    usual_triggers: dict[str, int]
    voices: int
    terms: list[tuple[str, int]]
    top: list[TopMention]
    own: int
    own_top: list[TopMention]
    digest: str
    facets: dict[str, dict[str, int]]
    usual_facets: dict[str, dict[str, float]]
    scored: dict[str, tuple[int, int]]
    """By language, the mentions that were called negative, and all that were scored. What people labelled has no language: no
    scorer's errors are in it.
    """
    told: WindowStories


def triggers_speak(conn: Connection, monitor_id: str, end: datetime) -> bool:
    """Whether a trigger speaks for itself in the hour up to `end`, with or without a spike."""
    return trigger_habit.triggers_speak(
        conn, monitor_id, end, voices(conn, monitor_id, end - TRIGGER_SPAN, end)
    )


def look(
    conn: Connection,
    monitor_id: str,
    monitor: Monitor,
    start: datetime,
    end: datetime,
    read: SpanTexts | None = None,
    *,
    since: datetime | None = None,
) -> WindowContents:
    """Everything about the mentions of this monitor in [start, end) that an alert shows or that severity depends on. `read` has
    the texts of this span where they were read already. What is usual was heard before `since`, when the episode began, which is
    `start` unless it is given.
    """
    asked = span_of(monitor_id, start, end)
    tones = _tones(conn, asked)
    labels = Counter[str]()
    for _, label, _, count in tones:
        labels[label] += count
    reach = conn.execute(_reached(), asked).scalar_one()
    top = _top(conn, monitor_id, start, end)
    own = _own(conn, monitor_id, start, end) if monitor.own_accounts else 0
    said = people_who_said(conn, monitor_id, end)
    facets = facets_in(conn, monitor_id, start, end)
    networks = counted_by(conn, monitor_id, start, end, "network")
    languages = counted_by(conn, monitor_id, start, end, "lang")
    return WindowContents(
        count=sum(labels.values()),
        negative=labels.get("negative", 0),
        neutral=labels.get("neutral", 0),
        positive=labels.get("positive", 0),
        unscored=labels.get("unscored", 0),
        authors=authors(conn, monitor_id, start, end)[0],
        reach=int(reach),
        networks=networks,
        languages=languages,
        sources=counted_by(conn, monitor_id, start, end, "source"),
        networks_heard=networks_heard(conn, monitor_id, end),
        influential=any(one.reach >= monitor.influential_followers for one in top),
        influential_from=monitor.influential_followers,
        outlets=_outlets(conn, monitor_id, start, end, monitor.tier1),
        first_heard=first_heard(conn, monitor_id, start, {"network": networks, "lang": languages}),
        peak=_peak(conn, monitor_id, start, end),
        triggers=said,
        usual_triggers=usual_people(conn, monitor_id, end, said),
        voices=voices(conn, monitor_id, end - TRIGGER_SPAN, end),
        terms=[(one.term, one.seen) for one in terms_of(conn, monitor_id, monitor, start, end)],
        top=top,
        own=own,
        own_top=_top(conn, monitor_id, start, end, own=True)[:OWN_SHOWN] if own else [],
        digest=digest_of(conn, monitor_id, start, end),
        facets=facets,
        usual_facets=usual_facets(conn, monitor_id, since or start, facets),
        scored=_scored(tones),
        told=told_in(conn, monitor_id, start, end, sum(labels.values()), read),
    )


# Every statement about a span is built once (`within_a_span`): an alert asks two dozen of them in each of its windows, and
# SQLAlchemy takes longer to put one together than the store takes to answer.


@cache
def _reached() -> Select[int]:
    return select(func.coalesce(func.sum(s.matches.c.reach), 0)).where(within_a_span())


def _tones(conn: Connection, asked: Mapping[str, Any]) -> list[tuple[str | None, str, str | None, int]]:
    return [(lang, label, by, count) for lang, label, by, count in conn.execute(_toned(), asked)]


@cache
def _toned() -> Select[Any]:
    m = s.matches
    alike = (m.c.lang, m.c.label, m.c.scored_by)
    return select(*alike, func.count()).where(within_a_span()).group_by(*alike)


def _scored(tones: Iterable[tuple[str | None, str, str | None, int]]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for lang, label, by, count in tones:
        if label != "unscored":
            language = "" if by == PERSON else lang or ""
            negative, of = found.get(language, (0, 0))
            found[language] = (negative + count * (label == "negative"), of + count)
    return found


def is_thin(conn: Connection, monitor_id: str, since: datetime) -> bool:
    """Whether the monitor was in its first week at `since` and had heard fewer than `THIN` mentions before."""
    any_before, heard_before = _before_a_minute()
    week_old = {"monitor_id": monitor_id, "minute": minute_of(since - YOUNG)}
    if conn.execute(any_before, week_old).first() is not None:
        return False
    heard = conn.execute(heard_before, {"monitor_id": monitor_id, "minute": minute_of(since)})
    return int(heard.scalar_one()) < THIN


@cache
def _before_a_minute() -> tuple[Select[Any], Select[Any]]:
    """The questions for a minute before which the monitor had heard anything, and for the mentions that it had heard by then."""
    t = s.tallies
    before = (t.c.monitor_id == bindparam("monitor_id"), t.c.count > 0, t.c.minute < bindparam("minute"))
    return (
        select(t.c.minute).where(*before).limit(1),
        select(func.coalesce(func.sum(t.c.count), 0)).where(*before),
    )


def voices(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> int:
    """Distinct authors in [start, end); a mention without an author counts as a voice of its own."""
    return sum(authors(conn, monitor_id, start, end))


def authors(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> tuple[int, int]:
    """Distinct authors in [start, end), and the mentions that tell none."""
    named, anonymous = conn.execute(_authors(), span_of(monitor_id, start, end)).one()
    return int(named), int(anonymous)


@cache
def _authors() -> Select[Any]:
    author = s.matches.c.author
    nobody = func.sum(case((author.is_(None), 1), else_=0))
    return select(func.count(author.distinct()), func.coalesce(nobody, 0)).where(within_a_span())


def _same() -> ColumnElement[bool]:
    """The condition that joins a match to its mention. The equal times in it tell PostgreSQL which day to search."""
    m, t = s.mentions, s.matches
    return and_(t.c.source == m.c.source, t.c.id == m.c.id, t.c.created_at == m.c.created_at)


def counted_by(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, column: str
) -> dict[str, int]:
    found = conn.execute(_counted_by(column), span_of(monitor_id, start, end))
    return dict(sorted(((value, count) for value, count in found), key=lambda pair: (-pair[1], pair[0])))


@cache
def _counted_by(column: str) -> Select[*tuple[Any, ...]]:
    # One object for both uses: PostgreSQL must see the same parameter twice.
    value = func.coalesce(s.matches.c[column], "unknown")
    return select(value, func.count()).where(within_a_span()).group_by(value)


def facets_in(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> dict[str, dict[str, int]]:
    """By facet and value, the mentions of which it was told. As many groups as there are different answers, which is few."""
    found = conn.execute(_faceted(), span_of(monitor_id, start, end))
    return counted((row, row.alike) for row in found)


@cache
def _faceted() -> Select[Any]:
    columns = [s.matches.c[facet] for facet in FACETS]
    alike = select(*columns, func.count().label("alike"))
    return alike.where(within_a_span()).group_by(*columns)


def _own(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> int:
    return int(conn.execute(_count_own(), span_of(monitor_id, start, end)).scalar_one())


@cache
def _count_own() -> Select[int]:
    return select(func.count()).select_from(s.matches).where(within_a_span(own=True))


def _top(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, *, own: bool = False
) -> list[TopMention]:
    """The posts that matter, by reach.

    Among equals negatives come first, then earlier posts, so that the first of a story leads.
    """
    found = conn.execute(_most_heard(own), span_of(monitor_id, start, end))
    return [TopMention(row.source, row.id, row.reach, row.label) for row in found]


@cache
def _most_heard(own: bool) -> Select[Any]:
    m = s.matches
    rank = case((m.c.label == "negative", 0), else_=1)
    return (
        select(m.c.source, m.c.id, m.c.reach, m.c.label)
        .where(within_a_span(own=own), m.c.repost.is_(False))
        .order_by(m.c.reach.desc(), rank, m.c.created_at, m.c.source, m.c.id)
        .limit(TOP)
    )


def _peak(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> int:
    """The mentions of the fullest five minutes of the clock in [start, end)."""
    windows = Counter[int]()
    for minute, count in conn.execute(_by_minute(), span_of(monitor_id, start, end)):
        windows[minute // PEAK_MINUTES] += count
    return max(windows.values(), default=0)


@cache
def _by_minute() -> Select[*tuple[Any, ...]]:
    minute = s.matches.c.minute
    return select(minute, func.count()).where(within_a_span()).group_by(minute)


def outlet_posts(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, outlets: Collection[str]
) -> list[FarVoice]:
    """The mentions in [start, end) by one of these outlets, the first post first."""
    wanted = {outlet.lower().removeprefix("@").removeprefix("www.") for outlet in outlets}
    found = conn.execute(_with_an_outlet(), span_of(monitor_id, start, end))
    return [
        FarVoice(row.source, row.id, row.reach, outlet, is_against(row.label, row.triggers))
        for row in found
        for outlet in sorted({_outlet(row.url), (row.author_handle or "").lower().removeprefix("@")} & wanted)
    ]


@cache
def _with_an_outlet() -> Select[Any]:
    m, t = s.mentions, s.matches
    return (
        select(m.c.url, m.c.author_handle, t.c.source, t.c.id, t.c.reach, t.c.label, t.c.triggers)
        .join(t, _same())
        .where(within_a_span(), _posted_then())
        .where(m.c.url.is_not(None) | m.c.author_handle.is_not(None))
        .order_by(t.c.created_at, t.c.source, t.c.id)
    )


def _posted_then() -> ColumnElement[bool]:
    """The condition of a mention that was posted in the span. PostgreSQL reads from it which days to search."""
    created_at = s.mentions.c.created_at
    start, end = (bindparam(name, type_=created_at.type) for name in ("start", "end"))
    return and_(created_at >= start, created_at < end)


def is_against(label: str, triggers: Collection[str]) -> bool:
    """Whether a mention speaks against the brand: it is negative, or says a trigger."""
    return label == "negative" or bool(triggers)


def _outlets(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, outlets: Collection[str]
) -> list[str]:
    if not outlets:
        return []
    return sorted({one.outlet for one in outlet_posts(conn, monitor_id, start, end, outlets)})


def _outlet(url: str | None) -> str:
    try:
        return (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def terms_of(
    conn: Connection, monitor_id: str, monitor: Monitor, start: datetime, end: datetime
) -> list[RisingTerm]:
    """The terms that rise in [start, end) against the two days before."""
    now = _texts(conn, monitor_id, start, end)
    before = _texts(conn, monitor_id, start - timedelta(days=2), start)
    return rising_subjects(now, before, (monitor.name, *_looked_for(monitor.query)))


@lru_cache(maxsize=256)
def _looked_for(query: str) -> tuple[str, ...]:
    """The words that a query cannot match without: the names of the brand. An older query may be unreadable, and gives none."""
    try:
        return tuple(sorted(one.needle for one in parse_query(query).anchors))
    except WrongInput:
        return ()


def _texts(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> list[str]:
    """Up to `TERM_TEXTS` texts, one per signature. The signature also chooses them, so the sample does not depend on order."""
    return list(conn.execute(_sampled(), span_of(monitor_id, start, end)).scalars().all())


@cache
def _sampled() -> Select[str]:
    m, t = s.mentions, s.matches
    return (
        select(func.min(m.c.text))
        .join(t, _same())
        .where(within_a_span(), _posted_then())
        .group_by(t.c.signature)
        .order_by(t.c.signature)
        .limit(TERM_TEXTS)
    )


def digest_of(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> str:
    """A digest over the sorted ids of the mentions in [start, end)."""
    digest = hashlib.blake2b(digest_size=16)
    for some in conn.execute(_keys(), span_of(monitor_id, start, end)).partitions(AT_ONCE):
        text = "".join(f"{source}\x1f{id}\x1e" for source, id in some)
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@cache
def _keys() -> Select[str, str]:
    m = s.matches
    return select(m.c.source, m.c.id).where(within_a_span()).order_by(m.c.source, m.c.id)
