"""What a network deletes goes from everywhere, on both engines, once it is sure to be stored; what was counted stays counted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from alerts.forgetting import unquote
from processors.erasure import SKEW, erase_removed
from tests.processors.test_retention import NOW, counted, drop_all, found, keep, notice
from tests.processors.test_retention import store as store
from tests.stores import on_both_stores  # noqa: F401  # a fixture that acts by itself
from tocsin.intake.dead_letters import dead_letter_row, record_dead_letter
from tocsin.intake.removals import AUTHOR, POST, Removal, note_removals
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.revision import revision

SURE = NOW + SKEW + timedelta(seconds=1)


def told(store: Store, *removals: Removal, at: Any = NOW) -> None:
    with store.write() as conn:
        note_removals(conn, removals, at)


def texts(store: Store) -> list[str]:
    with store.read() as conn:
        return sorted(conn.execute(select(s.mentions.c.id)).scalars())


def test_a_deleted_post_leaves_its_identity_and_what_it_counted(store: Store) -> None:
    keep(store, days=1, text="brightwater leaks")
    keep(store, days=1, text="brightwater leaks no more", edited=NOW)
    keep(store, days=1, id="2")
    keep(store, days=0.5, id="3", text="nothing to see")
    told(
        store, Removal("forum", POST, "1"), Removal("forum", POST, "3"), Removal("forum", POST, "unheard of")
    )
    told(store, Removal("press", POST, "2"))
    assert erase_removed(store, SURE) == 4
    assert texts(store) == ["2"]
    assert found(store, "leaks") == set()
    assert [counted(store, t) for t in (s.mention_versions, s.samples, s.removals)] == [0, 0, 0]
    assert [counted(store, t) for t in (s.seen, s.matches)] == [2, 2]
    with store.read() as conn:
        m, t = s.matches.c, s.tallies.c
        assert tuple(conn.execute(select(m.author, m.gist).where(m.id == "1")).one()) == (None, None)
        assert sum(conn.execute(select(t.count)).scalars()) == 2
    # The same post once more, from a source that reads it again, is a duplicate and not kept.
    keep(store, days=1, text="brightwater leaks no more", edited=NOW)
    assert texts(store) == ["2"]


def test_a_deleted_post_leaves_notices_dead_letters_and_reposts_too(store: Store) -> None:
    """The same words stood in a notice's quote, in a letter that could not be taken, and in somebody's repost."""
    keep(store, days=1, text="brightwater leaks")
    keep(store, days=0.9, id="again", text="RT brightwater leaks", author="ben")
    keep(store, days=0.9, id="other", text="RT brightwater is fine", author="ben")
    payload = {"1": {"id": "1", "text": "brightwater leaks"}, "11": {"id": "11"}}
    with store.write() as conn:
        m = s.mentions
        conn.execute(update(m).where(m.c.id == "again").values(repost_of="1"))
        for source, id in (("forum", "1"), ("forum", "11"), ("press", "1")):
            letter = json.dumps(payload[id]).encode()
            record_dead_letter(
                conn,
                dead_letter_row(now=NOW, source=source, reason="bad", message=source + id, payload=letter),
            )
        text = "Well known: ada (12K), ben (9K)\n1. [reach 12] brightwater leaks\n2. [reach 9] RT brightwater leaks\n"
        conn.execute(insert(s.notices), notice({"text": text, "html": ""}))
    told(store, Removal("forum", POST, "1"))
    assert erase_removed(store, SURE, unquote) == 1
    assert texts(store) == ["other"]
    with store.read() as conn:
        assert sorted(conn.execute(select(s.dead_letters.c.message)).scalars()) == ["forum11", "press1"]
        body = conn.execute(select(s.notices.c.body)).scalar_one()
    assert body["text"] == "Well known: … (12K), ben (9K)\n1. [reach 12] …\n2. [reach 9] …\n"


def test_an_account_that_is_deleted_takes_all_its_posts_along_whatever_their_age(store: Store) -> None:
    keep(store, days=1)
    keep(store, days=40, id="2")
    keep(store, days=1, id="3", author="ben")
    keep(store, days=40, id="4", author="ben")
    keep(store, days=0.5, id="5", text="nothing to see")
    keep(store, days=0.5, id="6", text="nothing to see", author="adam")
    drop_all(store)
    told(store, Removal("forum", AUTHOR, "ada"))
    assert erase_removed(store, SURE) == 1
    assert texts(store) == ["3", "4"]
    with store.read() as conn:
        assert list(conn.execute(select(s.samples.c.id)).scalars()) == ["6"]


def test_a_removal_waits_until_what_was_handed_over_before_is_stored(store: Store) -> None:
    told(store, Removal("forum", POST, "1"))
    assert erase_removed(store, NOW + SKEW) == 0
    # It was in the stream, and is stored only now.
    keep(store, days=1)
    assert erase_removed(store, SURE) == 1
    assert texts(store) == []


@pytest.mark.parametrize("again", [timedelta(0), timedelta(minutes=5)])
def test_a_removal_that_is_told_again_is_done_in_its_time_and_waits_once_more(
    store: Store, again: timedelta
) -> None:
    keep(store, days=1)
    told(store, Removal("forum", POST, "1"))
    told(store, Removal("forum", POST, "1"), at=NOW + again)
    assert erase_removed(store, SURE) == 1
    assert texts(store) == []
    assert erase_removed(store, SURE) == 0
    assert erase_removed(store, SURE + again) == (1 if again else 0)
    assert counted(store, s.removals) == 0


def test_a_post_that_a_network_goes_on_showing_as_deleted_is_erased(store: Store) -> None:
    """Reddit and Discourse keep a deleted post in their lists, so every reading tells of it again."""
    keep(store, days=1)
    for n in range(10):
        told(store, Removal("forum", POST, "1"), at=NOW + n * timedelta(seconds=30))
        erase_removed(store, NOW + (n - 2) * timedelta(seconds=30))
    assert texts(store) == []


def test_a_removal_that_finds_nothing_left_is_no_revision(store: Store) -> None:
    """Dashboards ask with the tag of what they have. A network that shows its deleted posts cost them a whole answer a minute."""

    def now() -> int:
        with store.read() as conn:
            return revision(conn)

    keep(store, days=1)
    before = now()
    told(store, Removal("forum", POST, "1"))
    assert erase_removed(store, SURE) == 1
    erased = now()
    assert erased > before
    told(store, Removal("forum", POST, "1"), at=SURE)
    assert erase_removed(store, SURE + 2 * SKEW) == 1
    assert now() == erased


def test_a_removal_that_older_code_noted_goes_by_the_time_that_it_noted(store: Store) -> None:
    keep(store, days=1)
    told(store, Removal("forum", POST, "1"))
    with store.write() as conn:
        conn.execute(update(s.removals).values(first_told_at=None))
    assert [erase_removed(store, at) for at in (NOW + SKEW, SURE)] == [0, 1]
    assert texts(store) == []


@pytest.mark.slow("takes in many mentions")
def test_many_removals_are_noted_in_few_statements(store: Store) -> None:
    many = [Removal("forum", POST, str(n)) for n in range(1200)]
    told(store, *many)
    told(store, *many[:700], many[0], at=SURE)
    with store.read() as conn:
        times = list(conn.execute(select(s.removals.c.told_at)).scalars())
    assert (len(times), times.count(SURE)) == (1200, 700)
