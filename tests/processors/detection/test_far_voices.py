"""Somebody who is heard far: from the post to the signal, and the state that is rebuilt from the readings."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts.severity import severity
from processors.detection.rebuilding import learn_again
from processors.detection.states import fresh
from tests.processors.detection.conftest import START
from tests.processors.detection.judging import judged_until
from tests.processors.detection.test_judge import keep
from tocsin.core.mention import Author, Mention
from tocsin.core.signal import VoiceAgainst, evidence_from, facts_from
from tocsin.store import schema as s
from tocsin.store.port import Store

NOON = START + timedelta(hours=36)
END = NOON + timedelta(minutes=30)


def talk() -> list[Mention]:
    """A post every two hours by people who are heard nowhere; then praise and, later, a complaint by people with followers."""
    posts = [(START + timedelta(hours=2 * n), "brightwater again", 10) for n in range(18)]
    posts += [
        (NOON + timedelta(minutes=1), "brightwater is wonderful, I love it", 2_000_000),
        (NOON + timedelta(minutes=12), "brightwater is awful, horrible and disgusting", 900_000),
    ]
    return [
        Mention(
            source="x",
            id=str(n),
            text=f"{text} {n}",
            created_at=at,
            lang="en",
            author=Author(id=f"a{n}", followers=followers),
        )
        for n, (at, text, followers) in enumerate(posts)
    ]


@pytest.mark.slow("judges days of windows")
def test_the_complaint_of_one_who_is_heard_far_is_a_watch_that_names_the_post(store: Store) -> None:
    keep(store, talk())
    with store.write() as conn:
        detection = judged_until(conn, END)
        detection.flush(conn, store, END)
        found = conn.execute(select(s.signals).where(s.signals.c.state == "over")).all()
        [signal] = [one for one in found if one.kind == "reach"]
        facts, evidence = facts_from(signal.facts), evidence_from(signal.evidence)
        assert {one.kind for one in found} == {"reach"}
        assert (evidence.top[0].reach, evidence.count) == (900_000, 1)
        assert evidence.against == VoiceAgainst("x", "19", 900_000)
        assert severity(facts).severity == 4
        [one] = detection.monitors
        again = fresh(one.defined)
        learn_again(conn, again, START, END)
    assert again.standings[2].state == one.standings[2].state
