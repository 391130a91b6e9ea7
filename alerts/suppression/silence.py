"""A silence keeps its monitor's alerts quiet until it ends. SEV1 breaks it."""

from __future__ import annotations

from alerts.suppression.situation import RINGS_ALWAYS, Situation, Verdict


def silence(at: Situation) -> Verdict | None:
    """Suppressed while a silence covers now; the reason names it."""
    if at.severity <= RINGS_ALWAYS:
        return None
    for one in at.silences:
        if one.starts_at <= at.now < one.ends_at:
            return Verdict("suppress", f"silence: {one.name}", until=one.ends_at)
    return None
