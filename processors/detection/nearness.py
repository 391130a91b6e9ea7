"""The cheap exit of kinds that only support others: while nothing nears an alert, the store is not asked for them."""

from __future__ import annotations

from collections.abc import Iterable

from processors.signals.types import Reading
from tocsin.core.promise import CLEARLY_OVER

HALF_WAY, NEAR = 0.5 * CLEARLY_OVER, 0.8 * CLEARLY_OVER


def near_an_alert(readings: Iterable[Reading]) -> bool:
    """Whether any of these readings is over, or nearly so. What is asked then costs as much as the evidence of an alert."""
    return any(one.over or one.score >= NEAR for one in readings)


def half_way(readings: Iterable[Reading]) -> bool:
    """Whether any of these readings is half-way to an alert, by its score or by that of its last hour."""
    return any(max(one.score, one.detail.get("hour_score", 0.0)) >= HALF_WAY for one in readings)


def half_way_to(reading: Reading) -> bool:
    """Whether the score of this reading is half of what an alert of its monitor needs, or more."""
    return 2.0 * reading.score >= float(reading.detail["threshold"])
