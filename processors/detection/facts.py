"""The content of a signal: the facts that decide its severity, and the evidence that a person checks by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from processors.detection.evidence import WindowContents
from processors.detection.habits import UNTOLD
from processors.detection.judgement import Judgement
from processors.detection.states import Standing
from processors.detection.trigger_habit import unusual
from processors.signals.statistics import wilson
from processors.signals.types import Reading, lasts
from processors.understand.corrected import Rates, corrected_share, rates_of
from tocsin.core.signal import Agreement, Evidence, Facts, SpreadPlace, VoiceAgainst
from tocsin.core.signal_kinds import SIGNAL_KINDS

# The level of every interval.
LEVEL = 0.95
# What the arithmetic of an agreeing signal needs of its detail.
NUMBERS = ("new", "of", "usual", "said", "before", "of_before")


def facts(standing: Standing, reading: Reading, judged: Judgement, seen: WindowContents, thin: bool) -> Facts:
    """The facts of a signal. `reading` belongs to `standing` and speaks; the other readings of the window add what they tell."""
    share, lower, _ = _negatives(seen)
    told = _told(standing, reading, judged)
    usual = told.get("negative_baseline")
    over = told.get("negative_over", False)
    ratio = told.get("ratio", 1.0)
    return Facts(
        kind=reading.kind,
        score=reading.score,
        observed=reading.observed,
        expected=reading.expected,
        ratio=ratio,
        windows_over=standing.episode.windows_over,
        learning=reading.state == "learning",
        complete=judged.window.complete,
        negative_share=share,
        negative_lower=lower,
        negative_baseline=usual,
        negative_over=over,
        influential=seen.influential,
        networks=len(seen.networks.keys() - UNTOLD),
        networks_heard=seen.networks_heard,
        tier1=bool(seen.outlets),
        tenfold=told.get("tenfold", False),
        triggers=unusual(seen.triggers, seen.usual_triggers),
        voices=seen.voices,
        thin=thin,
        lasts=lasts(reading),
        one_text=_one_text(seen, ratio, judged.monitor.sensitivity.at_least_ratio, usual if over else None),
    )


def _one_text(seen: WindowContents, ratio: float, twice: float, usual: float | None) -> bool:
    """Whether the reposts of one text carry the alert.

    They do where the volume is below twice the expected without them. They also do where there are more negatives than the
    `usual` share, and no more than that without them.
    """
    if not seen.told.passed_on or not seen.count:
        return False
    if ratio >= twice > ratio * (seen.count - seen.told.passed_on[0].reposts) / seen.count:
        return True
    bad = max(one.negative for one in seen.told.passed_on)
    scored = seen.negative + seen.neutral + seen.positive
    return bool(bad) and usual is not None and wilson(seen.negative - bad, scored - bad)[0] <= usual


def _told(standing: Standing, reading: Reading, judged: Judgement) -> dict[str, Any]:
    """The facts that every reading of the window adds. The reading that speaks has the last word."""
    told: dict[str, Any] = {}
    for other, theirs in judged:
        if other is not standing:
            told |= other.tells(judged.window, theirs, speaks=False)
    if not (standing.kind.signal.is_share or standing.kind.signal.watch):
        told["ratio"] = reading.observed / max(reading.expected, 1e-9)
    return told | standing.tells(judged.window, reading, speaks=True)


def evidence(
    stated: Facts,
    reading: Reading,
    judged: Judgement,
    seen: WindowContents,
    start: datetime,
    since: datetime,
    missing: Sequence[str],
    rule: str,
    monitors_version: int,
) -> Evidence:
    """The evidence behind `stated`, from [start, judged.until).

    `rule` is the detector and its version. `missing` says in words what was not heard. `since` is the time at which the episode
    began.
    """
    share, lower, upper = _negatives(seen)
    copies = judged.copies_before(reading.kind, start)
    corrected = corrected_share(seen.scored, _rates(seen.scored))
    return Evidence(
        rule=rule,
        baseline=reading.baseline,
        since=since,
        window_start=start,
        window_end=judged.until,
        observed=reading.observed,
        expected=reading.expected,
        lower=reading.lower,
        upper=reading.upper,
        level=LEVEL,
        count=seen.count,
        copies=copies.in_span - copies.reposted,
        copy_groups=copies.groups,
        authors=seen.authors,
        reach=seen.reach,
        negative=seen.negative,
        neutral=seen.neutral,
        positive=seen.positive,
        unscored=seen.unscored,
        negative_share=share,
        negative_lower=lower,
        negative_upper=upper,
        negative_baseline=stated.negative_baseline,
        corrected_share=corrected and corrected.share,
        corrected_lower=corrected and corrected.lower,
        corrected_upper=corrected and corrected.upper,
        networks=seen.networks,
        languages=seen.languages,
        sources=seen.sources,
        terms=seen.terms,
        top=seen.top,
        own=seen.own,
        own_top=seen.own_top,
        triggers=seen.triggers,
        usual_triggers=seen.usual_triggers,
        facets=seen.facets,
        usual_facets=seen.usual_facets,
        missing=list(missing),
        monitors_version=monitors_version,
        peak=seen.peak,
        influential_from=seen.influential_from,
        outlets=seen.outlets,
        first_heard=seen.first_heard,
        against=_against(judged) if SIGNAL_KINDS.of(reading.kind).tells_a_voice else None,
        agrees=_agreeing(reading, judged),
        distinct=seen.told.distinct,
        stories=seen.told.stories,
        automated=seen.told.automated,
        automated_authors=seen.told.automated_authors,
        automated_aside=copies.automated,
        reposts=sum(one.reposts for one in seen.told.passed_on),
        repost_voices=round(sum(one.voices for one in seen.told.passed_on), 4),
        reposts_aside=copies.reposted,
        input_digest=seen.digest,
    )


def _against(judged: Judgement) -> VoiceAgainst | None:
    """The first outlet, or else the loudest author, that speaks against the brand in this window."""
    voices = [one for one in judged.window.heard.voices or () if one.against]
    if not voices:
        return None
    told = next((one for one in voices if one.outlet), None) or max(voices, key=lambda one: one.reach)
    return VoiceAgainst(told.source, told.id, told.reach, told.outlet)


def _agreeing(reading: Reading, judged: Judgement) -> list[Agreement]:
    """The other signals that are over in this window, in the order in which they are judged. Their spans end where the window was
    looked at, as in the evidence.
    """
    open_s = (judged.window.end - judged.until).total_seconds()
    return [
        Agreement(
            one.kind,
            one.score,
            one.observed,
            one.expected,
            one.lower,
            one.upper,
            one.detail["span_s"] - open_s,
            msgspec.convert(one.detail.get("places", []), list[SpreadPlace]),
            {name: one.detail[name] for name in NUMBERS if name in one.detail},
        )
        for one in judged.readings
        if one.over and one.kind != reading.kind
    ]


def _rates(languages: Iterable[str]) -> dict[str, Rates]:
    return {language: rates for language in languages if (rates := rates_of(language)) is not None}


def _negatives(seen: WindowContents) -> tuple[float | None, float | None, float | None]:
    """The share of negatives and the two ends of its interval; all three are None where nothing was scored."""
    scored = seen.negative + seen.neutral + seen.positive
    if not scored:
        return None, None, None
    lower, upper = wilson(seen.negative, scored)
    return round(seen.negative / scored, 4), round(lower, 4), round(upper, 4)
