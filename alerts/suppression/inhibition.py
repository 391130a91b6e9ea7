"""One story, one page: an alert whose story a live alert of the same monitor already tells joins that alert."""

from __future__ import annotations

from alerts.suppression.situation import Situation, Verdict
from tocsin.core.signal_kinds import SIGNAL_KINDS


def inhibition(at: Situation) -> Verdict | None:
    """Merged into the live alert of the same monitor whose kind absorbs this one, where there is one: volume tells negativity."""
    if at.rival is None:
        return None
    teller = SIGNAL_KINDS.of(at.kind).absorbed_by
    return Verdict("merge", f"the {teller} alert of the same monitor tells this story", into=at.rival)
