"""Retention as a job: its runs over the API, on the page and from the command line, and what it never takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from ops.retention import run_now, told
from ops.runtime import Runtime
from processors.retention import PIECE
from processors.retention_runs import work_on
from tests.api.visits import CSRF, night, page, send, signed_in, words  # noqa: F401  # `night` is a fixture
from tests.api.world import World
from tests.browser.served import SeededApp
from tests.stores import store_at
from tocsin.core.clock import SimulatedClock
from tocsin.definitions.models import Role
from tocsin.settings import Loaded, Settings
from tocsin.store import schema as s
from tocsin.store.port import Store

OLD = PIECE + 20


def keep_samples(store: Store, now: datetime, days: float, count: int, name: str = "old") -> None:
    rows = [
        {"source": name, "id": str(n), "created_at": now - timedelta(days=days), "rate": 1.0, "mention": {}}
        for n in range(count)
    ]
    with store.write() as conn:
        store.insert_new(conn, s.samples, rows)


def test_a_run_is_asked_for_shown_carried_out_in_pieces_and_told(world: World) -> None:
    store, clock, settings = world.scene.store, world.scene.clock, world.runtime.settings
    viewer, admin = world.key(Role.VIEWER), world.key(Role.ADMIN)
    keep_samples(store, world.now, 3, OLD)
    keep_samples(store, world.now, 0, 1, "young")
    asked = admin.post("/v1/retention/run")
    assert viewer.post("/v1/retention/run").status_code == 403
    assert (asked.status_code, asked.json()["due"], asked.json()["progress"]) == (202, {"samples": OLD}, 0)
    # Asked again, it is the same one.
    assert admin.post("/v1/retention/run").json()["id"] == asked.json()["id"]
    assert work_on(store, clock.now(), settings)
    seen = viewer.get("/v1/retention").json()
    assert (seen["runs"][0]["taken"], seen["runs"][0]["ended_at"]) == ({"samples": PIECE}, None)
    assert seen["runs"][0]["progress"] == PIECE * 100 // OLD
    keeps = {one["kind"]: one for one in seen["keeps"]}
    assert (keeps["samples"]["kept_s"], keeps["mentions"]["setting"]) == (86400, "retention.mentions_days")
    while work_on(store, clock.now(), settings):
        pass
    one = viewer.get("/v1/retention").json()["runs"][0]
    assert (one["taken"], one["progress"], bool(one["ended_at"])) == ({"samples": OLD}, 100, True)
    with store.read() as conn:
        assert list(conn.execute(select(s.samples.c.source)).scalars()) == ["young"]
        actions = list(conn.execute(select(s.audit.c.action)).scalars())
    assert actions.count("retention.asked") == 1


def test_what_is_on_record_stays_whatever_its_age(world: World) -> None:
    """Alerts with their evidence, notices, escalations and the audit have no time of their own."""
    store, clock, settings = world.scene.store, world.scene.clock, world.runtime.settings
    kept = (s.alerts, s.alert_timeline, s.signals, s.notices, s.escalations, s.escalation_entries, s.audit)
    world.scene.over()
    before = _rows(store, kept)
    assert before[0] == 1
    clock.advance(timedelta(days=4000))
    while work_on(store, clock.now(), settings):
        pass
    assert _rows(store, kept) == before


def test_the_command_runs_it_to_the_end_and_tells_the_rest(tmp_path: Path) -> None:
    store = store_at(tmp_path / "store.db")
    clock = SimulatedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    keep_samples(store, clock.now(), 3, OLD)
    runtime = Runtime(Loaded(Settings(), {}), store, clock)
    seen: list[int] = []
    run_now(runtime, "ada (command line)", lambda run: seen.append(run.progress))
    lines = list(told(runtime))
    assert seen == [PIECE * 100 // OLD, 99]
    assert lines[0].startswith("samples: kept for 24 hours (retention.sample_hours)")
    assert lines[-1].endswith(f": {OLD} samples, asked for by ada (command line)")
    store.close()


def test_the_page_shows_it_and_only_an_administrator_may_run_it(night: SeededApp) -> None:  # noqa: F811
    admin, viewer = signed_in(night, "p_root"), signed_in(night, "p_vic")
    keep_samples(night.store, night.clock.now(), 3, OLD)
    assert "Şimdi temizle" not in page(viewer, "/retention")
    assert "Run it now" in page(admin, "/retention")
    status, shown = send(admin, "/retention/run", {"csrf": CSRF.findall(page(admin, "/retention"))[0]})
    assert (status, "A run is under way" in words(shown)) == (303, True)
    while work_on(night.store, night.clock.now(), Settings()):
        pass
    assert f"eşleşmeyen bahsetmelerden örnek: {OLD}" in words(page(viewer, "/retention"))


def _rows(store: Store, tables: tuple[object, ...]) -> list[int]:
    with store.read() as conn:
        return [len(conn.execute(select(table)).all()) for table in tables]  # type: ignore[call-overload]
