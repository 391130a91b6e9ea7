"""The log may be lost, the work may not."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import func, select

from ops.runtime import open_runtime
from tests.story.live import Tocsin, a_tocsin, until
from tocsin.core.errors import StoreUnavailable
from tocsin.core.loop import WorkerLoop
from tocsin.logs import set_up
from tocsin.store import schema as s

FULL = Path("/dev/full")


class NoRoom(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, f"no room for {len(text)} characters")


@pytest.fixture
def full_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = structlog.get_config()
    monkeypatch.setattr(sys, "stderr", NoRoom())
    set_up("info")
    yield
    structlog.configure(**before)


def test_a_worker_whose_log_finds_no_room_goes_on(full_log: None) -> None:
    def away() -> float:
        raise StoreUnavailable("away")

    def broken() -> float:
        raise KeyError("monitor")

    loop = WorkerLoop("made-up")
    assert [loop.round(one) for one in (away, broken, lambda: 0.25)] == [1.0, 1.0, 0.25]


@pytest.mark.live
@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_tocsin_up_works_where_its_log_finds_no_room(tmp_path: Path) -> None:
    """It ended at its first line, and each process of it at the next; then with 1, and the link that nobody saw stayed."""
    with a_tocsin(tmp_path) as tocsin:
        (tmp_path / "log-0.txt").symlink_to(FULL)
        running = tocsin.start("up")
        until(lambda: tocsin.get("/readyz") or running.process.poll() is not None, "tocsin up to answer")
        assert running.process.poll() is None
        door = tocsin.key()
        until(lambda: len(door.get("/v1/status")["parts"]) > 5, "every part to speak")
        until(lambda: not links(tocsin), "the link that could not be printed to be taken back")
        assert running.end() == 0


def links(tocsin: Tocsin) -> int:
    with open_runtime(data=tocsin.data) as runtime, runtime.store.read() as conn:
        return conn.execute(select(func.count()).select_from(s.signin_links)).scalar_one()
