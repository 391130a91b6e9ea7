"""One story, one page: what a live alert of the same monitor already tells joins it."""

from __future__ import annotations

from alerts.suppression.situation import Situation, Verdict


def inhibition(at: Situation) -> Verdict | None:
    """Merged into the live volume alert of the same monitor, where there is one."""
    if at.rival is None:
        return None
    return Verdict("merge", "the volume alert of the same monitor tells this story", into=at.rival)
