"""Silence through the whole judge: the signal, and the state that is rebuilt from the readings of volume alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from alerts.severity import severity
from processors.detection.coverage import Coverage
from processors.detection.judge import Detection
from processors.detection.rebuilding import learn_again
from processors.detection.states import fresh
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import GRACE
from tocsin.core.clock import MINUTE, minute_of
from tocsin.core.signal import evidence_from, facts_from
from tocsin.core.signal_kinds import NEGATIVITY, VOLUME
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store import schema as s
from tocsin.store.port import Store

SPOKEN = timedelta(hours=40)
END = START + timedelta(hours=60)
DEAF = Coverage(deaf=[(START + SPOKEN, END)])


def judged(store: Store, coverage: Coverage, kinds: int | None = None) -> Detection:
    """A mention every twelve minutes for forty hours, then nothing; judged every five minutes and written. `kinds`: only so many
    kinds of signals judge. The first two days are holidays in Korea, where the monitor is.
    """
    with store.write() as conn:
        [monitor] = repository.listed(conn, Monitor)
        at_home = monitor.value.model_copy(update={"countries": ("KR",)})
        repository.save(conn, at_home, now=START, actor="test")
        detection = Detection(repository.listed(conn, Monitor))
        [one] = detection.monitors
        one.next_window, one.standings = START, one.standings[:kinds]
        minutes = {minute_of(START) + 12 * n: (1, 0, 1, 0, 0) for n in range(40 * 5)}
        now = START
        while now < END:
            now += 5 * MINUTE
            detection.tick(conn, {one.id: minutes}, now, now - GRACE, now, coverage)
        detection.flush(conn, store, END)
    return detection


@pytest.mark.slow("judges days of windows")
def test_a_brand_that_falls_silent_is_a_watch_with_what_was_due(store: Store) -> None:
    detection = judged(store, Coverage())
    with store.read() as conn:
        [signal] = conn.execute(select(s.signals)).all()
        facts, evidence = facts_from(signal.facts), evidence_from(signal.evidence)
        assert (signal.kind, signal.state, severity(facts).severity) == ("silence", "over", 4)
        assert (evidence.observed, evidence.expected > 12, evidence.count) == (0.0, True, 0)
        assert evidence.window_start == START + SPOKEN - 10 * MINUTE
        [one] = detection.monitors
        # What was a holiday when it was judged is one, whatever the countries are now.
        again = fresh(replace(one.defined, value=one.defined.value.model_copy(update={"countries": ()})))
        learn_again(conn, again, START, END)
    kept = one.standings[0].state.expected.holidays
    assert [name for _, name, _, _ in kept.days] == [
        "Independence Movement Day",
        "Alternative holiday for Independence Movement Day",
    ]
    assert 0 < kept.n < 1
    assert [standing.state for standing in again.standings] == [standing.state for standing in one.standings]


@pytest.mark.slow("judges days of windows")
def test_the_signals_beside_the_volume_change_none_of_its_verdicts(store: Store) -> None:
    judged(store, Coverage())
    r = s.readings
    own = select(r).where(r.c.kind.in_([VOLUME, NEGATIVITY])).order_by(r.c.window_start, r.c.kind)
    with store.write() as conn:
        with_all = conn.execute(own).all()
        conn.execute(delete(r))
        conn.execute(delete(s.detector_state))
        conn.execute(delete(s.signals))
    judged(store, Coverage(), kinds=2)
    with store.read() as conn:
        assert conn.execute(select(r.c.kind).distinct().order_by(r.c.kind)).scalars().all() == [
            NEGATIVITY,
            VOLUME,
        ]
        assert conn.execute(own).all() == with_all


@pytest.mark.slow("judges days of windows")
def test_sources_that_are_not_heard_are_no_silence(store: Store) -> None:
    judged(store, DEAF)
    with store.read() as conn:
        assert conn.execute(select(s.signals)).all() == []
