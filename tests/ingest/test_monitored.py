"""The queries of the monitors, for sources that must name to their network what they want to hear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.monitored import MonitoredQueries, hashtags_of
from tests.ingest.house import House
from tests.stores import embedded_at
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import delete, save
from tocsin.store import schema as s

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_queries_are_those_of_the_enabled_monitors_at_the_last_refresh(tmp_path: Path) -> None:
    store, queries = embedded_at(tmp_path / "store.db"), MonitoredQueries()
    with store.write() as conn:
        save(conn, Monitor(name="a", query="tocsin #Ketel"), now=NOON, actor="test")
        save(conn, Monitor(name="b", query="#off", enabled=False), now=NOON, actor="test")
        queries.refresh(conn)
        assert queries() == ("tocsin #Ketel",)
        save(conn, Monitor(name="c", query="#later"), now=NOON, actor="test")
        assert queries() == ("tocsin #Ketel",)
        queries.refresh(conn)
        assert queries() == ("tocsin #Ketel", "#later")
        delete(conn, Monitor, "a", now=NOON, actor="test")
        queries.refresh(conn)
        assert queries() == ("#later",)
    store.close()


def test_a_hashtag_is_asked_for_in_one_spelling_and_never_where_it_is_ruled_out() -> None:
    queries = ["(tocsin OR #Ketel) AND NOT #spam", "#ketel", "((", "#Isıtıcı", "#half*"]
    assert hashtags_of(queries) == ["Isıtıcı", "Ketel"]


def test_the_worker_tells_its_sources(house: House) -> None:
    house.define(
        "fedi", "mastodon", instances=["http://127.0.0.1:1"], public=False, hashtags_of_monitors=True
    )
    worker = house.worker()
    worker.collect_once()
    assert "no monitor's query names a hashtag" in house.row(s.source_state, name="fedi").last_error
    with house.store.write() as conn:
        save(conn, Monitor(name="a", query="#Ketel"), now=NOON, actor="test")
    house.clock.advance(timedelta(minutes=1))
    worker.collect_once()
    assert "127.0.0.1:1 cannot be fetched" in house.row(s.source_state, name="fedi").last_error
    worker.close()
