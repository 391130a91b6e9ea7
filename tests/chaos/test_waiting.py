"""A process that starts before its engines waits for them. A process that they refuse says so and ends."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ops.run.roles import ROLES, retry_until_there
from ops.runtime import open_runtime
from tests.chaos.running import Engines, a_house
from tests.engines.postgres import Postgres
from tests.story.live import until
from tocsin.core.errors import StoreRefused, StoreUnavailable, TocsinError


@pytest.mark.engines
def test_what_starts_before_its_engines_waits_for_them_and_says_so_once(
    tmp_path: Path, engines: Engines
) -> None:
    with a_house(tmp_path, engines, {"all": ROLES}) as house:
        seat = house.seats["all"]
        house.postgres.kill()
        house.kafka.brokers[0].kill()
        house.tend()
        process = seat.process
        up = seat.tocsin.start("up")
        assert process is not None
        until(lambda: "waiting: the store" in process.said(), "the store to be waited for")
        until(lambda: "waiting: the store" in up.said(), "tocsin up to do so, too")
        up.end()
        house.postgres.start()
        until(lambda: waits("processors", process.said()), "the brokers to be waited for")
        house.kafka.brokers[0].start()
        until(lambda: sum(house.owners().values()) == 8, "processors to be at work", within=90, every=0.5)
        (door,) = house.door(seat)
        until(lambda: door.ask("GET", "/readyz").status_code == 200, "the door to be ready")
        assert process.said().count("waiting: ") == process.said().count("going on after ") == 1
        assert process.end(signal.SIGTERM) == 0


def waits(worker: str, said: str) -> bool:
    """Whether the log says that this worker waits."""
    return any("a worker waits" in line and worker in line for line in said.splitlines())


def test_a_server_that_refuses_us_is_not_waited_for(postgres: Postgres, tmp_path: Path) -> None:
    url, said = postgres.database(), list[str]()
    user, _, place = url.rpartition("@")
    for wrong in (f"{user}x@{place}", f"{url}_not_there", f"postgresql://tocsin@{place}"):
        with (
            pytest.raises(StoreRefused, match=r"store\.password|make the database"),
            open_runtime(data=tmp_path, store=wrong, retry=retry_until_there(said.append)),
        ):
            pass
    assert said == []


def test_waiting_ends_with_the_process_that_started_it_and_an_embedded_store_is_not_waited_for(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    # Not the process that started this one.
    retry = retry_until_there(said.append, parent=1)
    away = "postgresql://tocsin@127.0.0.1:1/d"
    with pytest.raises(TocsinError, match="is gone"), open_runtime(data=tmp_path, store=away, retry=retry):
        pass
    assert len(said) == 1 and "d at 127.0.0.1:1" in said[0]
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreUnavailable),
        open_runtime(data=tmp_path / "file", store="sqlite", retry=retry),
    ):
        pass
    assert len(said) == 1
