"""The explanation of an alert: its figures computed again from what was kept, the arithmetic, and what the window holds now.

Nothing here decides anything. A figure that comes out otherwise than it was judged is said, with both values.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from processors.detection.reposts import ALIKE, voices_of
from processors.detection.working import Working
from processors.explanation.contributions import Contributions, contributions
from processors.explanation.rarity import Rarity, rarity
from processors.signals.calculation import Calculation
from processors.signals.expectation import Expectation
from processors.signals.registry import detectors
from processors.signals.types import Detector, Reading
from tocsin.core.sentences import Sentence
from tocsin.core.signal import Agreement, Evidence, StoryTold
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store.signals import kept_working

NOT_KEPT = "what it was judged from was not kept: an older version of Tocsin wrote the signal"
NOT_JUDGED = "no detector judges this kind: another part of Tocsin has seen it"


class Figure(msgspec.Struct, frozen=True):
    """A figure as it was judged and as it comes out now; `again` is None where it cannot be computed."""

    name: str
    judged: float
    again: float | None

    @property
    def same(self) -> bool:
        return self.again is None or self.again == self.judged


class Baseline(msgspec.Struct, frozen=True):
    """The hours behind the expectation: from the first to the last day on which any was heard, by the zone's calendar."""

    first: date | None
    last: date | None
    hours: int
    zone: str


class Negatives(msgspec.Struct, frozen=True):
    """The share of negatives of the scored mentions, as it was counted and with the scorers' known errors undone, where these are
    known; each with its 95 % interval.
    """

    share: float
    lower: float
    upper: float
    corrected_share: float | None
    corrected_lower: float | None
    corrected_upper: float | None


class JudgedWindow(msgspec.Struct, frozen=True):
    """A window that was over, with its highest score."""

    start: datetime
    end: datetime
    score: float


class JudgedWindows(msgspec.Struct, frozen=True):
    """The windows of an alert that were over: how many, the first, the highest and the last of them."""

    count: int
    first: JudgedWindow
    highest: JudgedWindow
    last: JudgedWindow


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a person needs in order to check a verdict by hand.

    `set_aside` counts the copies that the observed figure leaves out (of a share the negatives that copies and reposts repeat);
    all other figures count them. `why_not` says why the arithmetic cannot be done again; then `figures` have no second value,
    and `steps` is empty. `differs` has a sentence for each number that comes out otherwise.
    """

    monitor_id: str
    kind: str
    rule: str
    window_start: datetime
    window_end: datetime
    figures: list[Figure]
    threshold: float | None = None
    reason: str | None = None
    baseline: Baseline | None = None
    rarity: Rarity | None = None
    steps: list[Calculation] = []
    negatives: Negatives | None = None
    set_aside: int = 0
    terms: list[tuple[str, int]] = []
    # By category, the people who said a trigger in the hour up to the window's end, and as many in a usual day's busiest hour.
    triggers: dict[str, int] = {}
    usual_triggers: dict[str, int] = {}
    agrees: list[Agreement] = []
    now: Contributions
    differs: list[str] = []
    why_not: str | None = None


def explained(
    conn: Connection, monitor_id: str, kind: str, fingerprint: str, evidence: Evidence, until: datetime
) -> Explanation:
    """The explanation of the verdict behind `evidence`. `until` is the tick of the alert's last signal."""
    kept = _kept(conn, fingerprint, evidence, until)
    detector, why_not = _detector(kind, kept)
    again = _again(detector, kept) if detector and kept and not why_not else None
    counted = contributions(conn, monitor_id, evidence.window_start, evidence.window_end, evidence.since)
    figures = _figures(evidence, again, kept)
    steps = _steps(detector, kept) if detector and kept and again else []
    steps += [step for one in evidence.agrees for step in _checks(one)]
    steps += [_voices(one) for one in evidence.stories if one.voices]
    return Explanation(
        monitor_id=monitor_id,
        kind=kind,
        rule=evidence.rule,
        window_start=evidence.window_start,
        window_end=evidence.window_end,
        figures=figures,
        threshold=kept.sensitivity.threshold if kept else None,
        reason=kept.reading.detail.get("reason") if kept else None,
        baseline=_baseline(kept, detector) if kept and detector and again else None,
        rarity=rarity(conn, monitor_id, kind, kept.reading.score, evidence.since) if kept else None,
        steps=steps,
        negatives=_negatives(evidence),
        set_aside=SIGNAL_KINDS.of(kind).left_out(evidence),
        terms=evidence.terms,
        triggers=evidence.triggers,
        usual_triggers=evidence.usual_triggers,
        agrees=evidence.agrees,
        now=counted,
        differs=[*_other_figures(figures, steps), *_other_counts(evidence, counted)],
        why_not=why_not,
    )


def _negatives(evidence: Evidence) -> Negatives | None:
    share, lower, upper = evidence.negative_share, evidence.negative_lower, evidence.negative_upper
    if share is None or lower is None or upper is None:
        return None
    known = (evidence.corrected_share, evidence.corrected_lower, evidence.corrected_upper)
    return Negatives(share, lower, upper, *known)


def _kept(conn: Connection, fingerprint: str, evidence: Evidence, until: datetime) -> Working | None:
    """The working of the signal whose evidence the alert shows."""
    found = kept_working(conn, fingerprint, evidence.window_start, evidence.window_end, until)
    return msgspec.convert(found, Working) if found is not None else None


def _detector(kind: str, kept: Working | None) -> tuple[Detector[Any] | None, str | None]:
    if SIGNAL_KINDS.of(kind).detector is None:
        return None, NOT_JUDGED
    if kept is None:
        return None, NOT_KEPT
    [made] = [one.detector for one in detectors(ZoneInfo(kept.zone)) if one.name == kind]
    if made.version != kept.version:
        return made, f"judged by {kept.version}; this Tocsin has {made.version}, which computes otherwise"
    return made, None


def _again(detector: Detector[Any], kept: Working) -> Reading:
    """The verdict, computed once more from the state that was kept."""
    state = msgspec.convert(kept.state, type(detector.initial()))
    return detector.judge(state, kept.window, kept.sensitivity)


def _figures(evidence: Evidence, again: Reading | None, kept: Working | None) -> list[Figure]:
    judged = {name: getattr(evidence, name) for name in ("observed", "expected", "lower", "upper")}
    if kept is not None:
        judged["score"] = kept.reading.score
    return [
        Figure(name, float(value), float(getattr(again, name)) if again else None)
        for name, value in judged.items()
    ]


def _steps(detector: Detector[Any], kept: Working) -> list[Calculation]:
    where = SIGNAL_KINDS.of(detector.kind).steps
    if where is None:
        return []
    made: Callable[..., list[Calculation]] = pkgutil.resolve_name(where)
    state = msgspec.convert(kept.state, type(detector.initial()))
    promise = kept.sensitivity.false_alerts_per_week
    return made(state, kept.window, kept.reading, ZoneInfo(kept.zone), promise)


def _checks(agreement: Agreement) -> list[Calculation]:
    where = SIGNAL_KINDS.of(agreement.kind).checks
    if where is None:
        return []
    made: Callable[[Agreement], list[Calculation]] = pkgutil.resolve_name(where)
    return made(agreement)


def _voices(told: StoryTold) -> Calculation:
    posts = told.reposts + min(1, told.count - told.reposts)
    return Calculation(
        name="Voices of a text that is passed on",
        formula=Sentence("{posts} posts / {weight}", posts=str(posts), weight=f"(1 + {posts - 1} x {ALIKE})"),
        value=voices_of(posts),
        judged=told.voices,
    )


def _baseline(kept: Working, detector: Detector[Any]) -> Baseline | None:
    """The hours behind an expectation; None for a kind that has none."""
    state = msgspec.convert(kept.state, type(detector.initial()))
    known = getattr(state, "expected", None)
    if not isinstance(known, Expectation):
        return None
    heard = [known.today - back for back, day in enumerate(reversed(known.days)) if max(day) >= 0]
    first, last = (min(heard), max(heard)) if heard else (None, None)
    return Baseline(
        date.fromordinal(first) if first else None,
        date.fromordinal(last) if last else None,
        known.hours,
        kept.zone,
    )


def _other_figures(figures: list[Figure], steps: list[Calculation]) -> list[str]:
    said = [
        f"{one.name}: judged {one.judged:g}, computed again {one.again:g}" for one in figures if not one.same
    ]
    return said + [
        f"{one.name}: judged {one.judged:g}, by hand {one.value:g}" for one in steps if not one.same
    ]


def _other_counts(evidence: Evidence, counted: Contributions) -> list[str]:
    """What the window's mentions were when they were judged, and are not any more: posts came late, were edited or erased."""
    # Alerts of older versions have the voices in its place.
    authors = counted.voices if evidence.authors == counted.voices else counted.named
    pairs = (
        ("mentions", evidence.count, counted.count),
        ("negatives", evidence.negative, counted.negative),
        ("authors", evidence.authors, authors),
    )
    said = [f"{name}: judged {was}, in the store now {now}" for name, was, now in pairs if was != now]
    if not said and evidence.input_digest and evidence.input_digest != counted.digest:
        said = ["the mentions of the window are others than those that were judged"]
    return said
