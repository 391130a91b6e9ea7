"""The actions of people on an escalation.

Every function takes the turn (who, when, in which transaction), the escalation's id and the version that the person saw
(None: any). It returns the escalation as it is afterwards.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, func, select

from alerts.alert import Alert
from alerts.alert import get as get_alert
from alerts.change import bounded
from alerts.escalations.escalation import LEGAL, TEAMS, Escalation, get, of_alert, works_escalations
from alerts.escalations.paging import page
from alerts.escalations.record import begun, change, flag
from alerts.escalations.states import CLAIMED, ENDED, QUEUED, after
from alerts.outbox import queue
from alerts.severity import CLOCKS
from alerts.turn import Turn
from tocsin.core.clock import iso
from tocsin.core.errors import Conflict, NotAllowed, NotFound, WrongInput
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence, listed, spoken
from tocsin.store import schema as s

DECISIONS: Final = ("clear", "reject")
ADMIN: Final = "admin"
_e = s.escalations.c


def create(turn: Turn, alert: Alert, team: str, reason: str) -> Escalation:
    """Begin an escalation for `team` (pr, legal or both) and page its first choice. Raises `Conflict` where one is open."""
    conn, now = turn.conn, turn.now
    check_team(conn, alert, team)
    clocks = CLOCKS[alert.severity]
    count = conn.execute(select(func.count()).where(_e.alert_id == alert.id)).scalar_one()
    escalation = Escalation(
        id=stable_id("esc", alert.id, team, count),
        alert_id=alert.id,
        team=team,
        status=QUEUED,
        severity=alert.severity,
        reason=bounded(reason) or "",
        created_at=now,
        created_by=turn.actor.name,
        claimed_by=None,
        claimed_at=None,
        assessment_due_at=now + clocks.assessment,
        assessed_at=None,
        statement_due_at=now + clocks.statement if clocks.statement else None,
        deadline_at=now + clocks.assessment,
        overdue_at=None,
        decisions={},
        closed_at=None,
        version=1,
    )
    begun(turn, escalation, reason)
    directory = turn.directory
    people = {
        one.id: one for name in escalation.teams for one in directory.team(alert.the_policy, name, now)[:1]
    }
    todo = Sentence(
        "Escalated to {team} by {who}: {why}",
        team=Sentence(escalation.for_whom),
        who=turn.actor.name,
        why=_first_line(reason),
    )
    page(turn, alert, escalation, list(people.values()), "page", todo)
    return escalation


def check_team(conn: Connection, alert: Alert, team: str) -> None:
    """Raises `WrongInput` for an unknown team, `Conflict` where an escalation of this alert is open for it already."""
    if team not in TEAMS:
        raise WrongInput(
            Sentence(
                "unknown team {team}; choose one of: {choices}", team=repr(team), choices=", ".join(TEAMS)
            )
        )
    for escalation in of_alert(conn, alert.id):
        if escalation.status not in ENDED and set(escalation.teams) & set(TEAMS[team]):
            raise Conflict(
                Sentence(
                    "{id} is open for {team} already; work on that one",
                    id=escalation.id,
                    team=spoken(escalation.team),
                )
            )


def claim(turn: Turn, escalation_id: str, expected_version: int | None = None) -> Escalation:
    """Take the escalation in hand. Notices that wait to page about it are taken back."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    queue.cancel_for_escalation(turn.conn, escalation.id, turn.now)
    return change(turn, escalation, "claim", claimed_by=turn.actor.name, claimed_at=turn.now)


def release_claim(turn: Turn, escalation_id: str, expected_version: int | None = None) -> Escalation:
    """Put the escalation back into the queue."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    return change(turn, escalation, "release_claim", claimed_by=None, claimed_at=None)


def reassign(
    turn: Turn,
    escalation_id: str,
    to: str,
    expected_version: int | None = None,
) -> Escalation:
    """Give the escalation to the person named `to`, and page that person. Notices that wait to page others about it are
    taken back. Raises `WrongInput` for a person who could not work it.
    """
    escalation = _seen(turn.conn, escalation_id, expected_version)
    one = turn.directory.people.get(to)
    if one is None:
        raise NotFound(Sentence("no person {to} to give {id} to", to=repr(to), id=escalation.id))
    if not works_escalations(one.person):
        raise WrongInput(
            Sentence("{name} works no escalations: choose one of PR, Legal or an admin", name=to)
        )
    queue.cancel_for_escalation(turn.conn, escalation.id, turn.now)
    given = change(turn, escalation, "reassign", text=f"to {to}", claimed_by=to, claimed_at=turn.now)
    if to != turn.actor.name:
        alert = get_alert(turn.conn, escalation.alert_id)
        page(
            turn, alert, given, [one], "page", Sentence("{who} hands this over to you.", who=turn.actor.name)
        )
    return given


def review(turn: Turn, escalation_id: str, expected_version: int | None = None) -> Escalation:
    """Begin the review, or begin it again when something new came up. Earlier decisions are void."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    return change(turn, escalation, "review", decisions={})


def assessed(
    turn: Turn,
    escalation_id: str,
    text: str,
    expected_version: int | None = None,
) -> Escalation:
    """The first assessment is done, and its clock stops. Where it is done twice, the first time stands."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    _refuse_ended(escalation, "assess")
    _refuse_blank(text, Sentence("an assessment needs words"))
    if escalation.assessed_at is not None:
        return escalation
    return flag(turn, escalation, "assessed", text=text, assessed_at=turn.now)


def decide(
    turn: Turn,
    escalation_id: str,
    team: str,
    decision: str,
    reason: str,
    expected_version: int | None = None,
) -> Escalation:
    """Clear or reject for `team`. The escalation is cleared when every team has cleared, rejected when one rejects.

    A decision on a claimed escalation begins its review. Raises `NotAllowed` when the actor is not of that team, or
    would be the only one to clear an escalation of their own. Raises `WrongInput` for an unknown decision or a team
    that is not asked.
    """
    escalation = _seen(turn.conn, escalation_id, expected_version)
    _refuse_decision(turn, escalation, team, decision, reason)
    if escalation.status == CLAIMED:
        escalation = change(turn, escalation, "review", decisions={})
    made = {
        "decision": decision,
        "by": turn.actor.name,
        "by_id": turn.actor.id,
        "at": iso(turn.now),
        "reason": bounded(reason),
    }
    decisions = {**escalation.decisions, team: made}
    detail = {"team": team, "decision": decision}
    if decision == "reject":
        queue.cancel_for_escalation(turn.conn, escalation.id, turn.now)
        return change(
            turn, escalation, "reject", text=reason, detail=detail, decisions=decisions, closed_at=turn.now
        )
    cleared = all(decisions.get(name, {}).get("decision") == "clear" for name in escalation.teams)
    if cleared and {one["by"] for one in decisions.values()} == {escalation.created_by}:
        raise NotAllowed(
            Sentence(
                "{name} escalated {id}: somebody else must clear it too",
                name=turn.actor.name,
                id=escalation.id,
            )
        )
    action = "clear" if cleared else "clear_part"
    return change(turn, escalation, action, text=reason, detail=detail, decisions=decisions)


def _refuse_decision(turn: Turn, escalation: Escalation, team: str, decision: str, reason: str) -> None:
    """Raise where this is no decision, `team` is not asked, the actor is not of that team, or no reason is given."""
    if decision not in DECISIONS:
        raise WrongInput(
            Sentence(
                "unknown decision {decision}; choose one of: {choices}",
                decision=repr(decision),
                choices=", ".join(DECISIONS),
            )
        )
    if team not in escalation.teams:
        raise WrongInput(
            Sentence(
                "{team} was not asked in {id}; these were: {choices}",
                team=repr(team),
                id=escalation.id,
                choices=listed([spoken(one) for one in escalation.teams]),
            )
        )
    if turn.actor.role not in (team, ADMIN):
        raise NotAllowed(
            Sentence(
                "{name} has the role {role}; only {team} decides for {team}",
                name=turn.actor.name,
                role=spoken(turn.actor.role),
                team=spoken(team),
            )
        )
    _refuse_blank(reason, Sentence("a decision needs a reason"))


def note(
    turn: Turn,
    escalation_id: str,
    text: str,
    privileged: bool = False,
    expected_version: int | None = None,
) -> Escalation:
    """Write a note. Only Legal may write a privileged note, and only Legal sees it."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    if privileged and turn.actor.role != LEGAL:
        raise NotAllowed(
            Sentence(
                "{name} has the role {role}; privileged notes are for Legal only",
                name=turn.actor.name,
                role=spoken(turn.actor.role),
            )
        )
    _refuse_blank(text, Sentence("a note needs words"))
    return flag(turn, escalation, "note", text=text, privileged=privileged)


def request_info(
    turn: Turn,
    escalation_id: str,
    of: str,
    text: str,
    expected_version: int | None = None,
) -> Escalation:
    """Ask the person named `of` for something; that person is told. The clocks run on."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    _refuse_ended(escalation, "ask about")
    _refuse_blank(text, Sentence("a question needs words"))
    one = turn.directory.people.get(of)
    if one is None:
        raise NotFound(Sentence("no person {of} to ask about {id}", of=repr(of), id=escalation.id))
    asked = flag(turn, escalation, "request_info", text=text, detail={"of": of})
    alert = get_alert(turn.conn, escalation.alert_id)
    page(
        turn,
        alert,
        asked,
        [one],
        "told",
        Sentence("{who} asks you: {what}", who=turn.actor.name, what=_first_line(text)),
    )
    return asked


def release(
    turn: Turn,
    escalation_id: str,
    text: str = "",
    expected_version: int | None = None,
) -> Escalation:
    """A person has published the statement, and its clock stops. What went out, and where, stands in a note."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    released = change(turn, escalation, "release")
    return flag(turn, released, "note", text=text) if text.strip() else released


def close(
    turn: Turn,
    escalation_id: str,
    text: str = "",
    expected_version: int | None = None,
) -> Escalation:
    """The escalation is done."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    return change(turn, escalation, "close", text=text or None, closed_at=turn.now)


def withdraw(
    turn: Turn,
    escalation_id: str,
    reason: str,
    expected_version: int | None = None,
) -> Escalation:
    """The escalation was not needed after all; `reason` says why."""
    escalation = _seen(turn.conn, escalation_id, expected_version)
    _refuse_blank(reason, Sentence("withdrawing needs a reason"))
    queue.cancel_for_escalation(turn.conn, escalation.id, turn.now)
    return change(turn, escalation, "withdraw", text=reason, closed_at=turn.now)


def _seen(conn: Connection, escalation_id: str, expected_version: int | None) -> Escalation:
    escalation = get(conn, escalation_id)
    if expected_version is not None and expected_version != escalation.version:
        raise Conflict(
            Sentence(
                "the escalation {id} is at version {version}, you saw {seen}: read it again",
                id=escalation.id,
                version=escalation.version,
                seen=expected_version,
            )
        )
    return escalation


def _refuse_ended(escalation: Escalation, what: str) -> None:
    if escalation.status in ENDED:
        after(escalation.status, what)


def _refuse_blank(text: str, why: Sentence) -> None:
    if not text.strip():
        raise WrongInput(why)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:120]
