"""The two state machines, as tables."""

from __future__ import annotations

import pytest

from alerts import states
from alerts.escalations import states as escalation_states
from api.normal import LINES
from tocsin.core.errors import IllegalTransition, WrongInput


@pytest.mark.parametrize("machine", [states, escalation_states])
def test_every_arrow_joins_known_statuses_and_every_status_is_reached(machine: object) -> None:
    table: dict[tuple[str, str], str] = machine.TRANSITIONS  # type: ignore[attr-defined]  # both modules have it
    known: tuple[str, ...] = machine.STATUSES  # type: ignore[attr-defined]
    assert {before for before, _ in table} | set(table.values()) <= set(known)
    reached = {known[0]}
    for _ in known:
        reached |= {after for (before, _), after in table.items() if before in reached}
    assert reached == set(known)


def test_a_line_that_changes_nothing_is_called_like_no_arrow() -> None:
    # The event of an arrow is named after the alert's version, that of a line after its number: they may be equal.
    arrows = {action for _, action in states.TRANSITIONS} | {"open"}
    assert arrows.isdisjoint({"note", "verdict", *LINES.values()})


def test_what_is_not_in_the_table_is_refused_with_what_is_possible() -> None:
    with pytest.raises(
        IllegalTransition, match="cannot acknowledge an alert that is resolved; possible: reopen"
    ):
        states.after(states.RESOLVED, "acknowledge")
    with pytest.raises(
        IllegalTransition, match="cannot release an escalation that is queued; possible: claim, reassign"
    ):
        escalation_states.after(escalation_states.QUEUED, "release")
    with pytest.raises(IllegalTransition, match="nothing, it has ended"):
        escalation_states.after(escalation_states.CLOSED, "claim")


def test_a_dismissal_needs_one_of_the_reasons() -> None:
    assert states.check_dismissal("noise") == "noise"
    with pytest.raises(
        WrongInput, match="unknown dismissal reason 'boring'; choose one of: noise, duplicate"
    ):
        states.check_dismissal("boring")


def test_a_rise_of_severity_wakes_people_whatever_they_had_decided() -> None:
    for status in (states.FIRING, states.ACKNOWLEDGED, states.SNOOZED, states.DISMISSED):
        assert states.TRANSITIONS[status, "worsen"] == states.FIRING
