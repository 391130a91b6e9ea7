"""The cheap exit of kinds that only support others: while nothing is half-way to an alert, the store is not asked for them."""

from __future__ import annotations

from collections.abc import Iterable

from processors.signals.types import Reading
from tocsin.core.promise import CLEARLY_OVER


def half_way(readings: Iterable[Reading]) -> bool:
    """Whether any of these readings is half-way to an alert, by its score or by that of its last hour."""
    return any(max(one.score, one.detail.get("hour_score", 0.0)) >= CLEARLY_OVER / 2 for one in readings)
