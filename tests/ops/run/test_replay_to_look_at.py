"""The page on a replay: it shows what the replay came to, at the replay's time, and nothing can be changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from ops.run.roles import run_roles
from ops.runtime import open_runtime
from tests.engines import free_port
from tests.inside import command
from tests.story.live import until
from tocsin.core.clock import SystemClock
from tocsin.core.errors import WrongInput
from tocsin.core.pulse import Pulse
from tocsin.store import meta

CHANGES = ("/v1/mentions", "/v1/sources", "/v1/monitors", "/v1/alerts/al_none/acknowledge")


def replayed(folder: Path, until: datetime) -> None:
    with open_runtime(data=folder) as runtime, runtime.store.write() as conn:
        meta.claim_mode(conn, "replay")
        meta.set_simulated_clock(conn, until)


@contextmanager
def looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`tocsin run api` on this folder; the page's address."""
    port, stop = free_port(), Pulse()
    monkeypatch.setenv("TOCSIN_API__PORT", str(port))
    with open_runtime(data=folder) as runtime:
        running = threading.Thread(target=run_roles, args=(runtime, ["api"], stop))
        running.start()
        address = f"http://127.0.0.1:{port}"
        try:
            until(lambda: httpx.get(f"{address}/healthz").is_success, "the page")
            yield address
        finally:
            stop.set()
            running.join(15)


@pytest.mark.slow("starts and ends a server")
@pytest.mark.parametrize("ahead", [timedelta(days=-200), timedelta(hours=10)])
def test_the_page_shows_a_replay_at_its_own_time_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    at = SystemClock().now() + ahead
    replayed(tmp_path, at)
    with looked_at(tmp_path, monkeypatch) as address:
        link = command(
            "signin", "--data", tmp_path, environment={"PATH": "", "TOCSIN_API__PORT": address[-5:]}
        )
        path = link.stdout.decode().strip()
        with httpx.Client(headers={"Origin": address}, follow_redirects=True) as reader:
            assert reader.get(path).is_success
            shown = reader.post(path)
            # Where no monitor is watched, the set-up comes first.
            assert (shown.status_code, shown.url.path) == (200, "/setup")
            assert "REPLAY" in shown.text and f'data-now="{at.isoformat()}"' in shown.text
            assert reader.get(f"{address}/alerts").is_success
        key = command("key", "create", "--role", "admin", "--name", "k", "--data", tmp_path)
        bearer = {"Authorization": f"Bearer {key.stdout.decode().strip()}"}
        for path in CHANGES:
            answer = httpx.post(address + path, json={}, headers=bearer)
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:tocsin:problem:only-read"), path
        assert httpx.get(f"{address}/v1/status", headers=bearer).json()["purpose"] == "replay"
    with open_runtime(data=tmp_path) as runtime, runtime.store.read() as conn:
        assert meta.get(conn, "mode") == "replay"


def test_no_other_role_runs_on_a_replay(tmp_path: Path) -> None:
    replayed(tmp_path, datetime(2026, 3, 4, tzinfo=UTC))
    for roles in (["alerts"], ["api", "alerts"], ["processors"]):
        with open_runtime(data=tmp_path) as runtime, pytest.raises(WrongInput, match="of a replay run"):
            run_roles(runtime, roles, Pulse())
