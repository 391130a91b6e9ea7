"""A third signal, made up here by one class and one entry of the registry. The tests follow it from the tallies to the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from processors.detection.coverage import Coverage
from processors.detection.judge import Detection
from processors.detection.tallies import load_tallies
from processors.signals.types import Reading, Sensitivity, WindowCounts
from tests.alerts.scene import Scene
from tests.api.world import World
from tocsin.core.clock import MINUTE
from tocsin.core.signal_kinds import SIGNAL_KINDS, SignalKind
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor, Role
from tocsin.store import schema as s

BABEL = SignalKind(
    kind="babel",
    means="more in languages that nobody scores",
    unit="share",
    counted="unscored",
    detector=f"{__name__}:Babel",
)
USUAL, UNUSUAL = 0.1, 0.5


class BabelState(msgspec.Struct, frozen=True):
    """The number of windows so far."""

    windows: int = 0


class Babel:
    """A detector of the share of unscored mentions, against a fixed tenth. It is warm after three windows."""

    kind = "babel"
    version = "babel-1"

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        self.length = length

    def initial(self) -> BabelState:
        return BabelState()

    def judge(self, state: BabelState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        share = (window.count - window.scored) / window.count if window.count else 0.0
        learning = state.windows < 3
        over = not learning and window.count >= sensitivity.at_least_mentions and share >= UNUSUAL
        return Reading(
            kind=self.kind,
            start=window.start,
            length=window.length,
            score=7.0 if over else min(2.0, 10 * share),
            observed=round(share, 6),
            expected=USUAL,
            lower=round(share / 2, 6),
            upper=round((1 + share) / 2, 6),
            over=over,
            state="learning" if learning else "warm",
            detail={"span_s": window.length.total_seconds(), "complete": window.complete},
        )

    def may_be_over(self, state: BabelState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        return state.windows >= 3 and window.count >= sensitivity.at_least_mentions

    def learn(self, state: BabelState, window: WindowCounts, reading: Reading) -> BabelState:
        return BabelState(state.windows + 1) if window.complete else state

    def accept(self, state: BabelState) -> BabelState:
        return state

    def tells(
        self, state: BabelState, window: WindowCounts, reading: Reading, *, speaks: bool
    ) -> dict[str, Any]:
        return {}


@pytest.fixture
def babel() -> Iterator[None]:
    with SIGNAL_KINDS.registered(BABEL):
        yield


@pytest.fixture
def world(babel: None, tmp_path: Path) -> Iterator[World]:
    """A world with four windows of talk, enough to know what is usual. The fifth has 144 mentions, 108 of them in a language
    without a scorer.
    """
    made = World(tmp_path)
    start = made.now
    for i in range(120):
        made.store_mention(f"calm{i}", "Lumo works", start + timedelta(seconds=10 * i), "neutral")
    for i in range(144):
        at = start + timedelta(minutes=20, seconds=i / 3)
        made.store_mention(f"odd{i}", "Lumo izgalmas", at, "unscored" if i % 4 else "negative")
    judge(made, start, start + timedelta(minutes=25))
    made.scene.clock.advance(timedelta(minutes=25))
    made.scene.step()
    yield made
    made.close()


def judge(world: World, start: datetime, until: datetime) -> None:
    """Tick every minute, as the ticker does, and load the states again each time."""
    store, now = world.scene.store, start
    while now < until:
        now += MINUTE
        with store.write() as conn:
            detection = Detection(repository.listed(conn, Monitor))
            detection.load(conn)
            first = detection.tallies_from(conn)
            assert first is not None
            tallies = load_tallies(conn, [world.scene.monitor], first, now + MINUTE)
            detection.tick(conn, tallies, now, now, now, Coverage())
            detection.flush(conn, store, now + MINUTE, everyone=True)


@pytest.mark.slow("a whole story")
def test_it_has_a_state_and_readings_of_its_own(world: World) -> None:
    d, r = s.detector_state, s.readings
    with world.scene.store.read() as conn:
        kept = conn.execute(select(d.c.version, d.c.state).where(d.c.kind == "babel")).one()
        readings = conn.execute(select(r).where(r.c.kind == "babel").order_by(r.c.window_start)).all()
    assert kept.version == "babel-1"
    assert kept.state["detector"] == {"windows": 5}
    assert [(row.observed, row.over) for row in readings] == [(0.0, False)] * 4 + [(0.75, True)]


@pytest.mark.slow("a whole story")
def test_it_becomes_a_signal_with_the_facts_that_all_signals_have(world: World) -> None:
    g = s.signals
    with world.scene.store.read() as conn:
        first = conn.execute(select(g).where(g.c.kind == "babel").order_by(g.c.tick)).first()
    assert first is not None
    assert (first.state, first.evidence["rule"]) == ("over", "babel-1")
    # These facts come from the readings of negativity and volume for the same window.
    assert first.facts["negative_baseline"] == pytest.approx(0.1, abs=0.1)
    assert first.facts["ratio"] > 2


@pytest.mark.slow("a whole story")
def test_it_becomes_an_alert_and_a_notice_in_its_own_words(world: World) -> None:
    alert = world.scene.alert("babel")
    assert (alert.status, alert.severity) == ("firing", 3)
    [notice] = [one for one in world.scene.notices() if one.alert_id == alert.id]
    assert notice.subject == "SEV3 Lumo: 75% unscored in 5 min, usually 10%, 36 of 36 scored negative"
    assert "Seen 75% in 5 min, expected 10% (38%-88%)" in notice.body["text"]


@pytest.mark.slow("a whole story")
def test_the_page_shows_it(world: World) -> None:
    alert, (browser, _) = world.scene.alert("babel"), world.session("ada")
    page = browser.get(f"/alerts/{alert.id}", headers={"Accept": "text/html"}).text
    assert "more in languages that nobody scores" in page
    assert "75% unscored in 5 min, usually 10%" in browser.get("/", headers={"Accept": "text/html"}).text
    observed = page.split("<dt>Observed</dt><dd>")[1]
    assert observed.startswith("75%")


@pytest.mark.slow("a whole story")
def test_the_api_tells_of_it(world: World) -> None:
    alert, key = world.scene.alert("babel"), world.key(Role.VIEWER)
    assert key.get(f"/v1/alerts/{alert.id}").json()["kind"] == "babel"
    assert key.get(f"/v1/alerts/{alert.id}/evidence").json()["judged"]["observed"] == 0.75
    readings = key.get(f"/v1/monitors/{world.scene.monitor}/readings", params={"kind": "babel"}).json()
    assert readings["items"][-1]["observed"] == 0.75


def test_an_alert_whose_story_another_kind_tells_is_merged_into_that_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    try:
        with SIGNAL_KINDS.registered(replace(BABEL, absorbed_by="volume")):
            scene.over("volume")
            scene.over("babel")
            told, merged = scene.alert("volume"), scene.alert("babel")
            assert (merged.status, merged.merged_into) == ("merged", told.id)
            assert merged.reason == "the volume alert of the same monitor tells this story"
    finally:
        scene.store.close()


@pytest.mark.slow("a whole story")
def test_a_kind_that_nobody_registered_has_no_readings(world: World) -> None:
    key = world.key(Role.VIEWER)
    answer = key.get(f"/v1/monitors/{world.scene.monitor}/readings", params={"kind": "rumour"})
    assert answer.status_code == 422
    assert "volume, negativity, reach, silence, spread, newcomers, narrative, flood, babel" in answer.text


def test_a_monitor_that_was_judged_before_learns_a_new_signal_and_keeps_what_it_knew(tmp_path: Path) -> None:
    made, d = World(tmp_path), s.detector_state
    try:
        start = made.now
        made.store_mention("a", "Lumo works", start, "neutral")
        judge(made, start, start + timedelta(minutes=10))
        with SIGNAL_KINDS.registered(BABEL):
            made.store_mention("b", "Lumo works", start + timedelta(minutes=11), "neutral")
            judge(made, start + timedelta(minutes=10), start + timedelta(minutes=15))
        with made.scene.store.read() as conn:
            kept = {row.kind: row for row in conn.execute(select(d))}
        assert kept["babel"].state["detector"] == {"windows": 1}
        assert msgspec.convert(kept["volume"].state["detector"]["first"], datetime) == start
        assert len({row.next_window for row in kept.values()}) == 1
    finally:
        made.close()
