"""What the buttons do: each a POST that calls the very function the API calls, then leads back to the page.

A form carries `seen`, the number of the last line of the record that its reader saw. When a person did something since, or the
state or severity changed, nothing is written and the page says who did what; figures that merely moved do not get in the way.
`acknowledge` asks for nothing: the second of two people learns who has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection, Row, Table, select

from alerts import actions
from alerts.actor import Actor
from alerts.alert import get
from alerts.context import Context
from alerts.escalations import escalation
from alerts.states import ACKNOWLEDGED, ESCALATED
from api.pages.render import look
from api.problems import Problem
from api.state import (
    House,
    form_of,
    house_of,
    principal_of,
)
from tocsin.core.errors import IllegalTransition, WrongInput
from tocsin.store import schema as s

router = APIRouter(include_in_schema=False)
Form = Mapping[str, str]
Act = Callable[[Connection, House, str, Actor, datetime, Form], Any]

ENGINE_ROLES = frozenset({"engine", "system"})
WORSE = frozenset({"worsen", "raise", "overdue", "tighten"})
LONGEST_SNOOZE_MIN = 7 * 24 * 60


def _context(house: House) -> Context:
    return Context(house.store, house.settings.api.public_url)


def _acknowledge(conn: Connection, _: House, id: str, actor: Actor, now: datetime, __: Form) -> str:
    before = get(conn, id)
    actions.acknowledge(conn, id, actor, now)
    mine = before.acknowledged_by == actor.name
    return "already" if before.status in (ACKNOWLEDGED, ESCALATED) and not mine else "acknowledge"


ALERT_ACTS: dict[str, Act] = {
    "acknowledge": _acknowledge,
    "snooze": lambda c, _, id, who, now, f: actions.snooze(
        c, id, who, now, now + timedelta(minutes=_minutes(f))
    ),
    "dismiss": lambda c, _, id, who, now, f: actions.dismiss(
        c, id, who, now, _field(f, "reason"), f.get("note", "")
    ),
    "escalate": lambda c, h, id, who, now, f: actions.escalate(
        c, _context(h), id, who, now, _field(f, "team"), f.get("reason", "")
    ),
    "resolve": lambda c, _, id, who, now, f: actions.resolve(c, id, who, now, f.get("reason", "")),
    "reopen": lambda c, _, id, who, now, f: actions.reopen(c, id, who, now, f.get("reason", "")),
    "severity": lambda c, h, id, who, now, f: actions.set_severity(
        c, _context(h), id, who, now, _severity(f), f.get("reason", "")
    ),
    "note": lambda c, _, id, who, now, f: actions.note(c, id, who, now, f.get("text", "")),
}
CASE_ACTS: dict[str, Act] = {
    "claim": lambda c, _, id, who, now, __: escalation.claim(c, id, who, now),
    "review": lambda c, _, id, who, now, __: escalation.review(c, id, who, now),
    "assess": lambda c, _, id, who, now, f: escalation.assessed(c, id, who, now, _field(f, "text")),
    "decide": lambda c, _, id, who, now, f: escalation.decide(
        c, id, who, now, _field(f, "team"), _field(f, "decision"), f.get("reason", "")
    ),
    "release": lambda c, _, id, who, now, f: _released(c, id, who, now, f.get("reason", "")),
    "close": lambda c, _, id, who, now, f: escalation.close(c, id, who, now, f.get("reason", "")),
    "withdraw": lambda c, _, id, who, now, f: escalation.withdraw(c, id, who, now, f.get("reason", "")),
    "note": lambda c, _, id, who, now, f: escalation.note(
        c, id, who, now, _field(f, "text"), privileged=f.get("privileged") == "1"
    ),
}


def _serve(prefix: str, action: str, act: Act, record: Table, column: str) -> None:
    def pressed(request: Request, id: str) -> Response:
        house, principal, form = house_of(request), principal_of(request), form_of(request)
        actor = Actor(principal.id, principal.label, principal.role.value)
        id, now = id[:64], house.now()
        try:
            with house.store.write() as conn:
                if action != "acknowledge":
                    _refuse_stale(request, conn, record, column, id, form)
                done = act(conn, house, id, actor, now, form)
        except IllegalTransition as error:
            with house.store.read() as conn:
                raise Problem(
                    409, "illegal-transition", _who_was_faster(request, conn, record, column, id, str(error))
                ) from None
        key = done if isinstance(done, str) else action
        return RedirectResponse(f"{prefix}/{id}?done={key}", 303)

    pressed.__name__ = f"{action}_on{prefix.replace('/', '_')}"
    router.add_api_route(f"{prefix}/{{id}}/{action}", pressed, methods=["POST"])


for _name, _act in ALERT_ACTS.items():
    _serve("/alerts", _name, _act, s.alert_timeline, "alert_id")
for _name, _act in CASE_ACTS.items():
    _serve("/escalations", _name, _act, s.escalation_entries, "escalation_id")


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _refuse_stale(
    request: Request, conn: Connection, record: Table, column: str, id: str, form: Form
) -> None:
    seen = form.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 10):
        return  # a form of ours always has it; who posts by hand takes the state as it is
    since = conn.execute(
        select(record)
        .where(record.c[column] == id, record.c.seq > int(seen))
        .order_by(record.c.seq.desc())
        .limit(50)
    )
    for row in since:
        if row.role not in ENGINE_ROLES or row.from_status != row.to_status or row.action in WORSE:
            raise Problem(412, "stale", _said(request, conn, row))


def _who_was_faster(
    request: Request, conn: Connection, record: Table, column: str, id: str, message: str
) -> str:
    row = conn.execute(
        select(record).where(record.c[column] == id).order_by(record.c.seq.desc()).limit(1)
    ).one_or_none()
    return message if row is None else f"{message}. {_said(request, conn, row)}"


def _said(request: Request, conn: Connection, row: Row[Any]) -> str:
    words = look(request, conn).words
    return words.say(
        "Last change: {who}, {action}, at {time}.",
        who=row.actor,
        action=words.term("action", row.action),
        time=words.plain_time(row.at),
    )


def _released(conn: Connection, id: str, who: Actor, now: datetime, text: str) -> None:
    escalation.release(conn, id, who, now)
    if text.strip():
        escalation.note(conn, id, who, now, text)


def _field(form: Form, name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise WrongInput(f"the field {name!r} is missing: go back and fill it in")
    return value


def _minutes(form: Form) -> int:
    text = form.get("minutes", "")
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= LONGEST_SNOOZE_MIN):
        raise WrongInput(f"a snooze is 1 to {LONGEST_SNOOZE_MIN} minutes, not {text[:20]!r}")
    return int(text)


def _severity(form: Form) -> int:
    text = form.get("severity", "")
    if text not in ("1", "2", "3", "4"):
        raise WrongInput(f"severity {text[:20]!r}: choose 1 (crisis), 2 (escalate), 3 (review) or 4 (watch)")
    return int(text)
