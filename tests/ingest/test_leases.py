"""Several ingest workers on one store: one worker at a time reads a source, and another takes it when that one ends or dies."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from ingest.leases import LEASE, LOOK_EVERY, Leases
from tests.ingest.house import NOON, House, Site, line
from tocsin.store import schema as s

SOON = LOOK_EVERY + timedelta(milliseconds=1)


@pytest.mark.live
def test_a_source_is_fetched_by_one_of_two_workers(house: House, site: Site) -> None:
    site.body = b'<rss version="2.0"><channel><title>Keukens</title></channel></rss>'
    house.define("a-feed", "feed", url=site.url, interval_s=10)
    one, two = house.worker(owner="one"), house.worker(owner="two")
    for _ in range(6):
        one.collect_once()
        two.collect_once()
        house.clock.advance(timedelta(seconds=9))
    # At 0, 18 and 36 seconds (the feed's interval is ten), never twice.
    assert len(site.requests) == 3
    assert house.row(s.leases, name="source:a-feed").owner == "one"


def test_a_dead_workers_source_passes_on_when_its_lease_has_run_out_and_goes_on_at_its_cursor(
    house: House,
) -> None:
    path = house.folder / "a.jsonl"
    path.write_bytes(line(1))
    house.define("forum", "file", path=str(path))
    one, two = house.worker(owner="one"), house.worker(owner="two")
    assert (one.collect_once(), two.collect_once()) == (1, 0)
    path.write_bytes(line(1) + line(2))
    house.clock.advance(LEASE - timedelta(seconds=1))
    assert two.collect_once() == 0
    house.clock.advance(SOON)
    assert two.collect_once() == 1
    assert house.ids() == ["1", "2"]


def test_a_worker_that_ends_gives_its_sources_back(house: House) -> None:
    house.define("forum", "file", path=str(house.folder / "a.jsonl"))
    one, two = Leases(house.store, "one"), Leases(house.store, "two")
    assert one.look({"forum"}, NOON) == {"forum"}
    assert two.look({"forum"}, NOON) == frozenset()
    one.release()
    assert two.look({"forum"}, NOON + SOON) == {"forum"}
    assert two.holds("forum", NOON + SOON)


def test_a_worker_that_slept_through_its_lease_moves_no_cursor(house: House) -> None:
    path = house.folder / "a.jsonl"
    path.write_bytes(line(1))
    house.define("forum", "file", path=str(path))
    sleeper = house.worker(owner="sleeper")
    handing = house.worker(owner="other")

    class Sleeps:
        """A hand-over that takes so long that the lease runs out and another worker reads on."""

        def hand_over(self, mentions: object, now: object = None) -> None:
            path.write_bytes(line(1) + line(2))
            house.clock.advance(LEASE + SOON)
            assert handing.collect_once() == 2

    asleep = house.worker(owner="sleeper-2", hand_over=Sleeps())
    assert asleep.collect_once() == 0
    assert house.row(s.source_state, name="forum").received == 2
    assert house.row(s.leases, name="source:forum").owner == "other"
    assert sleeper.collect_once() == 0
    assert asleep.collect_once() == 0


@pytest.mark.live
def test_a_process_of_this_machine_that_is_gone_need_not_be_waited_for(house: House) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine = Leases(house.store)
    assert mine.look({"forum", "shop"}, NOON) == {"forum", "shop"}
    owner = house.row(s.leases, name="source:forum").owner
    of_the_dead = owner.replace(f"|{os.getpid()}|", f"|{ended.pid}|")
    with house.store.write() as conn:
        conn.execute(update(s.leases).where(s.leases.c.name == "source:forum").values(owner=of_the_dead))
        elsewhere = of_the_dead.replace("|", "x|", 1)
        conn.execute(update(s.leases).where(s.leases.c.name == "source:shop").values(owner=elsewhere))
    assert mine.look({"forum", "shop"}, NOON + SOON) == {"forum"}
    assert mine.holds("forum", NOON + SOON)
    # The owner is on another machine, so nothing is known of it.
    assert not mine.holds("shop", NOON + SOON)


def test_what_is_no_longer_wanted_is_given_back(house: House) -> None:
    one, two = Leases(house.store, "one"), Leases(house.store, "two")
    one.look({"forum", "shop"}, NOON)
    one.look({"forum"}, NOON + SOON)
    assert two.look({"forum", "shop"}, NOON + SOON) == {"shop"}


def test_a_worker_that_stands_by_says_nothing_of_sources_that_others_read(house: House, site: Site) -> None:
    site.status = 500
    house.define("a-feed", "feed", url=site.url)
    one, two = house.worker(owner="one"), house.worker(owner="two")
    one.collect_once()
    two.collect_once()
    assert house.row(s.health, component="source:a-feed").state == "degraded"
    assert house.row(s.health, component="ingest").detail["troubled"] == ["a-feed"]


def test_a_lease_by_a_clock_that_was_ahead_passes_on_when_nobody_renews_it(house: House) -> None:
    seconds = 0.0
    ahead = NOON + timedelta(hours=2)
    assert Leases(house.store, "dead").look({"forum"}, ahead) == {"forum"}
    living = Leases(house.store, "living", elapsed=lambda: seconds)
    assert living.look({"forum"}, NOON) == frozenset()
    seconds = LEASE.total_seconds() - 1
    assert living.look({"forum"}, NOON + SOON) == frozenset()
    seconds += 2
    assert living.look({"forum"}, NOON + 2 * SOON) == {"forum"}
    assert living.holds("forum", NOON + 2 * SOON)


def test_a_worker_that_lives_keeps_its_lease_whatever_the_clocks_say(house: House) -> None:
    seconds = 0.0
    one, two = Leases(house.store, "one"), Leases(house.store, "two", elapsed=lambda: seconds)
    one.look({"forum"}, NOON + timedelta(hours=2))
    # A clock that was two hours ahead was set back.
    for turn in range(1, 9):
        now = NOON + turn * timedelta(seconds=10)
        seconds += 10
        one.look({"forum"}, now)
        assert one.holds("forum", now)
        assert two.look({"forum"}, now) == frozenset()


def test_a_source_keeps_no_appointment_of_a_clock_that_was_set_back(house: House) -> None:
    path = house.folder / "a.jsonl"
    path.write_bytes(line(1))
    house.define("forum", "file", path=str(path))
    ahead = NOON + timedelta(hours=1)
    house.worker(owner="before").collect_once(ahead)
    with house.store.write() as conn:
        conn.execute(
            update(s.source_state).values(next_fetch_at=ahead + timedelta(hours=1), last_success_at=ahead)
        )
        conn.execute(delete(s.leases))
    path.write_bytes(line(1) + line(2))
    assert house.worker(owner="after").collect_once(NOON) == 1
