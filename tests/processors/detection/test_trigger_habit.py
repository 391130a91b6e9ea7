"""A trigger is held against what the monitor is used to, and people are counted as people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from processors.detection.evidence import look, triggers_speak
from processors.detection.trigger_habit import busiest_of_a_usual_day, people_who_said, unusual, usual_people
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import keep
from tocsin.core.mention import Author, Mention
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store.port import Store

TRIAL, DANGER = "brightwater faces a lawsuit again", "explosion at the brightwater plant"
NOW = START + timedelta(days=8, hours=12)


def said(
    text: str, at: datetime, people: int, source: str = "forum", *, named: bool = True
) -> Iterator[Mention]:
    for i in range(people):
        yield Mention(
            source=source,
            id=f"{source}-{at:%d%H}-{text[:3]}-{i}",
            text=f"{text} {i}",
            created_at=at - timedelta(minutes=2 * i + 1),
            lang="en",
            author=Author(id=f"person{i}") if named else None,
        )


def speaks(store: Store, *mentions: Mention) -> bool:
    keep(store, list(mentions))
    with store.read() as conn:
        return triggers_speak(conn, repository.find(conn, Monitor, "Brightwater").id, NOW)


@pytest.fixture
def trial(store: Store) -> Store:
    """A week in which three people a day, at noon, talk of a lawsuit."""
    days = [START + timedelta(days=day, hours=12) for day in range(8)]
    keep(store, [one for at in days for one in said(TRIAL, at, 3)])
    return store


def test_three_people_who_name_what_is_in_the_news_every_day_are_nothing_new(trial: Store) -> None:
    assert not speaks(trial, *said(TRIAL, NOW, 3))
    with trial.read() as conn:
        monitor = repository.find(conn, Monitor, "Brightwater").id
        people = people_who_said(conn, monitor, NOW)
        usual = usual_people(conn, monitor, NOW, people)
    assert (people, usual, unusual(people, usual)) == ({"regulator": 3}, {"regulator": 3}, {})


def test_more_than_twice_as_many_as_usual_speak(trial: Store) -> None:
    assert speaks(trial, *said(TRIAL, NOW, 7))


def test_another_trigger_is_not_hidden_by_the_usual_one(trial: Store) -> None:
    assert speaks(trial, *said(TRIAL, NOW, 3), *said(DANGER, NOW, 3))


def test_what_began_yesterday_is_not_usual_yet(store: Store) -> None:
    keep(store, list(said("brightwater is fine", START + timedelta(hours=1), 1)))
    assert speaks(store, *said(TRIAL, NOW - timedelta(hours=20), 9), *said(TRIAL, NOW, 3))


def test_items_without_an_author_are_one_voice_of_their_source(store: Store) -> None:
    assert not speaks(store, *said(DANGER, NOW, 3, named=False))
    assert not speaks(store, *said(DANGER, NOW, 1, "paper", named=False))
    assert speaks(store, *said(DANGER, NOW, 1, "radio", named=False))
    with store.read() as conn:
        monitor = repository.find(conn, Monitor, "Brightwater")
        seen = look(conn, monitor.id, monitor.value, NOW - timedelta(hours=1), NOW)
    assert (seen.count, seen.authors) == (5, 0), "nobody is named, so nobody is counted"


@pytest.mark.parametrize(
    ("hours", "days", "usual"),
    [
        ({}, 7, 0),
        ({5: 9}, 0, 0),
        ({5: 2, 6: 3}, 1, 3),
        # One loud day of seven is not usual.
        ({3: 40, 30: 1}, 7, 0),
        ({day * 24: 1 + day for day in range(7)}, 7, 4),
        # The median of an even number of days is the lower one.
        ({0: 2, 24: 6}, 2, 2),
        ({24 * 7: 50}, 7, 0),
    ],
)
def test_the_busiest_hour_of_a_usual_day(hours: dict[int, int], days: int, usual: int) -> None:
    assert busiest_of_a_usual_day(hours, days) == usual
