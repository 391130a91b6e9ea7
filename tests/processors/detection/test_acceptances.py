"""The new normal: it reaches detection once, whatever dies; a state rebuilt from readings heeds it; it can be taken back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from processors import acceptance
from processors.detection.coverage import Coverage
from processors.detection.judge import Detection
from processors.detection.rebuilding import learn_again
from processors.detection.set_back import learn_up_to
from processors.detection.states import JudgedMonitor, Memory, fresh
from processors.detection.tallies import load_tallies
from tests.processors.detection.conftest import START
from tocsin.core.clock import minute_of
from tocsin.core.errors import Conflict
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store import audit
from tocsin.store import schema as s
from tocsin.store.port import Store

# The talk doubles here, and stays so.
LOUDER = START + timedelta(hours=20)
END = START + timedelta(hours=25)


def test_a_monitor_that_still_learns_has_no_level_to_accept(store: Store) -> None:
    """An acceptance in its first two hours was stored and changed nothing."""
    tallied(store)
    judged(store, START + timedelta(hours=1))
    with pytest.raises(Conflict, match="Brightwater has been heard for less than two hours"):
        say(store, acceptance.ACCEPT, START + timedelta(hours=1))
    judged(store, START + timedelta(hours=3))
    assert say(store, acceptance.ACCEPT, START + timedelta(hours=3)).seq == 1


def tallied(store: Store, until: datetime = END) -> None:
    """Six mentions each five minutes, a third of them negative; twelve from LOUDER on."""
    rows = []
    for place in range(int((until - START) / timedelta(minutes=5))):
        at = START + place * timedelta(minutes=5)
        count = 12 if at >= LOUDER else 6
        rows.append(
            {
                "monitor_id": the_monitor(store).id, "minute": minute_of(at), "partition": 0, "count": count,
                "negative": count // 3, "neutral": count - count // 3, "positive": 0, "unscored": 0, "reach": 0,
                "reposts": 0, "triggered": 0, "authors": b"",
            }
        )  # fmt: skip
    with store.write() as conn:
        store.insert_new(conn, s.tallies, rows)


def the_monitor(store: Store) -> repository.Defined[Monitor]:
    with store.read() as conn:
        return repository.find(conn, Monitor, "Brightwater")


def judged(store: Store, until: datetime, memory: Memory | None = None) -> JudgedMonitor:
    """Judge every closed window up to `until` in one transaction."""
    with store.write() as conn:
        detection = Detection([the_monitor(store)], memory=memory)
        detection.load(conn)
        start = detection.tallies_from(conn)
        assert start is not None
        tallies = load_tallies(conn, [the_monitor(store).id], start, until)
        detection.tick(conn, tallies, until, until, until, Coverage())
        detection.flush(conn, store, until)
    return detection.monitors[0]


def say(store: Store, what: str, now: datetime) -> acceptance.Acceptance:
    do = acceptance.accept if what == acceptance.ACCEPT else acceptance.undo
    with store.write() as conn:
        return do(conn, the_monitor(store), now=now, actor="ada", role="community_manager")


def said(store: Store) -> list[acceptance.Acceptance]:
    with store.read() as conn:
        return acceptance.acceptances(conn, the_monitor(store).id)


def stored(store: Store) -> dict[str, Any]:
    with store.read() as conn:
        d = s.detector_state.c
        return {row.kind: row.state["detector"] for row in conn.execute(select(d.kind, d.state)).all()}


def rebuilt(store: Store, accepted: datetime | None) -> dict[str, Any]:
    """The states that follow from the readings alone, with the acceptance that stands."""
    one = fresh(the_monitor(store))
    with store.read() as conn:
        learn_again(conn, one, START, accepted or END)
        if accepted is not None:
            for standing in one.standings:
                standing.state = standing.kind.detector.accept(standing.state)
            learn_again(conn, one, accepted, END)
    return {standing.name: msgspec.to_builtins(standing.state) for standing in one.standings}


def rebuilt_up_to(store: Store, until: datetime) -> dict[str, Any]:
    """The states as a monitor that is set back to `until` learns them."""
    one = fresh(the_monitor(store))
    with store.read() as conn:
        learn_up_to(conn, one, until)
    return {standing.name: msgspec.to_builtins(standing.state) for standing in one.standings}


def as_stored(states: dict[str, Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(states))


def expected(store: Store) -> float:
    with store.read() as conn:
        r = s.readings.c
        newest = select(r.detail).where(r.kind == "volume").order_by(r.window_start.desc()).limit(1)
        return float(conn.execute(newest).scalar_one()["window_expected"])


@pytest.mark.slow("judges days of windows")
def test_what_was_accepted_is_expected_from_the_next_window_on_and_a_rebuilt_state_heeds_it(
    store: Store,
) -> None:
    tallied(store)
    judged(store, END - timedelta(minutes=30))
    before = expected(store)
    say(store, acceptance.ACCEPT, END - timedelta(minutes=28))
    judged(store, END)
    assert before < 9 < expected(store)
    (one,) = said(store)
    assert (one.outcome, one.first_window) == ("applied", END - timedelta(minutes=30))
    assert as_stored(stored(store)) == as_stored(rebuilt(store, one.first_window))


@pytest.mark.slow("judges days of windows")
def test_a_judge_that_dies_before_its_commit_leaves_the_acceptance_for_the_next_and_no_one_takes_it_up_twice(
    store: Store,
) -> None:
    tallied(store)
    judged(store, END - timedelta(minutes=30))
    say(store, acceptance.ACCEPT, END)
    assert say(store, acceptance.ACCEPT, END).seq == 1
    before = stored(store)
    with pytest.raises(KeyboardInterrupt), store.write() as conn:
        detection = Detection([the_monitor(store)])
        detection.load(conn)
        detection.flush(conn, store, END)
        raise KeyboardInterrupt
    assert (said(store)[0].outcome, stored(store)) == (None, before)
    judged(store, END - timedelta(minutes=15))
    judged(store, END)
    assert as_stored(stored(store)) == as_stored(rebuilt(store, END - timedelta(minutes=30)))


@pytest.mark.slow("judges days of windows")
def test_what_is_taken_back_is_as_if_it_had_never_been_accepted(store: Store) -> None:
    tallied(store)
    memory = Memory()
    judged(store, END - timedelta(minutes=60), memory)
    say(store, acceptance.ACCEPT, END)
    judged(store, END - timedelta(minutes=30), memory)
    say(store, acceptance.UNDO, END)
    judged(store, END, memory)
    assert [one.outcome for one in said(store)] == ["applied", "applied"]
    assert as_stored(stored(store)) == as_stored(rebuilt(store, None))
    assert expected(store) < 9
    with pytest.raises(Conflict, match="no new normal"):
        say(store, acceptance.UNDO, END)
    with store.read() as conn:
        assert audit.verify(conn).broken_at is None


@pytest.mark.slow("judges days of windows")
def test_one_after_the_other_is_taken_back_and_a_rebuilt_state_heeds_the_one_that_stands(
    store: Store,
) -> None:
    tallied(store)
    first, second, third = (END - timedelta(minutes=minutes) for minutes in (90, 60, 30))
    judged(store, first)
    say(store, acceptance.ACCEPT, first)
    judged(store, second)
    say(store, acceptance.ACCEPT, second)
    memory = Memory()
    judged(store, third, memory)
    both = rebuilt_up_to(store, third)
    assert as_stored(stored(store)) == as_stored(both)
    say(store, acceptance.UNDO, third)
    judged(store, END, memory)
    assert as_stored(stored(store)) == as_stored(rebuilt(store, first))
    assert as_stored(stored(store)) == as_stored(rebuilt_up_to(store, END))
    with store.read() as conn:
        stands = acceptance.standing(conn, the_monitor(store))
    assert stands is not None and stands.seq == 1
    assert say(store, acceptance.UNDO, END).seq == 4
    judged(store, END + timedelta(minutes=5))
    assert [one.outcome for one in said(store)] == ["applied"] * 4
    assert expected(store) < 9
    with pytest.raises(Conflict, match="no new normal"):
        say(store, acceptance.UNDO, END)


@pytest.mark.slow("judges days of windows")
def test_two_people_who_accept_the_same_present_have_accepted_it_once(store: Store) -> None:
    tallied(store)
    judged(store, END - timedelta(minutes=30))
    first = say(store, acceptance.ACCEPT, END - timedelta(minutes=28))
    judged(store, END - timedelta(minutes=30))
    again = say(store, acceptance.ACCEPT, END - timedelta(minutes=27))
    assert (first.outcome, again.outcome, again.seq) == (None, "applied", 1)
    judged(store, END - timedelta(minutes=25))
    assert say(store, acceptance.ACCEPT, END - timedelta(minutes=22)).seq == 2, "there is another present"


@pytest.mark.slow("judges days of windows")
def test_what_was_accepted_of_another_query_is_not_taken_back_and_nothing_is_accepted_of_one_unheard(
    store: Store,
) -> None:
    tallied(store)
    judged(store, END - timedelta(minutes=30))
    say(store, acceptance.ACCEPT, END)
    judged(store, END - timedelta(minutes=25))
    with store.write() as conn:
        repository.save(conn, Monitor(name="Brightwater", query="bright"), now=END, actor="test")
    with pytest.raises(Conflict, match="no new normal"):
        say(store, acceptance.UNDO, END)
    with pytest.raises(Conflict, match="heard nothing yet"):
        say(store, acceptance.ACCEPT, END)


@pytest.mark.slow("judges days of windows")
def test_both_in_one_breath_and_one_about_another_query_change_nothing(store: Store) -> None:
    tallied(store)
    judged(store, END - timedelta(minutes=30))
    say(store, acceptance.ACCEPT, END)
    say(store, acceptance.UNDO, END)
    judged(store, END)
    assert as_stored(stored(store)) == as_stored(rebuilt(store, None))
    say(store, acceptance.ACCEPT, END)
    with store.write() as conn:
        repository.save(conn, Monitor(name="Brightwater", query="bright"), now=END, actor="test")
    judged(store, END)
    assert said(store)[0].outcome == "lapsed"


def test_nothing_is_accepted_before_anything_was_heard_nor_taken_back_days_later(store: Store) -> None:
    with pytest.raises(Conflict, match="heard nothing yet"):
        say(store, acceptance.ACCEPT, START)
    tallied(store, START + timedelta(hours=3))
    judged(store, START + timedelta(hours=3))
    say(store, acceptance.ACCEPT, START + timedelta(hours=3))
    with pytest.raises(Conflict, match="48 hours"):
        say(store, acceptance.UNDO, START + timedelta(hours=52))
