"""The demo waits for its visitor while its clock stands, and says beside each alert what it teaches."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.alert import get
from api.pages import lessons
from ops.demo.visitor import HeldClock, Keyboard, wait_for
from tests.api.test_pages import page, signed_in, words
from tests.browser.served import seeded_app
from tocsin.core.signal_kinds import FLOOD

NOON = datetime(2031, 3, 5, 12, tzinfo=UTC)


def test_the_clock_stands_until_it_is_let_go_and_then_runs_on_from_there() -> None:
    read = [100.0]
    clock = HeldClock(NOON, lambda: read[0])
    read[0] = 900.0
    assert clock.now() == NOON
    clock.stand_at(NOON + timedelta(hours=1))
    assert clock.now() == NOON + timedelta(hours=1), "it moves with the crisis that is played"
    clock.let_go()
    read[0] = 960.0
    clock.let_go()
    clock.stand_at(NOON)
    assert clock.now() == NOON + timedelta(hours=1, minutes=1)


def test_the_wait_ends_with_a_visitor_a_key_or_the_end_of_the_demo() -> None:
    keyboard, stop, looked = Keyboard(), threading.Event(), list[int]()

    def third_look() -> bool:
        looked.append(1)
        stop.wait(0)
        return len(looked) == 1

    wait_for(third_look, keyboard, stop)
    assert len(looked) == 1
    keyboard.enter.set()
    wait_for(lambda: False, keyboard, stop)
    assert not keyboard.enter.is_set()
    stop.set()
    wait_for(lambda: False, keyboard, stop)


@pytest.mark.slow("the demo's days of talk")
def test_each_alert_of_the_demo_says_what_it_teaches_and_no_alert_elsewhere_does(tmp_path: Path) -> None:
    with seeded_app(tmp_path, mode="demo") as one:
        with one.store.read() as conn:
            told = {
                id: lessons.lesson_of(get(conn, id)) for id in ("al_crisis", "al_ceo", "al_old", "al_supp")
            }
            supp = get(conn, "al_supp")
            copies = supp.evidence | {"count": 111, "copies": 78}
            flood = replace(supp, kind=FLOOD, status="firing", evidence=copies)
        client = signed_in(one)
        shown, listed = words(page(client, "/alerts/al_crisis")), words(page(client, "/"))
    assert told["al_crisis"] == lessons.CRISIS and told["al_ceo"] == lessons.TONE
    assert told["al_supp"] == lessons.COPIES and told["al_old"] == lessons.WORSE
    assert lessons.lesson_of(flood) == lessons.FLOOD
    assert lessons.lesson_of(replace(flood, evidence=flood.evidence | {"copies": 1})) is None
    assert f"What this shows: {lessons.CRISIS}" in shown and lessons.TONE in listed
    assert "languages of the page are at its foot" in listed
    with seeded_app(tmp_path / "live") as one:
        assert "What this shows" not in page(signed_in(one), "/alerts/al_crisis")
