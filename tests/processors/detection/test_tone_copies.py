"""Copies of one text are set aside before the tone is judged, also where they are too few to be a volume."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from processors.detection.judge import Detection
from processors.detection.tallies import load_tallies
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import ALL_HEARD, GRACE, WORDS, keep, signals
from tocsin.core.clock import MINUTE
from tocsin.core.mention import Author, Mention
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store.port import Store

ADVERT = START + timedelta(hours=5)
END = ADVERT + timedelta(hours=1)


def talk(*, copied: bool) -> list[Mention]:
    """Five hours of calm talk, then an hour in which two accounts complain: by one text again and again, or each time anew."""
    dice = random.Random(2)
    complaint = "brightwater is awful, horrible and disgusting"
    posts = [
        (START + timedelta(minutes=3 * i), f"brightwater {' '.join(dice.sample(WORDS, 6))}", f"u{i}")
        for i in range(20 * 6)
    ]
    for i in range(16):
        rest = "" if copied else " ".join(dice.sample(WORDS, 6))
        posts.append((ADVERT + timedelta(minutes=3 * i, seconds=20), f"{complaint} {rest}", f"two{i % 2}"))
    return [
        Mention(source="forum", id=str(i), text=text, created_at=at, lang="en", author=Author(id=who))
        for i, (at, text, who) in enumerate(sorted(posts))
    ]


@pytest.mark.slow("judges days of windows")
@pytest.mark.parametrize(("copied", "states"), [(True, {"set_aside"}), (False, {"over"})])
def test_a_text_that_two_accounts_repeat_is_no_souring_tone(
    store: Store, copied: bool, states: set[str]
) -> None:
    keep(store, talk(copied=copied))
    with store.write() as conn:
        detection = Detection(repository.listed(conn, Monitor))
        start = detection.tallies_from(conn)
        assert start is not None
        tallies = load_tallies(conn, [one.id for one in detection.monitors], start, END)
        for now in (START + n * 5 * MINUTE for n in range(1, 12 * 6)):
            detection.tick(conn, tallies, now, now - GRACE, now, ALL_HEARD)
        detection.flush(conn, store, END)
    found = signals(store)
    assert {(one["kind"], one["state"]) for one in found} == {("negativity", state) for state in states}
    assert (found[0]["evidence"]["copies"] > 0) == copied
