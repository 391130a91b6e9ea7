"""An announced event explains a volume, not a souring tone: negatives over their baseline or a trigger fire all the same."""

from __future__ import annotations

from alerts.suppression.situation import Situation, Verdict
from tocsin.core.signal_kinds import SIGNAL_KINDS


def expected_event(at: Situation) -> Verdict | None:
    """Suppressed while an expected event covers now and nothing but the volume is unusual; the reason names the event."""
    if not SIGNAL_KINDS.of(at.kind).explained_by_events or at.facts.negative_over or at.facts.triggers:
        return None
    for one in at.events:
        if one.starts_at <= at.now < one.ends_at:
            return Verdict("suppress", f"expected event: {one.name}", until=one.ends_at)
    return None
