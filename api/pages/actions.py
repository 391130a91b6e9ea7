"""The buttons: each is a POST that calls the same function as the API, then leads back to the page.

A form carries `seen`, the number of the last line of the record that its reader saw. Where a person did something since, or the
status or severity changed, nothing is written and the page says who did what. Figures that merely moved do not matter.
`acknowledge` does not look at `seen`: the second of two people learns who has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection, Row

from alerts import actions
from alerts.alert import get
from alerts.apply import act
from alerts.escalations import actions as escalations
from alerts.escalations.record import newest_entries
from alerts.record import newest_lines
from alerts.states import ACKNOWLEDGED, ESCALATED
from alerts.turn import Turn
from api.pages.render import page_context
from api.problems import Problem
from api.state import (
    form_of,
    principal_of,
    state_of,
)
from api.turns import turn_of
from tocsin.core.errors import IllegalTransition, WrongInput
from tocsin.core.sentences import Sentence

router = APIRouter(include_in_schema=False)
Form = Mapping[str, str]
FormAction = Callable[[Turn, str, Form], Any]
Newest = Callable[[Connection, str, int, int], Sequence[Row[Any]]]
"""Reads the newest lines of a record after a number: `newest_lines`, `newest_entries`."""

ENGINE_ROLES = frozenset({"engine", "system"})
WORSE = frozenset({"worsen", "raise", "overdue", "tighten"})
LONGEST_SNOOZE_MIN = 7 * 24 * 60


def _acknowledge(turn: Turn, id: str, _: Form) -> str:
    before = get(turn.conn, id)
    act(turn, actions.acknowledge, id)
    mine = before.acknowledged_by == turn.actor.name
    return "already" if before.status in (ACKNOWLEDGED, ESCALATED) and not mine else "acknowledge"


ALERT_ACTIONS: dict[str, FormAction] = {
    "acknowledge": _acknowledge,
    "snooze": lambda t, id, f: act(t, actions.snooze, id, t.now + timedelta(minutes=_minutes(f))),
    "dismiss": lambda t, id, f: act(t, actions.dismiss, id, _field(f, "reason"), f.get("note", "")),
    "merge": lambda t, id, f: act(t, actions.merge, id, _field(f, "into")),
    "escalate": lambda t, id, f: act(t, actions.escalate, id, _field(f, "team"), f.get("reason", "")),
    "resolve": lambda t, id, f: act(
        t, actions.resolve, id, f.get("reason", ""), None, f.get("verdict") or None
    ),
    "verdict": lambda t, id, f: act(t, actions.give_verdict, id, _field(f, "verdict")),
    "reopen": lambda t, id, f: act(t, actions.reopen, id, f.get("reason", "")),
    "severity": lambda t, id, f: act(t, actions.set_severity, id, _severity(f), f.get("reason", "")),
    "note": lambda t, id, f: act(t, actions.note, id, f.get("text", "")),
}
ESCALATION_ACTIONS: dict[str, FormAction] = {
    "claim": lambda t, id, _: escalations.claim(t, id),
    "release-claim": lambda t, id, _: escalations.release_claim(t, id),
    "reassign": lambda t, id, f: escalations.reassign(t, id, _field(f, "to")),
    "ask": lambda t, id, f: escalations.request_info(t, id, _field(f, "of"), _field(f, "text")),
    "review": lambda t, id, _: escalations.review(t, id),
    "assess": lambda t, id, f: escalations.assessed(t, id, _field(f, "text")),
    "decide": lambda t, id, f: escalations.decide(
        t, id, _field(f, "team"), _field(f, "decision"), f.get("reason", "")
    ),
    "release": lambda t, id, f: escalations.release(t, id, f.get("reason", "")),
    "close": lambda t, id, f: escalations.close(t, id, f.get("reason", "")),
    "withdraw": lambda t, id, f: escalations.withdraw(t, id, f.get("reason", "")),
    "note": lambda t, id, f: escalations.note(t, id, _field(f, "text"), privileged=bool(f.get("privileged"))),
}


def _add_route(prefix: str, action: str, do: FormAction, newest: Newest) -> None:
    def handle_form(request: Request, id: str) -> Response:
        state, principal, form = state_of(request), principal_of(request), form_of(request)
        id = id[:64]
        try:
            with state.store.write() as conn:
                if action != "acknowledge":
                    _refuse_stale(request, conn, newest, id, form)
                done = do(turn_of(state, conn, principal), id, form)
        except IllegalTransition as error:
            with state.store.read() as conn:
                raise Problem(
                    409, "illegal-transition", _conflict_message(request, conn, newest, id, error.said)
                ) from None
        key = done if isinstance(done, str) else action
        return RedirectResponse(f"{prefix}/{id}?done={key}", 303)

    handle_form.__name__ = f"{action.replace('-', '_')}_on{prefix.replace('/', '_')}"
    router.add_api_route(f"{prefix}/{{id}}/{action}", handle_form, methods=["POST"])


for _name, _action in ALERT_ACTIONS.items():
    _add_route("/alerts", _name, _action, newest_lines)
for _name, _action in ESCALATION_ACTIONS.items():
    _add_route("/escalations", _name, _action, newest_entries)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _refuse_stale(request: Request, conn: Connection, newest: Newest, id: str, form: Form) -> None:
    seen = form.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 10):
        # A form of ours always has it. A program that posts by itself takes the state as it is.
        return
    for row in newest(conn, id, int(seen), 50):
        if row.role not in ENGINE_ROLES or row.from_status != row.to_status or row.action in WORSE:
            raise Problem(412, "stale", _last_change(request, conn, row))


def _conflict_message(request: Request, conn: Connection, newest: Newest, id: str, message: str) -> str:
    last = newest(conn, id, 0, 1)
    if not last:
        return message
    return Sentence("{refusal}. {change}", refusal=message, change=_last_change(request, conn, last[0]))


def _last_change(request: Request, conn: Connection, row: Row[Any]) -> Sentence:
    fmt = page_context(request, conn).fmt
    return Sentence(
        "Last change: {who}, {action}, at {time}.",
        who=row.actor,
        action=fmt.term("action", row.action),
        time=fmt.time_text(row.at),
    )


def _field(form: Form, name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise WrongInput(Sentence("the field '{name}' is missing: go back and fill it in", name=name))
    return value


def _minutes(form: Form) -> int:
    text = form.get("minutes", "")
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= LONGEST_SNOOZE_MIN):
        raise WrongInput(
            Sentence(
                "a snooze is 1 to {most} minutes, not '{given}'",
                most=str(LONGEST_SNOOZE_MIN),
                given=text[:20],
            )
        )
    return int(text)


def _severity(form: Form) -> int:
    text = form.get("severity", "")
    if text not in ("1", "2", "3", "4"):
        raise WrongInput(
            Sentence(
                "severity '{given}': choose 1 (crisis), 2 (escalate), 3 (review) or 4 (watch)",
                given=text[:20],
            )
        )
    return int(text)
