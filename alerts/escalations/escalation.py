"""An escalation as a value: one row of the store, and how to find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, select

from alerts.alert import only_one_like
from alerts.escalations.states import CLAIMED, CLEARED, ENDED, IN_REVIEW, QUEUED, possible
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Person, Role
from tocsin.store import schema as s

TEAMS: Final[dict[str, tuple[str, ...]]] = {"pr": ("pr",), "legal": ("legal",), "both": ("pr", "legal")}
TEAM_NAMES: Final = {"pr": "PR", "legal": "Legal", "both": "PR and Legal"}
DECIDING: Final = frozenset({"clear", "clear_part", "reject"})
"""Arrows that people take through one action, `decide`."""
BEFORE_RELEASE: Final = (QUEUED, CLAIMED, IN_REVIEW, CLEARED)
LEGAL: Final = "legal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """A piece of work for PR or Legal, as stored. `decisions` is {team: {decision, by, by_id, at, reason}}."""

    id: str
    alert_id: str
    team: str
    status: str
    severity: int
    reason: str
    created_at: datetime
    created_by: str
    claimed_by: str | None
    claimed_at: datetime | None
    assessment_due_at: datetime | None
    assessed_at: datetime | None
    statement_due_at: datetime | None
    deadline_at: datetime | None
    overdue_at: datetime | None
    decisions: Mapping[str, Any]
    closed_at: datetime | None
    version: int

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams that have to clear the escalation."""
        return TEAMS[self.team]

    @property
    def for_whom(self) -> str:
        """The team as people call it."""
        return TEAM_NAMES[self.team]

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions that people may take now. Notes and questions are always possible and not listed."""
        arrows = tuple(one for one in possible(self.status) if one not in DECIDING)
        decide = ("decide",) if self.status in (CLAIMED, IN_REVIEW) else ()
        assess = ("assess",) if self.assessed_at is None and self.status not in ENDED else ()
        return (*arrows, *decide, *assess)

    def decided_at(self, team: str) -> datetime | None:
        """When this team decided; None: it has not."""
        at = self.decisions.get(team, {}).get("at")
        return datetime.fromisoformat(at) if at else None

    def clocks(self) -> dict[str, datetime]:
        """The clocks that still run: assessment until it is done, statement until it is released."""
        running: dict[str, datetime] = {}
        if self.status not in BEFORE_RELEASE:
            return running
        if self.assessed_at is None and self.assessment_due_at is not None:
            running["first assessment"] = self.assessment_due_at
        if self.statement_due_at is not None:
            running["holding statement"] = self.statement_due_at
        return running

    def overdue(self, now: datetime) -> bool:
        """Whether a clock has run out."""
        return any(at <= now for at in self.clocks().values())


def works_escalations(person: Person) -> bool:
    """Whether an escalation may be given to this person: active, and of a role that works it."""
    return person.active and person.role in (Role.PR, Role.LEGAL, Role.ADMIN)


_FIELDS = tuple(field.name for field in fields(Escalation))
_e = s.escalations.c


def get(conn: Connection, escalation_id: str) -> Escalation:
    """The escalation with this id. Raises `NotFound`."""
    row = conn.execute(select(s.escalations).where(_e.id == escalation_id)).one_or_none()
    if row is None:
        meant = only_one_like(conn, _e.id, escalation_id)
        raise NotFound(
            Sentence("no escalation {id}; did you mean {meant}?", id=repr(escalation_id), meant=meant)
            if meant is not None
            else Sentence(
                "no escalation {id}; `tocsin escalations list` shows those there are", id=repr(escalation_id)
            )
        )
    return from_row(row)


def from_row(row: Row[Any]) -> Escalation:
    """The value of one row of `escalations`."""
    mapping = row._mapping
    return Escalation(**{name: mapping[name] for name in _FIELDS})


def of_alert(conn: Connection, alert_id: str) -> list[Escalation]:
    """Every escalation of this alert, oldest first."""
    found = conn.execute(select(s.escalations).where(_e.alert_id == alert_id).order_by(_e.created_at, _e.id))
    return [from_row(row) for row in found]


def is_overdue(now: datetime) -> ColumnElement[bool]:
    """The rows for which `Escalation.overdue` holds: `deadline_at` is the clock that runs out first."""
    return and_(_e.closed_at.is_(None), _e.deadline_at <= now)
