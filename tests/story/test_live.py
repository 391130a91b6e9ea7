"""A running Tocsin: a push shows within seconds, a crisis rings once, and whatever dies, nothing is lost or told twice.

The tests use real processes, real sockets and the wall clock. What a wall clock cannot prove byte for byte, the replays prove.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from ops.run.locks import STOP_WITHIN_S
from ops.runtime import open_runtime
from tests.alerts.peers import HttpPeer, http_peer
from tests.story import copies
from tests.story.live import LOOPBACK, Door, Tocsin, a_tocsin, alive, post, talk, until, with_a_past
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import save
from tocsin.intake.handover import HandOver
from tocsin.reading import read_json_line
from tocsin.store import schema as s
from tocsin.stream.port import MENTIONS

pytestmark = pytest.mark.live

SECRET = "whsec_" + "bWFkZSB1cCBmb3IgdGVzdHMgb25seQ=="
FAST = {"detection__tick_s": 1, "ingest__allowed_private_networks": LOOPBACK, "alerting__console": "false"}


def watching(hook: HttpPeer) -> dict[str, Any]:
    channel = {"kind": "webhook", "url": hook.url, "secret": "env:HOOK_SECRET"}
    return {
        "people": [{"name": "Elif", "role": "community_manager", "channels": [channel]}],
        "policies": [{"name": "default", "steps": [{"after_minutes": 0, "targets": ["person:Elif"]}]}],
        "monitors": [
            {"name": "Ondrello", "query": "ondrello"},
            {"name": "Trapuno", "query": "trapuno"},
            {"name": "Kvikkado", "query": "kvikkado OR #kvikkado"},
        ],
    }


# Mentions of each monitor before now.
PAST = 300


def crisis(word: str, count: int, seed: int) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    saying = "battery caught fire, I am furious, awful, dangerous"
    return talk(word, count, now - timedelta(seconds=20), now, seed=seed, saying=saying)


def notices_at(hook: HttpPeer, monitor: str) -> list[tuple[str, dict[str, Any]]]:
    """The notices about this monitor at the receiver, each signature checked: id and data."""
    checked = []
    for headers, body in list(hook.requests):
        found: Any = Webhook(SECRET).verify(body, headers)
        assert headers["webhook-id"] == found["data"]["notice_id"]
        if monitor in found["data"]["subject"]:
            checked.append((headers["webhook-id"], found["data"]))
    return checked


@pytest.fixture(scope="module")
def hook() -> Iterator[HttpPeer]:
    with http_peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, hook: HttpPeer) -> Iterator[tuple[Tocsin, Door]]:
    """People, monitors, a quiet morning of talk about two of them, and a key."""
    with a_tocsin(tmp_path_factory.mktemp("live"), **FAST) as tocsin:
        tocsin.environment["HOOK_SECRET"] = SECRET
        tocsin.apply(watching(hook))
        end = datetime.now(UTC) - timedelta(minutes=2)
        past = [
            *talk("ondrello", PAST, end - timedelta(hours=5), end, 1),
            *talk("trapuno", PAST, end - timedelta(hours=5), end, 1),
        ]
        with_a_past(tocsin, sorted(past, key=lambda one: str(one["created_at"])))
        yield tocsin, tocsin.key()


@pytest.fixture
def tocsin(prepared: tuple[Tocsin, Door]) -> Tocsin:
    prepared[0].running()
    return prepared[0]


@pytest.fixture
def door(prepared: tuple[Tocsin, Door]) -> Door:
    return prepared[1]


def test_what_is_pushed_is_matched_understood_and_tallied_within_seconds(tocsin: Tocsin, door: Door) -> None:
    answer = door.push(
        post("1", "My #kvikkado is great, I love it", author={"id": "a", "followers": 12}, network="forum"),
        post("2", "kvikkado broke again, terrible", network="news"),
        post("3", "nothing to do with any brand"),
    )
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (202, 3, [])
    stored = until(lambda: door.mentions(monitor="Kvikkado"), "the mentions to be stored", within=10)
    assert {id: one["sentiment"]["label"] for id, one in stored.items()} == {"1": "positive", "2": "negative"}
    assert door.tallied("Kvikkado") == 2
    batch = door.get(f"/v1/batches/{answer.json()['batch']}")
    assert (batch["state"], batch["matched"], batch["duplicates"]) == ("stored", 2, 0)


def test_a_crisis_rings_once_signed_and_an_acknowledgement_ends_it(
    tocsin: Tocsin, door: Door, hook: HttpPeer
) -> None:
    assert door.push(*crisis("ondrello", 120, seed=2)).status_code == 202
    (id, page) = until(lambda: notices_at(hook, "Ondrello"), "the page to arrive")[0]
    (alert,) = door.get("/v1/alerts", monitor="Ondrello", status="firing")["items"]
    assert alert["severity"] == 1
    assert (page["person"], page["alert_id"], page["repeat_of"]) == ("Elif", alert["id"], None)

    taken = door.ask("POST", f"/v1/alerts/{alert['id']}/acknowledge")
    assert (taken.status_code, taken.json()["status"]) == (200, "acknowledged")
    assert door.push(*crisis("ondrello", 40, seed=3)).status_code == 202
    until(lambda: door.tallied("Ondrello") == PAST + 160, "the story to go on")
    assert door.get(f"/v1/alerts/{alert['id']}")["next_step_at"] is None
    assert [one for one, _ in notices_at(hook, "Ondrello")] == [id]
    (kept,) = [one for one in tocsin.export("notices") if one["alert"] == alert["id"]]
    assert (kept["id"], kept["status"]) == (id, "sent")


def test_a_second_up_on_the_same_data_is_refused_in_one_line(tocsin: Tocsin, door: Door) -> None:
    said = tocsin.refused("up")
    assert f"another tocsin up (process {tocsin.running().process.pid})" in said
    # The first one goes on undisturbed.
    assert door.get("/v1/me")["role"] == "admin"


def test_a_port_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} on 127.0.0.1 is in use" in Tocsin(tmp_path, port=port).refused("up")


def test_whatever_is_killed_nothing_is_lost_counted_twice_or_said_twice(
    tocsin: Tocsin, door: Door, hook: HttpPeer
) -> None:
    running = tocsin.running()
    pushed: list[dict[str, Any]] = []

    def decided() -> set[str]:
        return {one["id"] for one in tocsin.export("notices") if "Trapuno" in one["subject"]}

    def push_some() -> None:
        items = crisis("trapuno", 25, seed=1000 + len(pushed))
        door.push_until_taken(items)
        pushed.extend(items)

    push_some()
    for roles, process in running.children().items():
        push_some()
        os.kill(process, signal.SIGKILL)
        push_some()
        until(lambda r=roles, p=process: running.children()[r] != p, f"{roles} to be started again")  # type: ignore[misc]  # mypy cannot infer defaults of a lambda
    push_some()
    until(lambda: door.tallied("Trapuno") >= PAST + len(pushed), "everything to be tallied")
    until(lambda: door.get("/v1/alerts", monitor="Trapuno", status="firing")["items"], "the alert")
    until(lambda: decided() <= {id for id, _ in notices_at(hook, "Trapuno")}, "every page to arrive")

    new = Counter(one["id"] for one in tocsin.export("mentions") if one["id"] in {p["id"] for p in pushed})
    assert new == Counter(one["id"] for one in pushed)
    tallied = sum(one["count"] for one in tocsin.export("tallies") if one["monitor"] == "Trapuno")
    assert tallied == PAST + len(pushed)
    # The receiver drops an id that it has already.
    ids = {id for id, _ in notices_at(hook, "Trapuno")}
    assert ids == decided()
    # One page for each alert.
    assert len({one["alert"] for one in tocsin.export("notices") if one["id"] in ids}) == len(ids)


def test_when_up_itself_is_killed_its_processes_end_the_next_goes_on_and_ctrl_c_ends_it(
    tocsin: Tocsin, door: Door
) -> None:
    first = tocsin.running()
    children = first.children().values()
    first.end(signal.SIGKILL)
    second = tocsin.up()
    assert alive(children) == []
    if Path("/proc/self/comm").exists():
        named = {roles.split(",")[0]: _name(process) for roles, process in second.children().items()}
        assert named == {role: f"tocsin {role}" for role in ("ingest", "alerts", "api", "auditor")}
    assert door.get("/v1/me")["role"] == "admin"
    processes = second.children().values()
    began = time.monotonic()
    assert second.end(signal.SIGINT) == 0
    assert time.monotonic() - began < STOP_WITHIN_S + 4
    assert alive(processes) == []
    assert "Traceback" not in first.said() + second.said()


def _name(process: int) -> str:
    """The name of a process in lists of processes."""
    return Path(f"/proc/{process}/comm").read_text().strip()


def test_two_processors_share_the_partitions_and_when_one_is_killed_the_other_goes_on(tmp_path: Path) -> None:
    with (
        a_tocsin(tmp_path) as tocsin,
        open_runtime(data=tocsin.data, store="sqlite", stream="sqlite") as runtime,
    ):
        with runtime.store.write() as conn:
            save(conn, Monitor(name="Kvikkado", query="kvikkado"), now=datetime.now(UTC), actor="test")
        hand_over = HandOver(runtime.stream, partitions=8, max_mentions=1, clock=runtime.clock)

        pushed: list[str] = []

        def push(count: int) -> None:
            now = datetime.now(UTC)
            ids = [str(len(pushed) + n) for n in range(count)]
            items = [json.dumps(post(id, "kvikkado", now)).encode() for id in ids]
            hand_over.hand_over([read_json_line(one, source="test") for one in items], now)
            pushed.extend(ids)

        def shared() -> bool:
            # A processor that lost a partition learns it with the next mention there.
            push(8)
            return sorted(owners().values()) == [4, 4]

        def owners() -> Counter[str]:
            o = s.offsets
            with runtime.store.read() as conn:
                return Counter(conn.execute(select(o.c.owner).where(o.c.topic == MENTIONS)).scalars())

        def stored() -> int:
            with runtime.store.read() as conn:
                return len(conn.execute(select(s.mentions.c.id)).all())

        push(100)
        workers = [tocsin.start("run", "processors") for _ in range(2)]
        until(shared, "two processes to share eight partitions")
        workers[0].end(signal.SIGKILL)
        push(100)
        until(lambda: stored() == len(pushed), "the one that is left to do it all")
        assert workers[1].end() == 0
        begun = json.loads(workers[1].said().splitlines()[0])
        assert (begun["event"], begun["roles"], begun["stream"]) == ("roles start", ["processors"], "sqlite")
        assert sorted(one["id"] for one in tocsin.export("mentions")) == sorted(pushed)
        assert sum(one["count"] for one in tocsin.export("tallies")) == len(pushed)


@pytest.mark.parametrize("arguments", [["--version"], ["replay"], ["match", "garden"]])
def test_a_copy_of_the_stock_ends_as_a_new_process_does(arguments: list[str]) -> None:
    environment = os.environ | {"NO_COLOR": "1", "TOCSIN_NONSENSE": "x"}
    given = b'{"id": "1", "text": "in the garden", "created_at": "2026-03-04T12:00:00Z"}\n'
    new = subprocess.run(
        [sys.executable, "-m", "tocsin", *arguments], input=given, env=environment, capture_output=True
    )
    copy = copies.run(arguments, environment=environment, input=given)
    assert (copy.returncode, copy.stdout, copy.stderr) == (new.returncode, new.stdout, new.stderr)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux has a stock")
def test_a_copy_of_the_stock_takes_signals_and_has_its_own_folder_and_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    reading, writing = os.pipe()
    with open(reading, "rb") as stdin, open(writing, "wb"):
        copy = copies.start(["match", "garden"], environment=os.environ, stdin=stdin)
        assert copy.poll() is None
        assert os.getsid(copy.pid) != os.getsid(0)
        assert Path(f"/proc/{copy.pid}/cwd").resolve() == tmp_path
        with pytest.raises(subprocess.TimeoutExpired):
            copy.wait(0.01)
        copy.kill()
        assert (copy.wait(10), copy.poll(), copy.returncode) == (-signal.SIGKILL,) * 3
