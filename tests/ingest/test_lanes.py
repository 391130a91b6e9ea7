"""Several places of one source are read in turn: each to its own end, and a place that fails holds up no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ingest.lanes import FIRST_WAIT, LONGEST_WAIT, SOON, PlacesInTurn
from ingest.source import BudgetSpent, Cursor, Fetched, FetchFailed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Places:
    """Places that count their answers. `pages` says how many pages a place has, `faults` what it raises."""

    def __init__(self) -> None:
        self.pages: dict[str, int] = {}
        self.faults: dict[str, Callable[[], FetchFailed]] = {}
        self.warnings: dict[str, str] = {}
        self.waits: dict[str, timedelta] = {}
        self.asked: list[str] = []

    def read(self, key: str, cursor: Cursor | None, now: datetime) -> Fetched:
        self.asked.append(key)
        if key in self.faults:
            raise self.faults[key]()
        page = int(cursor["page"]) + 1 if cursor else 1
        more = page < self.pages.get(key, 1)
        return Fetched(
            cursor={"page": page}, more=more, warning=self.warnings.get(key), retry_after=self.waits.get(key)
        )


def rounds(lanes: PlacesInTurn, cursor: Cursor | None, now: datetime = NOON) -> Fetched:
    """One whole round; the last answer."""
    while True:
        fetched = lanes.fetch(cursor, now)
        cursor = json.loads(json.dumps(fetched.cursor))
        if not fetched.more:
            return fetched


def test_every_place_is_read_in_turn_to_its_end() -> None:
    places = Places()
    places.pages = {"a": 3, "b": 1}
    fetched = rounds(PlacesInTurn(["a", "b"], places.read), None)
    assert places.asked == ["a", "b", "a", "a"]
    assert fetched.cursor == {"lanes": {"a": {"page": 3}, "b": {"page": 1}}}
    assert fetched.warning is None


def test_a_place_that_fails_waits_ever_longer_while_the_others_go_on() -> None:
    places, now = Places(), NOON
    lanes = PlacesInTurn(["a", "b", "c"], places.read)
    places.faults["b"] = lambda: FetchFailed("b is away")
    fetched = rounds(lanes, None)
    assert fetched.warning == "1 of 3 places are not heard: b is away"
    assert places.asked == ["a", "b", "c"]
    for wait in (FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT):
        places.asked.clear()
        assert rounds(lanes, fetched.cursor, now + wait - timedelta(seconds=1)).warning
        assert places.asked == ["a", "c"]
        now += wait
        places.asked.clear()
        rounds(lanes, fetched.cursor, now)
        assert sorted(places.asked) == ["a", "b", "c"]
    del places.faults["b"]
    after = rounds(lanes, fetched.cursor, now + LONGEST_WAIT)
    assert after.warning is None
    assert after.cursor is not None
    assert set(after.cursor["lanes"]) == {"a", "b", "c"}


def test_the_source_fails_when_every_place_fails_and_tries_all_again() -> None:
    places = Places()
    lanes = PlacesInTurn(["a", "b"], places.read)
    places.faults = {
        "a": lambda: FetchFailed("a is away", 5 * MINUTE, status=503),
        "b": lambda: FetchFailed("b is away", 2 * MINUTE),
    }
    with pytest.raises(FetchFailed, match="2 of 2 places are not heard: a is away; b is away") as caught:
        rounds(lanes, None)
    assert (caught.value.retry_after, caught.value.status) == (2 * MINUTE, 503)
    places.faults = {}
    # The worker has waited. Nobody asks for the rest of the longest wait.
    assert rounds(lanes, None, NOON + MINUTE).cursor == {"lanes": {"a": {"page": 1}, "b": {"page": 1}}}


def test_places_whose_budgets_are_spent_wait_and_do_not_fail() -> None:
    places = Places()
    lanes = PlacesInTurn(["a", "b"], places.read)
    places.faults = {key: lambda: BudgetSpent("the host takes no more", MINUTE) for key in ("a", "b")}
    with pytest.raises(BudgetSpent) as caught:
        rounds(lanes, None)
    assert caught.value.retry_after == MINUTE
    del places.faults["a"]
    assert rounds(lanes, None, NOON + MINUTE).warning is None
    places.faults["b"] = lambda: BudgetSpent("the host takes no more", SOON + MINUTE)
    later = NOON + 2 * MINUTE
    assert rounds(lanes, None, later).warning == "1 of 2 places are not heard: the host takes no more"


def test_a_place_for_which_no_request_was_left_is_the_next_to_be_asked() -> None:
    places, now, cursor = Places(), NOON, None
    lanes = PlacesInTurn(["a", "b", "c"], places.read)
    for _ in range(6):
        # The host takes one request a minute.
        last = len(places.asked)
        places.faults = {}
        while True:
            fetched = lanes.fetch(cursor, now)
            cursor = fetched.cursor
            places.faults = {key: lambda: BudgetSpent("later", MINUTE) for key in "abc"}
            if not fetched.more:
                break
        del places.asked[last + 1 :]
        now += MINUTE
    assert places.asked == ["a", "b", "c", "a", "b", "c"]


def test_a_place_that_asks_for_patience_is_left_alone_so_long() -> None:
    places = Places()
    places.pages, places.waits = {"a": 3}, {"a": 10 * MINUTE}
    lanes = PlacesInTurn(["a", "b"], places.read)
    fetched = rounds(lanes, None)
    assert places.asked == ["a", "b"]
    rounds(lanes, fetched.cursor, NOON + 9 * MINUTE)
    assert places.asked == ["a", "b", "b"]
    alone = PlacesInTurn(["a"], places.read)
    assert alone.fetch(None, NOON).retry_after == 10 * MINUTE


def test_a_changed_list_of_places_keeps_what_was_read_of_the_others() -> None:
    places = Places()
    lanes = PlacesInTurn(["a", "b"], places.read)
    fetched = rounds(lanes, None)
    lanes.change(["b", "c"])
    assert rounds(lanes, fetched.cursor).cursor == {"lanes": {"b": {"page": 2}, "c": {"page": 1}}}


def test_a_fault_in_an_answer_is_said_for_as_long_as_it_is_there() -> None:
    places = Places()
    places.warnings = {"a": "a sends half of it"}
    lanes = PlacesInTurn(["a", "b"], places.read)
    assert rounds(lanes, None).warning == "a sends half of it"
    places.warnings = {}
    assert rounds(lanes, None).warning is None
