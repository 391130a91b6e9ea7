"""The content of an alert's page: the evidence as judged, the posts behind it, the day's chart, the record."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row

from alerts import views
from alerts.alert import Alert, get
from alerts.escalations.escalation import Escalation, of_alert
from alerts.outbox.reach import could_not_be_reached
from alerts.speakers import with_speakers
from api.opinions import Opinion, opinion_of
from api.pages.charts import ChartPoint
from api.pages.models import SLOT, SLOT_US, SourceRow, source_rows
from processors.corrections.correct import PERSON, LabelFor, toward
from processors.detection.day_stories import DayStory
from processors.detection.readings import readings_between
from processors.explanation.rarity import Rarity, rarity
from processors.understand.reasons import pieces, reasons_for
from tocsin.core.clock import DAY, from_micros, to_micros
from tocsin.core.counts import NORMAL_95, interval_95, steady
from tocsin.core.facets import pairs
from tocsin.core.ids import stable_id
from tocsin.core.signal import AutomatedAuthor, Evidence, TopMention
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store.mentions import Key, stored_rows

_TEXT_SHOWN = 1200
UNSURE = 0.6
SOURCES_SHOWN = 6
_LETTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Post:
    """A mention as shown. `text` is None where it is no longer kept; `url` is http(s) or None."""

    source: str
    id: str
    text: str | None
    author: str
    handle: str | None
    reach: int
    network: str | None
    lang: str | None
    at: datetime | None
    label: str
    url: str | None
    # The text may hurt to read: it is shown when the reader asks for it.
    folded: bool
    # An account of the brand itself wrote it.
    own: bool = False
    # The way in which the label was found (`processors.corrections.correct.LabelFor`).
    scored_by: str | None = None
    # The person who corrected the label.
    who: str = ""
    # How often such a label is right; None where it is not the model's of the whole text.
    sure: float | None = None
    facets: tuple[tuple[str, str], ...] = ()
    # The text in pieces, each with what it counted for the label (above 0) or against it.
    pieces: tuple[tuple[str, float], ...] = ()
    # In a list: how many other mentions of its day tell the same, and those of them that stand in this list.
    copies: int = 0
    copied: tuple[Post, ...] = ()

    @property
    def anchor(self) -> str:
        """The place of the post on a page."""
        return anchor_of(self.source, self.id)

    @property
    def unsure(self) -> bool:
        """Whether the label is right so seldom that a reader should know."""
        return self.sure is not None and self.sure < UNSURE

    @property
    def veiled(self) -> str:
        """The shape of the text's beginning, without its letters: what a page may blur."""
        return _LETTER.sub("\u2592", (self.text or "")[:80])


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A line of the record of what was done."""

    at: datetime
    actor: str
    role: str
    action: str
    from_status: str | None
    to_status: str | None
    text: str | None
    detail: dict[str, Any]
    privileged: bool = False
    seq: int = 0


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A notice to somebody, and whether it arrived."""

    person: str
    channel: str
    kind: str
    status: str
    at: datetime
    attempts: int
    receipt: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """Everything on the page of one alert."""

    alert: Alert
    posts: tuple[Post, ...]
    chart: tuple[ChartPoint, ...]
    timeline: tuple[RecordLine, ...]
    notices: tuple[NoticeLine, ...]
    escalations: tuple[Escalation, ...]
    # The people whom no notice about the alert has reached, while nobody has answered.
    away: tuple[str, ...] = ()
    # Of the posts, those of influential authors.
    influential: tuple[Post, ...] = ()
    # A post and the reasons of each account that looks automated.
    robots: tuple[tuple[Post, AutomatedAuthor], ...] = ()
    # Posts of the brand's own accounts: they are in no figure.
    own: tuple[Post, ...] = ()
    # The sources of its mentions, as they are now.
    sources: tuple[SourceRow, ...] = ()
    # What a slower scorer said of its mentions; None where it was not asked.
    opinion: Opinion | None = None
    # How rare its score is for the monitor.
    rarity: Rarity | None = None
    # Whether the chart ends now: otherwise it ends an hour after the last signal.
    live: bool = False

    @property
    def seen(self) -> int:
        """The last line of the record that the page shows."""
        return self.timeline[0].seq if self.timeline else 0


def card(
    conn: Connection, alert_id: str, now: datetime, *, blind_after: timedelta = DAY, brief: bool = False
) -> Card:
    """The alert with this id; `brief` leaves out the chart and the record. Raises `NotFound`.

    `blind_after` is the setting `alerting.blind_after_minutes`, by which its sources are judged.
    """
    [alert] = with_speakers(conn, [get(conn, alert_id[:64])])
    evidence = alert.readable_evidence
    shown = posts(conn, alert.monitor_id, evidence.top[:5] if evidence else ())
    own = posts(conn, alert.monitor_id, evidence.own_top if evidence else ())
    if brief:
        return Card(alert, shown, (), (), (), (), own=own)
    # An alert that nobody has answered stays open for days after its window.
    live = alert.is_open and now - alert.last_signal_at < DAY
    until = now if live else min(now, alert.last_signal_at + timedelta(hours=1))
    return Card(
        alert=alert,
        posts=shown,
        chart=day_points(conn, alert.monitor_id, until),
        timeline=tuple(record_line(one) for one in reversed(views.timeline(conn, alert.id)[-200:])),
        notices=tuple(notice_line(one) for one in reversed(views.notices(conn, alert.id)[-100:])),
        escalations=tuple(of_alert(conn, alert.id)),
        influential=_influential(evidence, shown),
        robots=_robots(conn, evidence.automated_authors if evidence else ()),
        own=own,
        away=tuple(could_not_be_reached(conn, alert.id)) if alert.needs_answer else (),
        sources=_sources(conn, evidence.sources if evidence else {}, now, blind_after),
        opinion=opinion_of(conn, alert.id),
        rarity=_rarity(conn, alert, evidence),
        live=live,
    )


def _rarity(conn: Connection, alert: Alert, evidence: Evidence | None) -> Rarity | None:
    facts = alert.readable_facts
    if evidence is None or facts is None:
        return None
    return rarity(conn, alert.monitor_id, alert.kind, facts.score, evidence.since)


def _influential(evidence: Evidence | None, shown: Sequence[Post]) -> tuple[Post, ...]:
    if evidence is None or not evidence.influential_from:
        return ()
    pairs = zip(evidence.top, shown, strict=False)
    return tuple(post for one, post in pairs if one.reach >= evidence.influential_from)


def _robots(conn: Connection, found: Sequence[AutomatedAuthor]) -> tuple[tuple[Post, AutomatedAuthor], ...]:
    rows = stored_rows(conn, [(one.source, one.id) for one in found]) if found else {}
    tops = [TopMention(one.source, one.id, 0, "unscored") for one in found]
    return tuple(
        (post_of(rows.get((top.source, top.id)), top), one) for top, one in zip(tops, found, strict=True)
    )


def _sources(
    conn: Connection, heard: Mapping[str, int], now: datetime, blind_after: timedelta
) -> tuple[SourceRow, ...]:
    """The sources that brought the most, as they are now."""
    most = sorted(heard, key=lambda name: (-heard[name], name))[:SOURCES_SHOWN]
    return source_rows(conn, now, blind_after, gaps=True, only=most) if most else ()


def posts(conn: Connection, monitor_id: str, top: Sequence[TopMention]) -> tuple[Post, ...]:
    """The posts, in the order given, with the labels that they have now. An erased post is named as such, not left out."""
    if not top:
        return ()
    keys = [(one.source, one.id) for one in top]
    known, found = toward(conn, monitor_id, keys), stored_rows(conn, keys)
    return tuple(post_of(found.get(key), one, known.get(key)) for key, one in zip(keys, top, strict=True))


def collapsed(shown: Sequence[Post], stories: Mapping[Key, DayStory]) -> tuple[Post, ...]:
    """The posts of a list, with further posts of a story and day behind the first that stands in it."""
    first: dict[DayStory, int] = {}
    found: list[Post] = []
    for post in shown:
        story = stories.get((post.source, post.id))
        if story is None:
            found.append(post)
        elif story not in first:
            first[story] = len(found)
            found.append(replace(post, copies=story.count - 1))
        else:
            lead = found[first[story]]
            found[first[story]] = replace(lead, copied=(*lead.copied, post))
    return tuple(found)


def day_points(conn: Connection, monitor_id: str, until: datetime) -> tuple[ChartPoint, ...]:
    """The 24 hours up to `until` in slots of 15 minutes: counted, expected, and the interval of the expected. A slot of which
    not every window is closed yet shows the closed ones, in all three figures.

    The interval of a slot follows the detector's formula (`tocsin.core.counts`) with the spread that its readings were judged by.
    """
    last = (to_micros(until) - 1) // SLOT_US
    first = last - int(DAY / SLOT) + 1
    rows: dict[int, list[Row[Any]]] = {}
    start, end = from_micros(first * SLOT_US), from_micros((last + 1) * SLOT_US)
    for row in readings_between(conn, monitor_id, SIGNAL_KINDS.lead.kind, start, end):
        rows.setdefault(to_micros(row.window_start) // SLOT_US, []).append(row)
    return tuple(_slot(from_micros(n * SLOT_US), rows.get(n, [])) for n in range(first, last + 1))


def anchor_of(source: str, id: str) -> str:
    """The place of a post on a page, as its address names it."""
    return stable_id("post", source, id)


def safe_url(url: str | None) -> str | None:
    """The address if a browser may follow it: http or https with a host, of a sane length."""
    if not url or len(url) > 2000:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def record_line(line: Mapping[str, Any]) -> RecordLine:
    """A line of an alert's timeline, or an entry of an escalation's history."""
    return RecordLine(
        at=line["at"],
        actor=line["actor"],
        role=line["role"],
        action=line["action"],
        from_status=line["from_status"],
        to_status=line["to_status"],
        text=line["text"] if "text" in line else line["reason"],
        detail=dict(line["detail"] or {}),
        privileged=bool(line.get("privileged")),
        seq=line["seq"],
    )


# -- pieces ------------------------------------------------------------------------------------------------------------------


def post_of(
    row: Row[Any] | None, top: TopMention, known: LabelFor | None = None, *, own: bool = False
) -> Post:
    """A stored mention as a page shows it; `top` says what stays of one that is no longer kept. `known`: its label for the
    monitor that is asked about. `own`: by the brand itself.
    """
    label = known.label if known else top.label
    if row is None:
        return Post(top.source, top.id, None, "", None, top.reach, None, None, None, label, None, False)
    scored_by = known.scored_by if known else PERSON if row.model == PERSON else None
    whole = f"{row.title}\n{row.text}" if row.title else row.text
    cut = whole if len(whole) <= _TEXT_SHOWN else whole[:_TEXT_SHOWN].rstrip()
    text = cut if cut == whole else f"{cut}…"
    # The words are those of the model's own label, and tell nothing of another one.
    model = row.model if scored_by is None else None
    counted = [one for one in reasons_for(model, row.lang, whole) or () if one.end <= len(cut)]
    return Post(
        source=row.source,
        id=row.id,
        text=text.replace("\x00", ""),
        author=row.author_name or row.author_handle or row.author_id or "",
        handle=row.author_handle,
        reach=row.followers or top.reach,
        network=row.network,
        lang=row.lang,
        at=row.created_at,
        label=label,
        scored_by=scored_by,
        who=known.who if known else "",
        sure=row.confidence_e4 / 10_000 if scored_by is None and row.model else None,
        url=safe_url(row.url),
        folded="violence" in (row.triggers or ()) or bool(row.harm),
        own=own,
        facets=tuple(pairs(row)),
        pieces=tuple((piece.replace("\x00", ""), weight) for piece, weight in pieces(text, counted)),
    )


def _slot(at: datetime, rows: Sequence[Row[Any]]) -> ChartPoint:
    if not rows:
        return ChartPoint(at, None)
    # by its mapping: a row has a method of that name
    value, over = float(sum(r._mapping["count"] for r in rows)), any(bool(r.over) for r in rows)
    details = [r.detail for r in rows if isinstance(r.detail, dict)]
    due = [float(d["window_expected"]) for d in details if isinstance(d.get("window_expected"), int | float)]
    if len(due) < len(rows):
        return ChartPoint(at, value, over=over)
    expected = sum(due)
    sigmas = [found for found in (_sigma(r) for r in rows) if found is not None]
    if not sigmas:
        return ChartPoint(at, value, expected, over=over)
    lower, upper = interval_95(expected, sum(sigmas) / len(sigmas))
    return ChartPoint(at, value, expected, lower, upper, over)


def _sigma(row: Row[Any]) -> float | None:
    """The spread that the reading was judged by, read back from its interval."""
    found = (steady(row.upper) - steady(row.expected)) / NORMAL_95
    return found if math.isfinite(found) and found > 0 else None


def notice_line(notice: Mapping[str, Any]) -> NoticeLine:
    """A notice of `alerts.views.notices` as a page shows it."""
    receipts = notice["receipts"]
    return NoticeLine(
        person=notice["person"],
        channel=notice["channel"],
        kind=notice["kind"],
        status=notice["status"],
        at=notice["ended_at"] or notice["created_at"],
        attempts=notice["attempts"],
        receipt=receipts[-1]["detail"] if receipts else None,
    )
