"""The personal link that a notice takes along when it leaves: what its reader may see and do without signing in."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from alerts.notifiers.port import Notice
from alerts.outbox import queue
from tocsin.access.links import action_path, make_action_link, make_signin_link, signin_path

ACKNOWLEDGE: Final = "acknowledge"
BESIDE: Final = ("snooze", "dismiss", "escalate")
"""What the link of a page may do besides acknowledging, each once."""

ESCALATION: Final = "item:"
"""The action of a link that shows an escalation begins so; its id follows."""


def personal_path(conn: Connection, notice: Notice, now: datetime) -> str:
    """Make the link; returns its path on the page."""
    if notice.kind == queue.SIGNIN:
        return signin_path(make_signin_link(conn, notice.person_id, now))
    action = ACKNOWLEDGE if notice.escalation_id is None else f"{ESCALATION}{notice.escalation_id}"
    beside = BESIDE if notice.escalation_id is None else ()
    token = make_action_link(
        conn, alert_id=notice.alert_id, person_id=notice.person_id, action=action, now=now, beside=beside
    )
    return action_path(token)


def escalation_of(action: str) -> str | None:
    """The id of the escalation that a link with this action shows. None: it shows an alert."""
    return action.removeprefix(ESCALATION) if action.startswith(ESCALATION) else None
