"""The doctor's checks of a store that has a server."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ops.check.doctor import observations
from tests.engines.postgres import Postgres
from tests.stores import store_at
from tocsin.core.clock import SystemClock, iso
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import save
from tocsin.health.report import Reporter
from tocsin.store import schema as s
from tocsin.store.server import first_damage
from tocsin.store.sqlite.engine import SqliteStore


def test_the_server_and_its_role_are_looked_at_and_no_password_is_shown(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.database()
    seen = list(observations(None, tmp_path, url, "sqlite"))
    said = "\n".join(f"{one.mark}{one.text}" for one in seen)
    assert f"ok  store postgresql://tocsin@127.0.0.1:{postgres.port}/" in said
    assert "ok  the store's server is PostgreSQL 1" in said
    # The tests' server has fsync = off.
    assert "BAD the store's server does not wait for its disk" in said
    assert "superuser" not in said and "clocks" not in said
    assert str(make_url(url).password) not in said


def test_a_data_folder_that_is_not_there_yet_hides_nothing(postgres: Postgres, tmp_path: Path) -> None:
    """With the store on a server it is made at the first start. The doctor ended with a traceback."""
    seen = [one.text for one in observations(None, tmp_path / "later", postgres.database(), "sqlite")]
    assert any("stream sqlite" in text for text in seen)
    assert any("no monitor" in text for text in seen)


def test_a_superuser_is_too_much(postgres: Postgres, tmp_path: Path) -> None:
    postgres.database()
    with postgres.admin() as conn:
        conn.execute("CREATE ROLE mighty SUPERUSER LOGIN PASSWORD 'made-up'")
        conn.execute("CREATE DATABASE mighty OWNER mighty")
    url = f"postgresql://mighty:made-up@127.0.0.1:{postgres.port}/mighty"
    assert any(
        one.needs_a_person and "superuser" in one.text for one in observations(None, tmp_path, url, None)
    )


def test_a_server_that_is_away_is_one_line(tmp_path: Path) -> None:
    seen = list(observations(None, tmp_path, "postgresql://tocsin@127.0.0.1:1/d", "sqlite"))
    assert len(seen) == 1 and seen[0].needs_a_person and "d at 127.0.0.1:1" in seen[0].text


@pytest.mark.slow("many runs of a command")
def test_a_stream_that_is_away_hides_nothing_else(tmp_path: Path) -> None:
    seen = list(observations(None, tmp_path, "sqlite", "kafka://127.0.0.1:1"))
    bad = [one.text for one in seen if one.needs_a_person]
    assert any("127.0.0.1:1" in text for text in bad)
    assert any("no monitor" in text for text in bad)
    # Roles of such an installation run apart, so each is started by its own command.
    hints = {one.text: one.advice for one in seen}
    assert hints["detection has never run here"] == "start it with: tocsin run processors"
    assert hints["relay has never run here"] == "start it with: tocsin run alerts"


def test_a_part_is_said_to_have_spoken_and_not_to_run_since_it_may_have_died_a_moment_ago(
    tmp_path: Path,
) -> None:
    store = store_at(tmp_path / "store.db")
    with store.write() as conn:
        save(conn, SourceDef(name="shop", kind="push"), now=SystemClock().now(), actor="ada")
    Reporter(store, "ingest").say(SystemClock().now() - timedelta(seconds=40), "ok")
    store.close()
    said = [one.text for one in observations(None, tmp_path, None, None)]
    assert any(re.fullmatch(r"ingest spoke 4\d s ago", one) for one in said), said
    assert not any(one.endswith(" runs") for one in said)
    assert "sources that are switched on: 1" in said, "nobody asks a source that others push to"


def test_a_source_that_waits_is_named_with_the_time_of_its_next_try(tmp_path: Path) -> None:
    store = store_at(tmp_path / "store.db")
    now = SystemClock().now()
    due = iso(now + timedelta(hours=1))
    failing = {"state": "failing", "reason": "fails for 9 min: 429", "failures": 1}
    with store.write() as conn:
        rows = [
            {"component": f"source:{name}", "at": now, "state": level, "detail": detail}
            for name, level, detail in (
                ("late", "degraded", failing | {"next_fetch_at": due}),
                ("soon", "degraded", failing | {"next_fetch_at": iso(now)}),
                ("long", "blind", failing | {"next_fetch_at": iso(now)}),
                ("warns", "degraded", {"state": "ok", "reason": "half of it", "next_fetch_at": due}),
                ("new", "degraded", {"state": "never heard", "reason": "nothing has come yet"}),
                ("told", "degraded", {"reason": "by an older version"}),
            )
        ]
        store.put(conn, s.health, rows)
    store.close()
    said = {
        one.text: one.advice
        for one in observations(None, tmp_path, None, None)
        if one.text.startswith("source ")
    }
    assert said == {
        "source late is failing": f"fails for 9 min: 429; it is asked again at {due}",
        "source soon is failing": "fails for 9 min: 429",
        "source long is failing, BLIND": "fails for 9 min: 429",
        "source warns is heard, with a warning": "half of it",
        "source new was never heard": "nothing has come yet",
        "source told is degraded": "by an older version",
    }


def test_two_sources_that_read_the_same_are_named_since_their_posts_count_twice(tmp_path: Path) -> None:
    store = store_at(tmp_path / "store.db")
    with store.write() as conn:
        for name, kind, settings in (
            ("press", "feed", {"url": "https://news.example/rss", "lang": "nl"}),
            ("news", "feed", {"lang": "nl", "url": "https://news.example/rss", "interval_s": 60}),
            ("blog", "feed", {"url": "https://blog.example/rss"}),
            ("shop", "push", {}),
            ("till", "push", {}),
        ):
            made = SourceDef.model_validate({"name": name, "kind": kind, **settings})
            save(conn, made, now=SystemClock().now(), actor="ada")
    store.close()
    said = [one.text for one in observations(None, tmp_path, None, None) if "read the same" in one.text]
    assert said == ["sources news, press read the same: each of its posts is counted once for each of them"]


def test_a_damaged_file_is_found_before_its_page_is_read(tmp_path: Path) -> None:
    store = store_at(tmp_path / "store.db")
    with store.write() as conn:
        made = [{"key": f"k{n}", "value": "x" * 3000} for n in range(200)]
        store.put(conn, s.meta, made)
    with store.read() as conn:
        assert first_damage(conn, timedelta(seconds=9)) is None
    store.close()
    path = tmp_path / "store.db"
    whole = bytearray(path.read_bytes())
    for page in range(len(whole) // 4096 - 60, len(whole) // 4096 - 50):
        whole[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(whole)
    again = SqliteStore(path)
    with again.read() as conn:
        found = first_damage(conn, timedelta(seconds=9))
        assert found
        assert conn.exec_driver_sql("SELECT 1").scalar_one() == 1
    again.close()
