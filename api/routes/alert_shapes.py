"""The shapes of alerts in the API: what is answered, and what people send to act on one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alerts import views
from alerts.alert import Alert
from alerts.held_by import HeldBy
from api.routes.mentions import MentionOut

Status = Literal[
    "candidate",
    "suppressed",
    "firing",
    "acknowledged",
    "snoozed",
    "dismissed",
    "merged",
    "escalated",
    "resolved",
]
ListedStatus = Literal[Status, "open", "unanswered", "any"]
"""What a list of alerts may be asked for: a status, or a name for several."""
Verdict = Literal["real", "noise", "duplicate", "expected", "wrong_brand"]
Id = Annotated[str, Path(max_length=64)]
Words = Annotated[str, Field(max_length=2000)]


class Figures(BaseModel):
    """What was judged, in figures. A figure that was not known is null."""

    since: datetime = Field(description="When the story began.")
    window_start: datetime
    window_end: datetime
    observed: float = Field(
        description="Mentions in the window, or a share of the scored ones, by the alert's kind."
    )
    expected: float | None = Field(description="null: too little was heard before to say.")
    lower: float | None
    upper: float | None
    ratio: float | None = Field(description="Observed over expected, of the volume.")
    count: int = Field(description="Mentions in the window, those that were set aside included.")
    set_aside: int = Field(
        description="Copies that `observed`, `expected` and `ratio` leave out, and all other figures count; of a share repeated"
        " negatives."
    )
    peak: int | None = Field(description="Mentions of the window's fullest five minutes.")
    authors: int | None = Field(description="null: no network told one.")
    scored: int = Field(description="Mentions with a tone.")
    negative: int
    negative_share: float | None
    negative_usual: float | None
    triggers: dict[str, int] = Field(description="Category of a trigger, and how many people said it.")


class HeldOut(BaseModel):
    """The hold on an alert, which stands in the list and pages nobody."""

    kind: Literal["silence", "expected_event", "holiday", "night"]
    name: str = Field(description="Empty for the night.")
    until: datetime | None = Field(description="null: it is over, and the next signal lets the alert fire.")


class AlertOut(BaseModel):
    """One story about one monitor."""

    id: str
    fingerprint: str
    monitor_id: str
    monitor: str
    kind: str
    status: Status
    severity: int = Field(description="1 crisis, 2 escalate, 3 review, 4 watch.")
    reason: str | None
    severity_name: str
    reasons: list[str] = Field(description="Why the severity is what it is.")
    headline: str = Field(
        description="What it is about, on one line of English: the line that a notice begins with."
    )
    figures: Figures | None = Field(description="null: another version wrote them.")
    acknowledge_by: datetime | None
    open: bool
    calmed_unacknowledged: bool = Field(description="It is over, and nobody has looked at it.")
    opened_at: datetime
    updated_at: datetime
    last_signal_at: datetime
    worsened_at: datetime | None
    calmed_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    ack_expires_at: datetime | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    merged_into: str | None
    step: int = Field(description="Steps of the policy already taken.")
    next_step_at: datetime | None
    score: float
    peak_score: float
    drill: bool
    version: int
    held_by: HeldOut | None = Field(description="null: nothing holds it back.")
    actions: list[str] = Field(description="What the state machine allows from here.")


class TimelineEntry(BaseModel):
    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    from_status: str | None
    to_status: str | None
    reason: str | None
    detail: Any


class Receipt(BaseModel):
    """How one attempt to send a notice ended."""

    attempt: int
    at: datetime
    outcome: Literal["sent", "failed", "unknown"]
    detail: str


class NoticeOut(BaseModel):
    """A notice: whom it tells, on which channel, and how each attempt ended."""

    id: str
    person: str
    channel: str
    kind: str
    severity: int
    status: Literal["queued", "attempting", "sent", "failed", "unknown", "cancelled"]
    attempts: int
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None
    subject: str
    receipts: list[Receipt]


class Live(BaseModel):
    """The figures as stored now, from the time when the alert began. The judged figures above stay as they were."""

    since: datetime
    until: datetime
    count: int
    negative: int
    neutral: int
    positive: int
    unscored: int
    reach: int
    networks: dict[str, int]
    languages: dict[str, int]


class EvidenceOut(BaseModel):
    """What a person checks by hand: the figures as they were judged, the posts that matter most, and the live figures."""

    alert: str
    version: int
    facts: dict[str, Any] = Field(description="All that severity was decided from.")
    judged: dict[str, Any] = Field(
        description="Rule, baseline, window, observed, expected with interval, shares, terms."
    )
    top: list[MentionOut] = Field(description="The posts that matter most, as far as they are still kept.")
    live: Live


class Snooze(BaseModel):
    model_config = ConfigDict(extra="forbid")

    until: AwareDatetime | None = Field(
        default=None, description="At most a week ahead. Either this or `minutes`."
    )
    minutes: int | None = Field(default=None, ge=1, le=7 * 24 * 60)


class Dismiss(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Literal["noise", "duplicate", "expected_event", "wrong_brand", "inauthentic", "handled"]
    note: Words = ""


class Because(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Words = ""


class Resolve(Because):
    verdict: Verdict | None = Field(default=None, description="What the alert was, if somebody knows.")


class Escalate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: Literal["pr", "legal", "both"]
    reason: Words = Field(min_length=1, description="What PR or Legal should know.")


class Merge(BaseModel):
    model_config = ConfigDict(extra="forbid")

    into: str = Field(max_length=64, description="The id of the open alert that tells this story.")


class Severity(BaseModel):
    model_config = ConfigDict(extra="forbid")

    severity: Literal[1, 2, 3, 4]
    reason: Words = Field(min_length=1)


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Words = Field(min_length=1)


class Escalated(BaseModel):
    alert: AlertOut
    escalation: str = Field(description="The id of the new escalation: /v1/escalations/{id}.")


def alert_out(alert: Alert, held: HeldBy | None = None) -> dict[str, Any]:
    """An alert as the API shows it. The response's model leaves out the fields that it does not name."""
    return views.alert_view(alert, held)
