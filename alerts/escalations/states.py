"""The escalation's state machine: one table with every arrow.

PR and Legal review in parallel: an escalation for both stays `in_review` (action `clear_part`) until each has cleared.
Rejected and withdrawn are exits. First assessment, information asked for and reassignment are entries and times, not
states.
"""

from __future__ import annotations

from typing import Final

from tocsin.core.errors import IllegalTransition
from tocsin.core.sentences import Sentence, listed, spoken

QUEUED: Final = "queued"
CLAIMED: Final = "claimed"
IN_REVIEW: Final = "in_review"
CLEARED: Final = "cleared"
RELEASED: Final = "released"
CLOSED: Final = "closed"
REJECTED: Final = "rejected"
WITHDRAWN: Final = "withdrawn"

STATUSES: Final = (QUEUED, CLAIMED, IN_REVIEW, CLEARED, RELEASED, CLOSED, REJECTED, WITHDRAWN)
ENDED: Final = frozenset({CLOSED, REJECTED, WITHDRAWN})

TRANSITIONS: Final[dict[tuple[str, str], str]] = {
    (QUEUED, "claim"): CLAIMED,
    (QUEUED, "reassign"): CLAIMED,
    (QUEUED, "withdraw"): WITHDRAWN,
    (CLAIMED, "release_claim"): QUEUED,
    (CLAIMED, "reassign"): CLAIMED,
    (CLAIMED, "review"): IN_REVIEW,
    (CLAIMED, "withdraw"): WITHDRAWN,
    (IN_REVIEW, "reassign"): IN_REVIEW,
    (IN_REVIEW, "clear_part"): IN_REVIEW,
    (IN_REVIEW, "clear"): CLEARED,
    (IN_REVIEW, "reject"): REJECTED,
    (IN_REVIEW, "withdraw"): WITHDRAWN,
    (CLEARED, "review"): IN_REVIEW,
    (CLEARED, "reassign"): CLEARED,
    (CLEARED, "release"): RELEASED,
    (CLEARED, "withdraw"): WITHDRAWN,
    (RELEASED, "close"): CLOSED,
}


def after(status: str, action: str) -> str:
    """The status that `action` leads to. Raises `IllegalTransition` saying what is possible instead."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        left = [spoken(one) for one in possible(status)]
        choices = listed(left) if left else Sentence("nothing, it has ended")
        raise IllegalTransition(
            Sentence(
                "cannot {action} an escalation that is {status}; possible: {choices}",
                action=spoken(action),
                status=spoken(status),
                choices=choices,
            )
        ) from None


def possible(status: str) -> tuple[str, ...]:
    """The actions that the table knows from here."""
    return tuple(action for (known, action) in TRANSITIONS if known == status)
