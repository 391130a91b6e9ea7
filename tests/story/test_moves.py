"""An embedded installation moves to a real Apache Kafka and PostgreSQL. The copy is verified, and nothing counts twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ops.runtime import Runtime, open_runtime
from ops.transfer.export import KINDS
from processors.detection.watermark import take_barrier, watermark
from processors.worker import StreamProcessor
from tests.alerts.scene import Scene
from tests.engines.kafka import Cluster
from tests.engines.postgres import Postgres
from tests.inside import inside
from tests.story.test_backup import ESCALATE, append, exports, process, running, tocsin
from tocsin.core.clock import MINUTE
from tocsin.core.errors import StoreUnavailable, WrongInput
from tocsin.store import meta, offsets
from tocsin.store import schema as s
from tocsin.stream.port import MENTIONS

READ, UNREAD = 40, 25


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder of a past run: an alert, mentions that were read, others that were not, and a barrier among the latter."""
    folder = tmp_path / "data"
    folder.mkdir()
    scene = Scene(folder)
    scene.over(**ESCALATE)
    scene.store.close()
    with running(folder) as runtime:
        with runtime.store.write() as conn:
            meta.claim_mode(conn, "live")
        append(runtime, 0, READ)
        process(runtime)
        append(runtime, READ, READ + UNREAD - 5)
        now = runtime.clock.now()
        with runtime.store.write() as conn:
            ends = runtime.stream.end_offsets(MENTIONS)
            take_barrier(conn, runtime.stream.cluster, MENTIONS, now, ends, now)
        append(runtime, READ + UNREAD - 5, READ + UNREAD)
    return folder


@pytest.fixture
def there(tmp_path: Path, kafka: Cluster, postgres: Postgres) -> Iterator[Path]:
    """A settings file that names the real engines, with topics of its own."""
    file = tmp_path / "new.toml"
    prefix = f"move-{time.time_ns()}-"
    file.write_text(
        f'[store]\nurl = "{postgres.database()}"\n[stream]\nurl = "{kafka.url}"\ntopic_prefix = "{prefix}"\n'
    )
    yield file


def moved_to(config: Path, folder: Path) -> Any:
    return open_runtime(config=config, data=folder)


def read_on(runtime: Runtime, ids: int) -> set[str]:
    """Let a processor read until it has stored so many mentions. Returns the stored ids."""
    worker = StreamProcessor(runtime.store, runtime.stream, runtime.settings, runtime.clock)
    stored: set[str] = set()
    deadline = time.monotonic() + 60
    while len(stored) < ids:
        assert time.monotonic() < deadline, f"only {len(stored)} were stored"
        worker.once(timedelta(milliseconds=200))
        with runtime.store.read() as conn:
            stored = set(conn.execute(select(s.mentions.c.id)).scalars())
    worker.close()
    return stored


def test_everything_arrives_and_what_was_not_read_yet_is_read_there_once(folder: Path, there: Path) -> None:
    with running(folder) as runtime:
        before = exports(runtime.store)
    done = tocsin("move", "--data", folder, "--config", there)
    said = done.stdout.decode()
    assert [kind for kind in KINDS if f"equal: {kind}, " in said] == list(KINDS)
    assert f"unread records of the stream copied: {UNREAD}" in said
    # The password is not in the output, with or without its user.
    assert b"tocsin:" not in done.stdout + done.stderr
    with moved_to(there, folder) as runtime:
        assert exports(runtime.store) == before
        cluster, now = runtime.stream.cluster, runtime.clock.now()
        with runtime.store.read() as conn:
            assert offsets.stored(conn, cluster, MENTIONS) == dict.fromkeys(range(8), 0)
            held_back = watermark(conn, cluster, MENTIONS, now, MINUTE, 60 * MINUTE)
        assert len(read_on(runtime, READ + UNREAD)) == READ + UNREAD
        with runtime.store.read() as conn:
            passed = watermark(conn, cluster, MENTIONS, now, MINUTE, 60 * MINUTE)
            assert conn.execute(select(s.gaps)).all() == []
        # The barrier among the unread mentions was kept, and passed.
        assert passed.closed_until > held_back.closed_until
        there_now = exports(runtime.store)
    inside("move", "--undo", "--data", folder)
    with running(folder) as runtime:
        process(runtime)
        here_now = exports(runtime.store)
    for kind in ("mentions", "tallies", "alerts", "notices"):
        assert there_now[kind] == here_now[kind], kind


def test_the_old_folder_says_where_everything_went_and_can_be_taken_back(
    folder: Path, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside("move", "--data", folder, "--config", there)
    for command in (("run", "auditor"), ("up",)):
        said = tocsin(*command, "--data", folder, status=2).stderr.decode()
        assert "has moved: to postgresql://127.0.0.1:" in said
        assert "kafka://" in said
    inside("doctor", "--data", folder)
    assert "has moved" in capsys.readouterr().out
    with pytest.raises(WrongInput, match="has moved"):
        inside("move", "--data", folder, "--config", there)
    inside("move", "--undo", "--data", folder)
    with pytest.raises(WrongInput, match="nothing to take back"):
        inside("move", "--undo", "--data", folder)
    with pytest.raises(WrongInput, match="is not empty"):
        inside("move", "--data", folder, "--config", there)


def test_killed_in_the_middle_it_is_begun_anew_and_ends_the_same(folder: Path, there: Path) -> None:
    with running(folder) as runtime:
        before = exports(runtime.store)
    command = [sys.executable, "-m", "tocsin", "move", "--data", str(folder), "--config", str(there)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"copied:")
    process.send_signal(signal.SIGKILL)
    process.wait()
    half = tocsin("run", "auditor", "--data", folder, "--config", there, status=2).stderr.decode()
    assert "half filled" in half
    assert b"has moved" not in half.encode()
    tocsin("move", "--data", folder, "--config", there)
    with moved_to(there, folder) as runtime:
        assert exports(runtime.store) == before
        assert len(read_on(runtime, READ + UNREAD)) == READ + UNREAD


def test_only_the_store_moves_where_the_stream_is_to_stay(folder: Path, postgres: Postgres) -> None:
    url = postgres.database()
    tocsin("move", "--data", folder, "--to-store", url)
    with running(folder, url) as runtime:
        assert len(read_on(runtime, READ + UNREAD)) == READ + UNREAD


def test_a_move_to_nowhere_or_from_nowhere_is_refused_in_one_line(
    folder: Path, tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.database()
    for args, kind, wrong in (
        (("--data", folder), WrongInput, "say where to"),
        (("--data", tmp_path / "empty", "--to-store", url), WrongInput, "no store in"),
        (("--data", folder, "--to-store", "mysql://x"), WrongInput, "unknown store"),
        (("--data", folder, "--to-store", url.replace(str(postgres.port), "1")), StoreUnavailable, ":1"),
    ):
        with pytest.raises(kind, match=f"^[^\n]*{wrong}[^\n]*$"):
            inside("move", *args)
    with running(folder) as runtime, runtime.store.write() as conn:
        # Nothing has changed in the old store.
        meta.claim_mode(conn, "live")
