"""The alert's state machine: one table with every arrow.

`TRANSITIONS[status, action]` is the status that follows. An arrow outside the table cannot happen. Statuses in `OPEN`
hold the fingerprint (`alerts.live`): each fingerprint has one such alert at most. "Calmed, unacknowledged" is a firing
alert whose `calmed_at` is set: it pages nobody any more and stays in the list until a person has looked at it.
"""

from __future__ import annotations

from typing import Final

from tocsin.core.errors import IllegalTransition, WrongInput
from tocsin.core.sentences import Sentence, listed, spoken

CANDIDATE: Final = "candidate"
SUPPRESSED: Final = "suppressed"
FIRING: Final = "firing"
ACKNOWLEDGED: Final = "acknowledged"
SNOOZED: Final = "snoozed"
DISMISSED: Final = "dismissed"
MERGED: Final = "merged"
ESCALATED: Final = "escalated"
RESOLVED: Final = "resolved"

STATUSES: Final = (
    CANDIDATE,
    SUPPRESSED,
    FIRING,
    ACKNOWLEDGED,
    SNOOZED,
    DISMISSED,
    MERGED,
    ESCALATED,
    RESOLVED,
)

DISMISSAL_REASONS: Final = ("noise", "duplicate", "expected_event", "wrong_brand", "inauthentic", "handled")

TRANSITIONS: Final[dict[tuple[str, str], str]] = {
    (CANDIDATE, "update"): CANDIDATE,
    (CANDIDATE, "fire"): FIRING,
    (CANDIDATE, "suppress"): SUPPRESSED,
    (CANDIDATE, "merge"): MERGED,
    (CANDIDATE, "calm"): SUPPRESSED,
    (SUPPRESSED, "update"): SUPPRESSED,
    (SUPPRESSED, "suppress"): SUPPRESSED,
    (SUPPRESSED, "fire"): FIRING,
    (SUPPRESSED, "merge"): MERGED,
    (SUPPRESSED, "calm"): SUPPRESSED,
    (FIRING, "update"): FIRING,
    (FIRING, "worsen"): FIRING,
    (FIRING, "step"): FIRING,
    (FIRING, "hold"): FIRING,
    (FIRING, "hurry"): FIRING,
    (FIRING, "again"): FIRING,
    (FIRING, "exhaust"): FIRING,
    (FIRING, "calm"): FIRING,
    (FIRING, "recur"): FIRING,
    (FIRING, "acknowledge"): ACKNOWLEDGED,
    (FIRING, "snooze"): SNOOZED,
    (FIRING, "dismiss"): DISMISSED,
    (FIRING, "merge"): MERGED,
    (FIRING, "escalate"): ESCALATED,
    (FIRING, "resolve"): RESOLVED,
    (FIRING, "raise"): FIRING,
    (FIRING, "lower"): FIRING,
    (FIRING, "supersede"): RESOLVED,
    (ACKNOWLEDGED, "update"): ACKNOWLEDGED,
    (ACKNOWLEDGED, "worsen"): FIRING,
    (ACKNOWLEDGED, "expire"): FIRING,
    (ACKNOWLEDGED, "calm"): ACKNOWLEDGED,
    (ACKNOWLEDGED, "recur"): ACKNOWLEDGED,
    (ACKNOWLEDGED, "snooze"): SNOOZED,
    (ACKNOWLEDGED, "dismiss"): DISMISSED,
    (ACKNOWLEDGED, "merge"): MERGED,
    (ACKNOWLEDGED, "escalate"): ESCALATED,
    (ACKNOWLEDGED, "resolve"): RESOLVED,
    (ACKNOWLEDGED, "raise"): ACKNOWLEDGED,
    (ACKNOWLEDGED, "lower"): ACKNOWLEDGED,
    (SNOOZED, "update"): SNOOZED,
    (SNOOZED, "worsen"): FIRING,
    (SNOOZED, "wake"): FIRING,
    (SNOOZED, "calm"): SNOOZED,
    (SNOOZED, "recur"): SNOOZED,
    (SNOOZED, "acknowledge"): ACKNOWLEDGED,
    (SNOOZED, "snooze"): SNOOZED,
    (SNOOZED, "dismiss"): DISMISSED,
    (SNOOZED, "merge"): MERGED,
    (SNOOZED, "escalate"): ESCALATED,
    (SNOOZED, "resolve"): RESOLVED,
    (SNOOZED, "raise"): FIRING,
    (SNOOZED, "lower"): SNOOZED,
    (DISMISSED, "update"): DISMISSED,
    (DISMISSED, "worsen"): FIRING,
    (DISMISSED, "calm"): DISMISSED,
    (DISMISSED, "recur"): DISMISSED,
    (DISMISSED, "reopen"): FIRING,
    (DISMISSED, "resolve"): RESOLVED,
    (MERGED, "update"): MERGED,
    (MERGED, "worsen"): MERGED,
    (MERGED, "calm"): MERGED,
    (MERGED, "recur"): MERGED,
    (MERGED, "part"): FIRING,
    (MERGED, "resolve"): RESOLVED,
    (ESCALATED, "update"): ESCALATED,
    (ESCALATED, "worsen"): ESCALATED,
    (ESCALATED, "calm"): ESCALATED,
    (ESCALATED, "recur"): ESCALATED,
    (ESCALATED, "escalate"): ESCALATED,
    (ESCALATED, "stand_down"): ACKNOWLEDGED,
    (ESCALATED, "resolve"): RESOLVED,
    (ESCALATED, "raise"): ESCALATED,
    (ESCALATED, "lower"): ESCALATED,
    (RESOLVED, "reopen"): FIRING,
}


PEOPLE: Final = frozenset(
    {"acknowledge", "snooze", "dismiss", "merge", "escalate", "resolve", "reopen", "raise", "lower"}
)
"""The actions that people take, and API and page offer."""


def after(status: str, action: str) -> str:
    """The status that `action` leads to. Raises `IllegalTransition` saying what is possible instead."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        left = [spoken(one) for one in for_people(status)]
        choices = listed(left) if left else Sentence("nothing by hand")
        raise IllegalTransition(
            Sentence(
                "cannot {action} an alert that is {status}; possible: {choices}",
                action=spoken(action),
                status=spoken(status),
                choices=choices,
            )
        ) from None


def possible(status: str) -> tuple[str, ...]:
    """The actions that the table knows from here."""
    return tuple(action for (known, action) in TRANSITIONS if known == status)


def for_people(status: str) -> tuple[str, ...]:
    """The actions that people may take from here; the others are the engine's."""
    return tuple(action for action in possible(status) if action in PEOPLE)


def check_dismissal(reason: str) -> str:
    """`reason` if it is one of `DISMISSAL_REASONS`; raises `WrongInput` with the choices otherwise."""
    if reason not in DISMISSAL_REASONS:
        choices = ", ".join(DISMISSAL_REASONS)
        raise WrongInput(
            Sentence(
                "unknown dismissal reason {reason}; choose one of: {choices}",
                reason=repr(reason),
                choices=choices,
            )
        )
    return reason
