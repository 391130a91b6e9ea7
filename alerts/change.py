"""A change: decisions about alerts, as values that can be printed and compared. `alerts.apply` carries it out.

A decision reads the store and writes nothing. `alerts.apply` takes the steps of a change in order, in the transaction
in which they were decided. Each step names the alert as the decision saw it. Where an earlier step of the same change
has moved that alert on, the later step applies to the alert as it is then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from alerts import states
from alerts.alert import Alert

MAX_REASON = 2000


class Waiting(Enum):
    """The notices in the outbox that are taken back."""

    ASKING = "all that ask for an answer"
    LATER = "those that would ask only later"


@dataclass(frozen=True, slots=True)
class Open:
    """A new alert, with the first line of its timeline."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class Move:
    """The alert takes the arrow `action` of its state machine; `values` are columns that change besides."""

    alert: Alert
    action: str
    values: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    detail: Mapping[str, Any] | None = None

    def outcome(self, now: datetime, alert: Alert | None = None) -> Alert:
        """The alert after this step, taken at `now`. Raises `IllegalTransition` when there is no such arrow."""
        before = alert or self.alert
        reason = bounded(self.reason)
        return replace(
            before,
            # Where a clock was set back, this step is the last that can tell.
            **before.moved_back(now) | dict(self.values),
            reason=reason if reason is not None else before.reason,
            status=states.after(before.status, self.action),
            version=before.version + 1,
            updated_at=now,
        )


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Notices of the alert that have not left are cancelled."""

    alert: Alert
    which: Waiting = Waiting.ASKING


@dataclass(frozen=True, slots=True)
class Page:
    """The people on a rung are asked. `kind` is the kind of the notices: page or worsened."""

    alert: Alert
    kind: str
    reasons: Sequence[str]
    why_now: str = ""
    # The rung's number. None: the rung that the alert stands on.
    rung: int | None = None
    # The lines that say that the page comes again.
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageAgain:
    """Notices failed on a channel that works again: the people whom it did not reach are asked on it, once."""

    alert: Alert
    channel: str
    people: tuple[str, ...]
    reasons: Sequence[str]
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeadsUp:
    """Tell the people whom the policy names for a heads-up. The notice asks nothing of them."""

    alert: Alert
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Tighten:
    """The open escalations of the alert take the stricter clocks of its severity."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class BeginEscalation:
    """An escalation begins for `team` (pr, legal or both), and its team is paged."""

    alert: Alert
    team: str
    reason: str


@dataclass(frozen=True, slots=True)
class WriteNote:
    """A line in the timeline that changes nothing else. `action` says what it is of, where it is no note."""

    alert: Alert
    text: str
    action: str = "note"
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class GiveVerdict:
    """A person's verdict on the alert. `audited` says that a step before it is on record with what the verdict follows from."""

    alert: Alert
    verdict: str
    audited: bool = False


Step = (
    Open | Move | TakeBack | Page | PageAgain | HeadsUp | Tighten | BeginEscalation | WriteNote | GiveVerdict
)


@dataclass(frozen=True, slots=True)
class Change:
    """`became` names the outcome in one word; `alert` is the alert concerned, if there is one."""

    became: str
    alert: Alert | None = None
    steps: tuple[Step, ...] = ()


NOTHING = Change("nothing")


def bounded(text: str | None) -> str | None:
    """A text that people typed, without control characters and at most `MAX_REASON` characters long."""
    if text is None:
        return None
    return "".join(c for c in text if c == "\n" or c >= " ")[:MAX_REASON]
