"""An announced event explains a volume, not a souring tone: negatives over their baseline or a trigger fire all the same."""

from __future__ import annotations

from alerts.suppression.situation import Situation, Verdict, only_volume


def expected_event(at: Situation) -> Verdict | None:
    """A watch that waits while an expected event covers now and nothing but the volume is unusual; the reason names the event."""
    if not only_volume(at):
        return None
    for one in at.events:
        if one.starts_at <= at.now < one.ends_at:
            return Verdict("lower", f"expected event: {one.name}", until=one.ends_at)
    return None
