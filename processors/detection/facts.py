"""What a signal claims: the facts that severity is decided from, and the evidence that a person checks by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from processors.detection.episode import Episode
from processors.detection.evidence import Copies, WindowContents
from processors.signals.statistics import wilson
from processors.signals.types import Reading, WindowCounts
from tocsin.core.signal import Evidence, Facts

LEAST_SCORED = 10  # scored mentions below which a share says nothing
LEVEL = 0.95  # of every interval


def facts(
    reading: Reading,
    volume: Reading,
    share: Reading,
    window: WindowCounts,
    seen: WindowContents,
    episode: Episode,
    tenfold: bool,
    thin: bool,
) -> Facts:
    """`reading` is the one that speaks; `volume` and `share` are both of this window."""
    scored = seen.negative + seen.neutral + seen.positive
    lower = wilson(seen.negative, scored)[0] if scored else None
    return Facts(
        kind=reading.kind,
        score=reading.score,
        observed=reading.observed,
        expected=reading.expected,
        ratio=_ratio(reading, volume),
        windows_over=episode.windows_over,
        learning=reading.state == "learning",
        complete=window.complete,
        negative_share=round(seen.negative / scored, 4) if scored else None,
        negative_lower=round(lower, 4) if lower is not None else None,
        negative_baseline=round(share.expected, 4),
        negative_over=share.over or (share.detail["scored"] >= LEAST_SCORED and share.lower > share.expected),
        influential=seen.influential,
        networks=len([n for n in seen.networks if n != "unknown"]),
        networks_heard=seen.networks_heard,
        tier1=seen.tier1,
        tenfold=tenfold,
        triggers=seen.triggers,
        voices=seen.voices,
        thin=thin,
    )


def _ratio(reading: Reading, volume: Reading) -> float:
    """How many times the expected volume. Beside a share it counts only where the volume itself is half-way to an alert: three
    posts where one was due are three times as many, and nothing.
    """
    ratio = float(volume.detail["ratio"])
    leans = volume.score >= float(volume.detail["threshold"]) / 2
    return ratio if reading is volume or leans else min(ratio, 1.0)


def evidence(
    reading: Reading,
    share: Reading,
    start: datetime,
    end: datetime,
    seen: WindowContents,
    episode: Episode,
    copies: Copies,
    missing: Sequence[str],
    rule: str,
    monitors_version: int,
) -> Evidence:
    """`rule` is the detector and its version; `missing` what was not seen, in words."""
    scored = seen.negative + seen.neutral + seen.positive
    lower, upper = wilson(seen.negative, scored) if scored else (None, None)
    return Evidence(
        rule=rule,
        baseline=reading.baseline,
        since=episode.since or reading.start,
        window_start=start,
        window_end=end,
        observed=reading.observed,
        expected=reading.expected,
        lower=reading.lower,
        upper=reading.upper,
        level=LEVEL,
        count=seen.count,
        copies=copies.aside,
        copy_groups=copies.groups,
        authors=seen.authors,
        reach=seen.reach,
        negative=seen.negative,
        neutral=seen.neutral,
        positive=seen.positive,
        unscored=seen.unscored,
        negative_share=round(seen.negative / scored, 4) if scored else None,
        negative_lower=round(lower, 4) if lower is not None else None,
        negative_upper=round(upper, 4) if upper is not None else None,
        negative_baseline=round(share.expected, 4),
        networks=seen.networks,
        languages=seen.languages,
        sources=seen.sources,
        terms=seen.terms,
        top=seen.top,
        triggers=seen.triggers,
        missing=list(missing),
        monitors_version=monitors_version,
        input_digest=seen.digest,
    )
