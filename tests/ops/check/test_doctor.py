"""The doctor's checks of a store that has a server."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from ops.check.doctor import observations
from tests.engines.postgres import Postgres


def test_the_server_and_its_role_are_looked_at_and_no_password_is_shown(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.database()
    seen = list(observations(None, tmp_path, url, "sqlite"))
    said = "\n".join(f"{one.mark}{one.text}" for one in seen)
    assert f"ok  store postgresql://tocsin@127.0.0.1:{postgres.port}/" in said
    assert "ok  the store's server is PostgreSQL 1" in said
    assert "BAD the store's server does not wait for its disk" in said  # the tests' server has fsync = off
    assert "superuser" not in said and "clocks" not in said
    assert str(make_url(url).password) not in said


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


def test_a_stream_that_is_away_hides_nothing_else(tmp_path: Path) -> None:
    seen = list(observations(None, tmp_path, "sqlite", "kafka://127.0.0.1:1"))
    bad = [one.text for one in seen if one.needs_a_person]
    assert any("127.0.0.1:1" in text for text in bad)
    assert any("no monitor" in text for text in bad)
