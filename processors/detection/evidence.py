"""The evidence that a person checks by hand. It is put together once a reading is over, from the matches of its window alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from processors.detection import trigger_habit
from processors.detection.copies import WindowStories, told_in, within
from processors.detection.terms import rising_subjects
from processors.detection.trigger_habit import TRIGGER_SPAN, people_who_said, usual_people
from processors.signals.types import FarVoice, RisingTerm
from processors.understand.likeness import KnownTexts
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
HEARD_SPAN = timedelta(days=14)
# So many mentions on a network or in a language that was not heard before are a spread.
SPREADS_FROM = 3
UNTOLD = frozenset({"unknown", ""})
PEAK_MINUTES = 5
YOUNG = timedelta(days=7)
# A young monitor with fewer mentions does not know yet what is normal.
THIN = 100
# Texts read from the window, and as many from the time before it, in the search for rising terms.
TERM_TEXTS = 400


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
    scored: dict[str, tuple[int, int]]
    """By language, the mentions that were called negative, and all that were scored."""
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
    known: KnownTexts | None = None,
) -> WindowContents:
    """Everything about the mentions of this monitor in [start, end) that an alert shows or that severity depends on. `known`
    remembers its texts, which spares comparing them again.
    """
    m = s.matches
    here = within(monitor_id, start, end)
    tones = _tones(conn, here)
    labels = Counter[str]()
    for _, label, count in tones:
        labels[label] += count
    reach = conn.execute(select(func.coalesce(func.sum(m.c.reach), 0)).where(here)).scalar_one()
    top = _top(conn, monitor_id, start, end)
    own = _own(conn, monitor_id, start, end) if monitor.own_accounts else 0
    said = people_who_said(conn, monitor_id, end)
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
        networks_heard=_networks_heard(conn, monitor_id, end),
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
        facets=_facets(conn, monitor_id, start, end),
        scored=_scored(tones),
        told=told_in(conn, monitor_id, start, end, sum(labels.values()), known),
    )


def _tones(conn: Connection, here: ColumnElement[bool]) -> list[tuple[str | None, str, int]]:
    m = s.matches
    found = conn.execute(select(m.c.lang, m.c.label, func.count()).where(here).group_by(m.c.lang, m.c.label))
    return [(lang, label, count) for lang, label, count in found]


def _scored(tones: Iterable[tuple[str | None, str, int]]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for lang, label, count in tones:
        if label != "unscored":
            negative, of = found.get(lang or "", (0, 0))
            found[lang or ""] = (negative + count * (label == "negative"), of + count)
    return found


def is_thin(conn: Connection, monitor_id: str, since: datetime) -> bool:
    """Whether the monitor was in its first week at `since` and had heard fewer than `THIN` mentions before."""
    t = s.tallies
    mine = (t.c.monitor_id == monitor_id, t.c.count > 0)
    if (
        conn.execute(select(t.c.minute).where(*mine, t.c.minute < minute_of(since - YOUNG)).limit(1)).first()
        is not None
    ):
        return False
    heard = conn.execute(
        select(func.coalesce(func.sum(t.c.count), 0)).where(*mine, t.c.minute < minute_of(since))
    )
    return int(heard.scalar_one()) < THIN


def voices(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> int:
    """Distinct authors in [start, end); a mention without an author counts as a voice of its own."""
    return sum(authors(conn, monitor_id, start, end))


def authors(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> tuple[int, int]:
    """Distinct authors in [start, end), and the mentions that tell none."""
    m = s.matches
    nobody = func.sum(case((m.c.author.is_(None), 1), else_=0))
    named, anonymous = conn.execute(
        select(func.count(m.c.author.distinct()), func.coalesce(nobody, 0)).where(
            within(monitor_id, start, end)
        )
    ).one()
    return int(named), int(anonymous)


def _same() -> ColumnElement[bool]:
    """The condition that joins a match to its mention. The equal times in it tell PostgreSQL which day to search."""
    m, t = s.mentions, s.matches
    return and_(t.c.source == m.c.source, t.c.id == m.c.id, t.c.created_at == m.c.created_at)


def counted_by(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, column: str
) -> dict[str, int]:
    # One object for both uses: PostgreSQL must see the same parameter twice.
    value = func.coalesce(s.matches.c[column], "unknown")
    found = conn.execute(select(value, func.count()).where(within(monitor_id, start, end)).group_by(value))
    return dict(sorted(((value, count) for value, count in found), key=lambda pair: (-pair[1], pair[0])))


def _facets(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> dict[str, dict[str, int]]:
    """By facet and value, the mentions of which it was told. As many groups as there are different answers, which is few."""
    columns = [s.matches.c[facet] for facet in FACETS]
    alike = select(*columns, func.count().label("alike"))
    found = conn.execute(alike.where(within(monitor_id, start, end)).group_by(*columns))
    return counted((row, row.alike) for row in found)


def _own(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> int:
    here = within(monitor_id, start, end, own=True)
    return int(conn.execute(select(func.count()).select_from(s.matches).where(here)).scalar_one())


def _top(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, *, own: bool = False
) -> list[TopMention]:
    """The posts that matter, by reach.

    Among equals negatives come first, then earlier posts, so that the first of a story leads.
    """
    m = s.matches
    rank = case((m.c.label == "negative", 0), else_=1)
    found = conn.execute(
        select(m.c.source, m.c.id, m.c.reach, m.c.label)
        .where(within(monitor_id, start, end, own=own), m.c.repost.is_(False))
        .order_by(m.c.reach.desc(), rank, m.c.created_at, m.c.source, m.c.id)
        .limit(TOP)
    )
    return [TopMention(row.source, row.id, row.reach, row.label) for row in found]


def _networks_heard(conn: Connection, monitor_id: str, end: datetime) -> int:
    p = s.tally_parts
    found = conn.execute(
        select(func.count(p.c.value.distinct())).where(
            p.c.monitor_id == monitor_id,
            p.c.dimension == "network",
            p.c.value.not_in(sorted(UNTOLD)),
            p.c.count > 0,
            p.c.minute >= minute_of(end - HEARD_SPAN),
            p.c.minute < minute_of(end),
        )
    )
    return int(found.scalar_one())


def first_heard(
    conn: Connection, monitor_id: str, start: datetime, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, list[str]]:
    """By dimension of `tally_parts`, the values of `counts` with `SPREADS_FROM` mentions or more that this monitor had not heard
    in the two weeks before `start`. A monitor that had heard nothing before has no habits, and hears nothing for the first time.
    """
    p, found = s.tally_parts, {}
    for dimension, values in counts.items():
        known = set(
            conn.execute(
                select(p.c.value)
                .distinct()
                .where(
                    p.c.monitor_id == monitor_id,
                    p.c.dimension == dimension,
                    p.c.count > 0,
                    p.c.minute >= minute_of(start - HEARD_SPAN),
                    p.c.minute < minute_of(start),
                )
            ).scalars()
        )
        new = sorted(
            one for one, n in values.items() if n >= SPREADS_FROM and one not in known and one not in UNTOLD
        )
        if known - UNTOLD and new:
            found[dimension] = new
    return found


def _peak(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> int:
    """The mentions of the fullest five minutes of the clock in [start, end)."""
    m, windows = s.matches, Counter[int]()
    for minute, count in conn.execute(
        select(m.c.minute, func.count()).where(within(monitor_id, start, end)).group_by(m.c.minute)
    ):
        windows[minute // PEAK_MINUTES] += count
    return max(windows.values(), default=0)


def outlet_posts(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, outlets: Collection[str]
) -> list[FarVoice]:
    """The mentions in [start, end) by one of these outlets, the first post first."""
    m, t = s.mentions, s.matches
    wanted = {outlet.lower().removeprefix("@").removeprefix("www.") for outlet in outlets}
    found = conn.execute(
        select(m.c.url, m.c.author_handle, t.c.source, t.c.id, t.c.reach, t.c.label, t.c.triggers)
        .join(t, _same())
        .where(within(monitor_id, start, end), m.c.created_at >= start, m.c.created_at < end)
        .where(m.c.url.is_not(None) | m.c.author_handle.is_not(None))
        .order_by(t.c.created_at, t.c.source, t.c.id)
    )
    return [
        FarVoice(row.source, row.id, row.reach, outlet, is_against(row.label, row.triggers))
        for row in found
        for outlet in sorted({_outlet(row.url), (row.author_handle or "").lower().removeprefix("@")} & wanted)
    ]


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
    m, t = s.mentions, s.matches
    found = conn.execute(
        select(func.min(m.c.text))
        .join(t, _same())
        .where(within(monitor_id, start, end), m.c.created_at >= start, m.c.created_at < end)
        .group_by(t.c.signature)
        .order_by(t.c.signature)
        .limit(TERM_TEXTS)
    )
    return [text for (text,) in found]


def digest_of(conn: Connection, monitor_id: str, start: datetime, end: datetime) -> str:
    """A digest over the sorted ids of the mentions in [start, end)."""
    m = s.matches
    digest = hashlib.blake2b(digest_size=16)
    found = conn.execute(
        select(m.c.source, m.c.id).where(within(monitor_id, start, end)).order_by(m.c.source, m.c.id)
    )
    for source, id in found:
        digest.update(f"{source}\x1f{id}\x1e".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
