"""A silence or an expected event is announced: when it begins, is given another end, and is over; each once, and quietly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from alerts.announcements import Edge, Holding, edge_of, is_late, next_at
from alerts.directory import Someone, key_of
from alerts.engine import step
from alerts.outbox.deliver import deliver_due
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import POLICY, START, Scene
from tocsin.definitions.models import ExpectedEvent, Person, Role, Silence
from tocsin.definitions.repository import delete, find, save
from tocsin.store import schema as s

HOUR = timedelta(hours=1)
PEOPLE = (
    Person(name="ada", role=Role.COMMUNITY_MANAGER, email="ada@example.org", language="tr"),
    Person(
        name="ben",
        role=Role.COMMUNITY_MANAGER,
        email="ben@example.org",
        timezone="Europe/Amsterdam",
        quiet_hours=("11:00", "13:30"),
    ),
    Person(name="cas", role=Role.VIEWER, email="cas@example.org"),
)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Ada and Ben are on call, in Ben's quiet hours; all three have proven their address."""
    made = Scene(tmp_path, people=PEOPLE, policy=POLICY.model_copy(update={"teams": {}}))
    with made.write() as conn:
        for name in ("ada", "ben", "cas"):
            _prove(conn, Someone(find(conn, Person, name).id, find(conn, Person, name).value))
    return made


def _prove(conn: Any, one: Someone) -> None:
    proof = {"person_id": one.id, "channel": key_of(one, one.channels[0]), "code_hash": "", "tries": 0}
    conn.execute(insert(s.contact_proofs), {**proof, "sent_at": START, "proven_at": START})


def define(scene: Scene, value: Silence | ExpectedEvent, by: str = "cas") -> str:
    with scene.write() as conn:
        return save(conn, value, now=scene.now, actor=by).id


def a_silence(start: datetime = START + HOUR, end: datetime = START + 2 * HOUR, **more: Any) -> Silence:
    return Silence(
        **{"name": "move", "monitor": "Lumo", "starts_at": start, "ends_at": end, "reason": "we move"} | more
    )


def told(scene: Scene) -> list[tuple[str, str, str]]:
    return [(one.person, one.subject, one.status) for one in scene.notices() if one.kind == "announced"]


@pytest.mark.slow("four languages, from the begin of a silence to its end")
def test_a_silence_is_announced_when_it_begins_and_when_it_is_over_once_in_each_language(
    scene: Scene,
) -> None:
    define(scene, a_silence())
    scene.wait(minutes=59)
    assert told(scene) == []
    scene.wait(minutes=31)
    assert told(scene) == [
        ("ada", "Susturma başladı: move", "queued"),
        ("ben", "Silence begins: move", "queued"),
        ("cas", "Silence begins: move", "queued"),
    ]
    first, quiet, maker = scene.notices()
    # 12:00 UTC is 13:00 in Amsterdam; quiet hours end at 13:30.
    assert (first.due_at, quiet.due_at) == (START + HOUR, START + 2.5 * HOUR)
    assert "For Lumo, until 12:00 Wed 05 Mar (UTC)." in maker.body["text"] and "we move" in maker.body["text"]
    assert "Made by cas." in maker.body["text"] and maker.body["text"].endswith("/silences\n")
    phone = Phone()
    deliver_due(scene.store, scene.clock, OneForAll(phone), "test")
    assert {one.person for one in phone.got} == {"ada", "cas"}
    scene.wait(minutes=45)
    # What waited for the end of quiet hours tells the newest only.
    assert ("ben", "Silence begins: move", "cancelled") in told(scene)
    assert ("ben", "Silence is over: move", "queued") in told(scene) and len(told(scene)) == 6
    scene.wait(hours=26)
    assert len(told(scene)) == 6


def test_another_end_and_an_end_before_its_time_are_told_and_the_reason_is_not_news(scene: Scene) -> None:
    id = define(scene, a_silence(START))
    scene.step()
    define(scene, a_silence(START, reason="we move house"))
    scene.step()
    assert len(told(scene)) == 3
    define(scene, a_silence(START, START + timedelta(days=400)))
    scene.step()
    assert ("cas", "Silence now lasts until 10:00 Thu 08 Apr 2032: move", "queued") in told(scene)
    with scene.write() as conn:
        delete(conn, Silence, id, now=scene.now, actor="ada")
    scene.step()
    assert ("cas", "Silence is over: move", "queued") in told(scene)


def test_an_event_of_all_monitors_is_told_and_who_has_proven_no_channel_is_not(scene: Scene) -> None:
    with scene.write() as conn:
        ada = find(conn, Person, "ada").id
        p = s.contact_proofs
        conn.execute(update(p).where(p.c.person_id == ada).values(proven_at=None))
    define(scene, ExpectedEvent(name="launch", starts_at=START, ends_at=START + HOUR), by="key robot")
    scene.step()
    assert told(scene) == [("ben", "Expected event begins: launch", "queued")]


def test_what_is_long_past_rings_nobody_and_a_stored_year_9999_stops_nothing(scene: Scene) -> None:
    define(scene, a_silence(START - timedelta(days=9), START - timedelta(days=8)))
    scene.step()
    assert told(scene) == []
    id = define(scene, a_silence(name="for ever"))
    d = s.definitions
    with scene.write() as conn:
        body = find(conn, Silence, id).value.model_dump(mode="json")
        body |= {"starts_at": "0001-01-01T00:00:00+14:00", "ends_at": "9999-12-31T23:59:59-01:00"}
        conn.execute(update(d).where(d.c.id == id).values(definition=body))
    scene.wait(minutes=2)
    scene.step()
    assert [subject for _, subject, _ in told(scene)] == ["Susturma başladı: for ever"] + 2 * [
        "Silence begins: for ever"
    ]
    assert "2200" in scene.notices()[-1].body["text"]
    with scene.store.read() as conn:
        following = next_at(conn)
    assert following is not None and following > scene.now


def test_a_second_engine_tells_nothing_twice_and_an_undone_turn_is_told_again(scene: Scene) -> None:
    define(scene, a_silence(START))

    class Killed(Exception):
        pass

    with pytest.raises(Killed), scene.write() as conn:
        step(scene.turn(conn))
        raise Killed
    assert told(scene) == []
    scene.step()
    scene.step()
    assert len(told(scene)) == 3


ONE = Holding("silence", "s1", "move", None, START, START + HOUR, START - HOUR)
LATER = replace(ONE, until=START + 2 * HOUR)


@pytest.mark.parametrize(
    ("told", "holds", "edge"),
    [
        (None, None, None),
        (None, ONE, "begins"),
        (ONE, ONE, None),
        (ONE, LATER, "changed"),
        (ONE, None, "over"),
    ],
)
def test_what_is_announced_follows_from_what_was_told_and_what_holds(
    told: Holding | None, holds: Holding | None, edge: Edge | None
) -> None:
    assert edge_of(told, holds) == edge


def test_only_what_was_noticed_within_a_day_is_announced() -> None:
    assert not is_late("begins", ONE, START + timedelta(hours=23))
    assert is_late("begins", ONE, START + timedelta(hours=25))
    assert is_late("over", ONE, START + timedelta(hours=26))
    assert not is_late("over", ONE, START), "it was ended before its time"
    assert not is_late("over", ONE, datetime(2031, 3, 6, 10, tzinfo=UTC))
