"""The forecast of a monitor and its next holiday: over the API, on its page, and by the command."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from processors.detection.coverage import Coverage
from processors.detection.judge import Detection
from tests.api.world import World
from tests.inside import command
from tests.stores import at_store
from tocsin.core.clock import minute_of
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor, Role


@pytest.mark.slow("judges thirty hours of windows")
def test_a_monitor_that_knows_a_day_says_what_it_expects_of_the_next_hours(tmp_path: Path) -> None:
    world = World(tmp_path)
    try:
        key, route = world.key(Role.VIEWER), f"/v1/monitors/{world.scene.monitor}/promise"
        assert (key.get(route).json()["forecast"], key.get(route).json()["holiday"]) == ([], None)
        start = world.now - timedelta(hours=30)
        with world.scene.store.write() as conn:
            at_home = Monitor(name="Lumo", query="lumo", countries=("GH",))
            repository.save(conn, at_home, now=world.now, actor="test")
            detection = Detection(repository.listed(conn, Monitor))
            one = next(one for one in detection.monitors if one.id == world.scene.monitor)
            one.next_window = start
            # A mention a minute, for thirty hours.
            minutes = {minute_of(start) + n: (1, 0, 1, 0, 0) for n in range(30 * 60)}
            detection.tick(conn, {one.id: minutes}, world.now, world.now, world.now, Coverage())
            detection.flush(conn, world.scene.store, world.now)
        answer = key.get(route).json()
        hour, six = answer["forecast"]
        assert (hour["hours"], six["hours"]) == (1, 6)
        assert hour["lower"] <= 60 <= hour["upper"]
        # Of thirty known hours four have a day and more before them.
        assert (hour["held"], hour["of"]) == (4, 4)
        assert (six["held"], six["of"]) == (0, 0)
        assert six["lower"] <= 360 <= six["upper"]
        # Before any holiday and any Sunday is known, as much is due as on any day.
        assert answer["holiday"] == {
            "name": "Independence Day",
            "country": "GH",
            "day": "2031-03-06",
            "factor": 1.0,
        }
        browser, _ = world.session("ada")
        page = browser.get(f"/monitors/{world.scene.monitor}", headers={"Accept": "text/html"}).text
        assert re.search(
            r"Expected in the next hour</dt><dd>\d+ <small>\d+–\d+ · right in 4 of 4 hours", page
        )
        assert "Expected in the next 6 hours" in page
        assert re.search(
            r"Independence Day \(GH\), Thu,? 6 Mar\w*</dt><dd>100% of an average day expected", page
        )
        here = {**os.environ, **at_store(tmp_path / "store.db")}
        printed = command("monitors", "promise", "Lumo", "--data", tmp_path, environment=here).stdout.decode()
        ends = f"{hour['lower']:.0f}-{hour['upper']:.0f}"
        assert f"next 1 h: {hour['expected']:.0f} mentions expected ({ends}); such an" in printed
        assert "2031-03-06: Independence Day (GH), 100% of an average day expected" in printed
    finally:
        world.close()
