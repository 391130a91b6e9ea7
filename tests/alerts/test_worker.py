"""The loops of alerting: they decide, deliver, copy to the stream, and survive a store that is away."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from click.testing import Result
from sqlalchemy import Connection, event, select
from typer.testing import CliRunner

from alerts.escalations import actions as escalation_actions
from alerts.escalations.escalation import of_alert
from alerts.relay import Relay
from alerts.worker import AlertsWorker
from ops.commands import alerts as command
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import ADA, Scene
from tests.stores import at_store
from tocsin.core.clock import SystemClock
from tocsin.core.errors import Conflict, NotAllowed, StoreUnavailable
from tocsin.core.loop import WorkerLoop
from tocsin.definitions.models import Channel, Person, Role
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.stream.port import ALERT_EVENTS, SIGNALS
from tocsin.stream.sqlite import SqliteStream

ESCALATE: dict[str, Any] = {"negative_over": True, "networks": 2, "networks_heard": 2}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_signal_becomes_a_page_with_a_personal_link(scene: Scene) -> None:
    phone = Phone()
    worker = AlertsWorker(scene.store, Settings(), scene.clock, OneForAll(phone))
    scene.signal("over", **ESCALATE)
    worker.work()
    assert not worker.work(), "nothing more to do"
    assert worker.deliver(None)
    assert not worker.deliver(None)
    assert "http://127.0.0.1:8085/links/" in phone.got[0].text
    with scene.store.read() as conn:
        assert (
            conn.execute(select(s.health.c.state).where(s.health.c.component == "alerts")).scalar_one()
            == "ok"
        )


def test_the_loops_page_by_themselves_survive_a_store_that_goes_away_and_end_when_told(scene: Scene) -> None:
    class Shaky:
        """The scene's store; it is away at every third transaction."""

        def __init__(self) -> None:
            self.count = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(scene.store, name)

        @contextmanager
        def read(self) -> Iterator[Connection]:
            self.count += 1
            if self.count % 3 == 0:
                raise StoreUnavailable("the store is away")
            with scene.store.read() as conn:
                yield conn

    rang = threading.Event()

    class Bell(Phone):
        def send(self, notice: Any) -> Any:
            rang.set()
            return super().send(notice)

    stop = threading.Event()
    away = timedelta(milliseconds=20)
    worker = AlertsWorker(Shaky(), Settings(), scene.clock, OneForAll(Bell()), away)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    scene.signal("over", **ESCALATE)
    assert rang.wait(30)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_signals_and_events_are_copied_to_the_stream_with_their_ids_once_when_nothing_dies(
    scene: Scene, tmp_path: Path
) -> None:
    stream = SqliteStream(tmp_path / "stream.db")
    for topic in (SIGNALS, ALERT_EVENTS):
        stream.ensure_topic(topic, 1)
    relay = Relay(scene.store, stream, scene.clock)
    scene.over(**ESCALATE)
    published = relay.publish()
    assert published > 0 and relay.publish() == 0
    with scene.store.read() as conn:
        wanted = [row.id for row in conn.execute(select(s.signals.c.id))]
        events = [row.id for row in conn.execute(select(s.alert_events.c.id).order_by(s.alert_events.c.seq))]
    assert _ids(stream, SIGNALS) == wanted and _ids(stream, ALERT_EVENTS) == events
    stream.close()


def test_old_copies_are_let_go_of(scene: Scene, tmp_path: Path) -> None:
    stream = SqliteStream(tmp_path / "stream.db")
    for topic in (SIGNALS, ALERT_EVENTS):
        stream.ensure_topic(topic, 1)
    scene.over(**ESCALATE)
    Relay(scene.store, stream, scene.clock, kept=1).publish()
    end = stream.end_offsets(ALERT_EVENTS)[0]
    consumer = stream.consumer(ALERT_EVENTS, "test", "one")
    consumer.poll(timedelta(seconds=1))
    consumer.seek(0, 0)
    (gap,) = consumer.poll(timedelta(seconds=1)).gaps
    assert end > 1 and gap.available == end - 1
    consumer.close()
    stream.close()


def _ids(stream: SqliteStream, topic: str) -> list[str]:
    consumer = stream.consumer(topic, "test", "one")
    ids: list[str] = []
    polled = consumer.poll(timedelta(seconds=1))
    for partition in polled.gained:
        consumer.seek(partition, 0)
    for _ in range(5):
        ids += [
            msgspec.json.decode(record.value)["id"]
            for record in consumer.poll(timedelta(milliseconds=50)).records
        ]
    consumer.close()
    return ids


def test_the_command_line_lists_shows_and_acknowledges(scene: Scene, tmp_path: Path) -> None:
    told = {"emotion": {"anger": 20, "fear": 6}, "intent": {"complaint": 30}, "crisis": {"outage": 1}}
    scene.signal(
        "over", evidence={"count": 50, "facets": told, "terms": [("refund", 9), ("delayed", 7)]}, **ESCALATE
    )
    scene.step()
    alert = scene.alert().id
    app = typer.Typer()
    command.register(app)
    runner = CliRunner()

    def run(*arguments: str) -> str:
        result = runner.invoke(
            app, [*arguments, "--data", str(tmp_path)], env=at_store(tmp_path / "store.db")
        )
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        return result.stdout

    assert alert in run("alerts", "list") and "SEV2" in run("alerts", "list")
    assert msgspec.json.decode(run("alerts", "list", "--json"))["id"] == alert
    shown = run("alerts", "show", alert)
    assert "\nSEV2 Lumo: 5x expected in 5 min" in shown
    assert "\ntone: anger 40%, fear 12%; complaint 60%\nmostly: refund, delayed\n" in shown
    assert "50 mentions, 10 expected (6 to 15)" in shown and "page to ada by email: queued" in shown
    assert f"{alert} is acknowledged, in the hands of ada" in run("alerts", "ack", alert, "--as", "ada")
    assert f"{alert} is acknowledged already, in the hands of ada" in run("alerts", "ack", alert)
    assert run("alerts", "list", "--status", "firing") == ""


def test_the_command_line_does_with_an_alert_what_the_page_does(scene: Scene, tmp_path: Path) -> None:
    scene.signal("over", **ESCALATE)
    scene.step()
    alert = scene.alert().id
    app = typer.Typer()
    command.register(app)
    at = ["--as", "ada", "--data", str(tmp_path)]

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["alerts", *arguments], env=at_store(tmp_path / "store.db"))
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        return result.stdout

    assert f"{alert} is snoozed until " in run("snooze", alert, "--minutes", "30", *at)
    assert "snoozed by ada until " in run("list", "--data", str(tmp_path))
    assert f"{alert} is SEV1, firing" in run("severity", alert, "1", "--reason", "children", *at)
    assert f"{alert} is escalated" in run("escalate", alert, "pr", "--reason", "three burns", *at)
    assert "the note is on record" in run("note", alert, "the shop was called", *at)
    result = CliRunner().invoke(app, ["alerts", "resolve", alert, *at], env=at_store(tmp_path / "store.db"))
    assert isinstance(result.exception, Conflict), "an escalation is open with PR"
    with scene.write() as conn:
        (made,) = of_alert(conn, alert)
        escalation_actions.withdraw(scene.turn(conn, ADA), made.id, "handled")
    assert f"{alert} is dismissed" in run("dismiss", alert, "handled", "--note", "recalled", *at)
    assert f"{alert} is resolved" in run("resolve", alert, "--verdict", "real", "--reason", "recalled", *at)
    assert f"{alert} is firing" in run("reopen", alert, "--reason", "it goes on", *at)
    shown = run("show", alert, "--data", str(tmp_path))
    for line in (
        "ada snoozed",
        "ada severity raised: children",
        "ada escalated: three burns",
        "ada reopened",
    ):
        assert f"Z {line}" in shown, line


def test_a_person_does_on_the_command_line_what_their_role_may_do(scene: Scene, tmp_path: Path) -> None:
    scene.signal("over", **ESCALATE)
    scene.step()
    alert = scene.alert().id
    for one in (("vic", Role.VIEWER, True), ("lea", Role.LEGAL, True), ("gone", Role.ADMIN, False)):
        scene.define(Person(name=one[0], role=one[1], active=one[2]))
    app = typer.Typer()
    command.register(app)

    def run(*arguments: str) -> Result:
        typed = ["alerts", *arguments, "--data", str(tmp_path)]
        return CliRunner().invoke(app, typed, env=at_store(tmp_path / "store.db"))

    refused = run("ack", alert, "--as", "vic").exception
    assert isinstance(refused, NotAllowed)
    assert (
        str(refused) == "vic: the role viewer may not do this; who may: admin, community_manager, legal, pr"
    )
    assert isinstance(run("dismiss", alert, "noise", "--as", "lea").exception, NotAllowed)
    assert "gone is not active" in str(run("ack", alert, "--as", "gone").exception)
    assert scene.alert().status == "firing"
    assert run("ack", alert, "--as", "lea").exit_code == 0


def test_what_is_usual_is_not_made_up_while_it_is_not_known(scene: Scene, tmp_path: Path) -> None:
    scene.signal("over", learning=True, **ESCALATE)
    scene.step()
    app = typer.Typer()
    command.register(app)
    asked = ["alerts", "show", scene.alert().id, "--data", str(tmp_path)]
    shown = CliRunner().invoke(app, asked, env=at_store(tmp_path / "store.db")).stdout
    assert ": 50 mentions, what is usual is not known yet; why: " in shown and "10 expected" not in shown


def test_a_test_page_from_the_command_line_says_how_it_ended(tmp_path: Path) -> None:
    from tocsin.definitions.models import Channel, Person

    channels = (Channel(kind="console"), Channel(kind="carrier-pigeon"))
    Scene(tmp_path, people=(Person(name="ada", channels=channels),)).store.close()
    app = typer.Typer()
    command.register(app)
    env = at_store(tmp_path / "store.db")
    result = CliRunner().invoke(app, ["notify", "test", "ada", "--data", str(tmp_path)], env=env)
    assert result.exit_code == 1
    assert "console: sent (printed)" in result.stdout
    assert "carrier-pigeon: failed (there is no notifier 'carrier-pigeon' here)" in result.stdout


def test_the_real_clock_is_only_in_the_edges() -> None:
    for path in Path("alerts").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "datetime.now(" not in text and "time.time(" not in text, path
    assert SystemClock().now().tzinfo is not None


def test_a_channel_whose_secret_is_not_where_the_notices_leave_from_is_said_in_health(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = {"kind": "webhook", "url": "https://ring.example/ada", "secret": "env:NOT_SET_HERE"}
    scene.define(Person(name="zoe", role=Role.ADMIN, channels=(Channel.model_validate(target),)))
    worker = AlertsWorker(scene.store, Settings(), scene.clock)

    def health() -> tuple[str, str]:
        worker.work()
        with scene.store.read() as conn:
            row = conn.execute(select(s.health).where(s.health.c.component == "alerts")).one()
        return row.state, row.detail["reason"]

    state, reason = health()
    assert (state, reason.startswith("zoe cannot be reached by webhook: ")) == ("degraded", True)
    monkeypatch.setenv("NOT_SET_HERE", "whsec_" + "bWFkZSB1cCBmb3IgdGVzdHMgb25seQ==")
    scene.clock.advance(timedelta(minutes=1))
    assert health() == ("ok", "as expected")


@pytest.mark.parametrize(
    ("pragma", "away", "well"),
    [("query_only", 1, 0), ("max_page_count", 1, 1_073_741_823)],
    ids=["read-only", "full"],
)
def test_a_store_that_nobody_can_write_for_a_while_costs_no_page_and_doubles_none(
    scene: Scene, pragma: str, away: int, well: int
) -> None:
    """`query_only` and `max_page_count` give SQLite's own errors of a read-only file system and a full disk."""
    holds = well

    # The embedded store has an engine for its readers and one for its writers.
    @event.listens_for(scene.store._engine, "checkout")  # type: ignore[attr-defined]
    @event.listens_for(scene.store._writer, "checkout")  # type: ignore[attr-defined]
    def checkout(dbapi: sqlite3.Connection, _record: object, _proxy: object) -> None:
        dbapi.execute(f"PRAGMA {pragma}={holds}")

    phone = Phone(kind="email")
    worker = AlertsWorker(scene.store, Settings(), scene.clock, {"email": phone})
    loop = WorkerLoop("test")

    def a_minute() -> None:
        for _ in range(6):
            scene.clock.advance(timedelta(seconds=10))
            loop.round(lambda: float(worker.work()))
            loop.round(lambda: float(worker.deliver(("email",))))

    scene.signal("over", **ESCALATE)
    loop.round(lambda: float(worker.work()))  # decided, not delivered
    scene.signal("over", "negativity", **ESCALATE)
    holds = away
    if pragma == "max_page_count":
        with pytest.raises(StoreUnavailable), scene.store.write() as conn:
            scene.store.put(conn, s.meta, [{"key": f"x{n}", "value": "x" * 20_000} for n in range(20)])
    a_minute()
    sent = list(phone.got)
    assert pragma == "max_page_count" or sent == []
    holds = well
    a_minute()
    assert [one.status for one in scene.alerts()] == ["firing", "merged"]
    assert {notice.alert_id for notice in phone.got} == {scene.alerts()[0].id}
    assert len({notice.id for notice in phone.got}) == len(phone.got)
    assert loop.trouble is None
