"""What many monitors were told is asked at once, and is the same as asked for one by one. Every test runs on both engines."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete

from processors.detection.copies import groups_in
from processors.detection.coverage import Coverage
from processors.detection.judge import Detection
from processors.detection.one_text import MOST_TEXTS, texts_told
from processors.detection.tallies import load_tallies
from processors.understand.stories import CopiedText
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import keep
from tests.processors.detection.test_one_text import asked, copies
from tests.stores import contents, on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.core.clock import HOUR, MINUTE, minute_of
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.store import schema as s
from tocsin.store.mentions import HISTORY
from tocsin.store.port import Store

END: Final = START + HOUR
MONITORS: Final = ["mon_a", "mon_b", "mon_c", "mon_silent"]


def match(monitor: str, id: str, **values: Any) -> dict[str, Any]:
    at = values.get("created_at", START)
    mention = {"source": "forum", "id": id, "created_at": at, "minute": minute_of(at), "partition": 0}
    counted = {"label": "neutral", "reach": 0, "signature": 7, "repost": False, "triggers": [], "gist": None}
    return {"monitor_id": monitor, **mention, **counted, "own": None, **values}


def write(store: Store, rows: list[dict[str, Any]]) -> None:
    with store.write() as conn:
        store.insert_new(conn, s.matches, rows)


def one_by_one(store: Store, monitor: str) -> Counter[CopiedText]:
    with store.read() as conn:
        groups = groups_in(conn, monitor, START, END, MOST_TEXTS)
    told = (one for one in groups if one.signature and not one.repost)
    return Counter(CopiedText(one.signature, one.gist, one.count) for one in told)


def test_the_answers_for_many_monitors_are_those_for_each(store: Store) -> None:
    dice, gists = random.Random(5), [None, b"", b"\x01\x02", b"\x03\x04"]
    times = [START - MINUTE, START, START + 30 * MINUTE, END - timedelta(microseconds=1), END]
    write(
        store,
        [
            match(
                dice.choice(MONITORS[:-1]),
                f"p{number}",
                created_at=dice.choice(times),
                partition=dice.choice([0, 3, HISTORY]),
                signature=dice.choice([0, 7, -8, 1 << 62]),
                gist=dice.choice(gists),
                repost=dice.random() < 0.3,
                own=dice.choice([None, False, True]),
            )
            for number in range(400)
        ],
    )
    with store.read() as conn:
        told = texts_told(conn, MONITORS, START, END)
    assert {one: Counter(texts) for one, texts in told.items()} == {
        one: one_by_one(store, one) for one in MONITORS
    }
    assert told["mon_a"] and told["mon_b"] and not told["mon_silent"]


def test_a_monitor_with_too_many_mentions_is_left_to_be_asked_for_alone(store: Store) -> None:
    write(store, [match("mon_a", f"p{number}", signature=number + 1) for number in range(MOST_TEXTS + 1)])
    write(store, [match("mon_b", "p")])
    with store.read() as conn:
        assert texts_told(conn, MONITORS[:2], START, END) == {"mon_b": [CopiedText(7, None, 1)]}


def test_no_more_mentions_are_read_than_there_is_room_for(store: Store) -> None:
    write(store, [match(monitor, f"p{number}") for monitor in MONITORS for number in range(4)])
    with store.read() as conn:
        assert texts_told(conn, MONITORS, START, END, 15) == {}
        assert texts_told(conn, MONITORS, START, END, 16).keys() == set(MONITORS)


JUDGED: Final = (s.readings, s.detector_state, s.signals)


def judged(store: Store, turns: Sequence[Sequence[Defined[Monitor]]]) -> tuple[dict[str, list[str]], int]:
    """The rows of two hours of these monitors, judged in these turns, and how often texts were asked for. Nothing stays."""
    questions = 0
    for turn in turns:
        with store.write() as conn, asked(conn) as statements:
            detection = Detection(turn)
            detection.load(conn)
            until, start = START + 2 * HOUR, detection.tallies_from(conn)
            if start is not None:
                tallies = load_tallies(conn, [one.id for one in turn], start, until)
                detection.tick(conn, tallies, until, until, until, Coverage())
            detection.flush(conn, store, until)
        questions += sum("gist" in one for one in statements)
    rows = {table.name: contents(store)[table.name] for table in JUDGED}
    with store.write() as conn:
        for table in JUDGED:
            conn.execute(delete(table))
    return rows, questions


def test_a_turn_of_many_monitors_asks_as_often_as_one_and_says_the_same_as_each_alone(store: Store) -> None:
    with store.write() as conn:
        for name, query in (("Waste", "waste AND river"), ("Share", "share"), ("Nobody", "lighthouse")):
            repository.save(conn, Monitor(name=name, query=query), now=START, actor="test")
    keep(store, copies(12))
    with store.read() as conn:
        monitors = repository.listed(conn, Monitor)
    together, asked_once = judged(store, [monitors])
    apart, asked_each = judged(store, [[one] for one in monitors])
    assert together == apart and len(together["detector_state"]) == 3 * 8
    assert asked_each == 3 * asked_once > 0
    assert any("'authors': 12" in reading for reading in together["readings"])
