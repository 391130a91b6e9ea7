"""Decisions are values: a decision reads, writes nothing, and its change can be printed and compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts import actions, on_clock, on_signal
from alerts.apply import apply
from alerts.change import NOTHING, Change, HeadsUp, Move, Open, Page, TakeBack, Tighten
from alerts.severity import Decision
from tests.alerts.scene import ADA, Scene
from tests.stores import contents
from tocsin.core.errors import IllegalTransition
from tocsin.store import schema as s


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.store.close()


def script(change: Change) -> list[str]:
    """The steps of a change, as a person would list them."""
    return [
        f"{type(step).__name__} {step.action}" if isinstance(step, Move) else type(step).__name__
        for step in change.steps
    ]


def decided(scene: Scene, state: str = "over", **facts: object) -> Change:
    """The change that one signal would bring, asked for in a transaction that cannot write."""
    id = scene.signal(state, **facts)
    with scene.store.read() as conn:
        row = conn.execute(select(s.signals).where(s.signals.c.id == id)).one()
        return on_signal.decide(scene.turn(conn), row)


def test_a_first_signal_opens_an_alert_that_fires(scene: Scene) -> None:
    change = decided(scene)
    assert change.became == "fired"
    assert script(change) == ["Open", "Move update", "Move fire", "HeadsUp"]
    assert isinstance(change.steps[0], Open)
    assert change.steps[0].alert == change.alert


def test_a_decision_writes_nothing_and_applying_it_writes_everything(scene: Scene) -> None:
    scene.over()
    before = contents(scene.store)
    with scene.store.read() as conn:
        change = actions.acknowledge(scene.turn(conn, ADA), scene.alert().id)
    assert contents(scene.store) == before
    with scene.write() as conn:
        done = apply(scene.turn(conn, ADA), change)
    assert done.alert == scene.alert()
    assert scene.alert().acknowledged_by == "ada"
    after = contents(scene.store)
    changed = {name for name in before if before[name] != after[name]}
    assert {"alerts", "alert_timeline", "alert_events", "audit"} <= changed


def test_equal_questions_have_equal_answers(scene: Scene) -> None:
    scene.over()
    with scene.store.read() as conn:
        turn = scene.turn(conn, ADA)
        assert actions.dismiss(turn, scene.alert().id, "noise") == actions.dismiss(
            turn, scene.alert().id, "noise"
        )


def test_a_rise_asks_again_and_tells_in_this_order(scene: Scene) -> None:
    scene.over()
    with scene.store.read() as conn:
        steps = on_signal.worsen(scene.turn(conn), scene.alert(), Decision(1, ("it is worse",)))
    assert [type(step) for step in steps] == [TakeBack, Move, Page, Move, HeadsUp]


def test_a_rise_of_an_escalated_alert_tightens_its_escalations(scene: Scene) -> None:
    scene.over()
    with scene.write() as conn:
        scene.escalate(conn, ADA, scene.alert().id, "pr", "look at this")
    with scene.store.read() as conn:
        steps = on_signal.worsen(scene.turn(conn), scene.alert(), Decision(1, ("it is worse",)))
    assert [type(step) for step in steps] == [TakeBack, Move, Page, HeadsUp, Tighten]


def test_steps_go_on_from_where_the_earlier_ones_left_the_alert(scene: Scene) -> None:
    scene.over()
    alert = scene.alert()
    change = Change(
        "tried", alert, (Move(alert, "update", {"score": 9.0}), Move(alert, "update", {"peak_score": 9.0}))
    )
    with scene.write() as conn:
        done = apply(scene.turn(conn), change).alert
    assert done is not None
    assert (done.score, done.peak_score, done.version) == (9.0, 9.0, alert.version + 2)


def test_an_arrow_that_is_not_in_the_table_is_refused_before_anything_is_written(scene: Scene) -> None:
    scene.over()
    with pytest.raises(IllegalTransition, match="cannot reopen"):
        Move(scene.alert(), "reopen").outcome(scene.now)


def test_what_the_clock_brings_about_is_a_change_as_well(scene: Scene) -> None:
    scene.over(score=9.0, windows_over=3)
    (step,) = (due for due in on_clock.TABLE if due.name == "step is due")
    with scene.store.read() as conn:
        change = step.decide(scene.turn(conn), scene.alert())
    # A watch has one rung.
    assert change.became == "exhausted"
    assert all(one.alert.id == scene.alert().id for one in change.steps)


def test_a_calm_signal_without_an_alert_changes_nothing(scene: Scene) -> None:
    assert decided(scene, "calm") == NOTHING


def test_heads_up_names_the_reasons(scene: Scene) -> None:
    told = [step for step in decided(scene).steps if isinstance(step, HeadsUp)]
    assert told
    assert told[0].reasons
