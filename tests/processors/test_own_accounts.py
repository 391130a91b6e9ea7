"""Posts of the brand's own accounts are kept and shown apart, and are in no count, of tallies and of evidence alike."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ops.transfer.apply import parse_document, plan
from processors.detection.evidence import look
from processors.detection.trigger_habit import people_who_said
from processors.monitors import watched
from processors.own_accounts import written_by_the_brand
from processors.storing.writer import Writer
from processors.understand import Understander, default_scorers
from tests.processors.batches import read_batch
from tests.processors.detection.conftest import START, store  # noqa: F401  # a store that watches Brightwater
from tocsin.core.mention import Author, Mention, encode_mentions
from tocsin.core.sketch import distinct
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.stream.port import MENTIONS, Record

NOON = START + timedelta(hours=12)
OURS = Monitor(
    name="Brightwater", query="brightwater", own_accounts=("@BrightWater", "press@social.example", "id-7")
)


def said(
    id: str, author: Author | None, text: str = "brightwater is on fire, awful", **more: object
) -> Mention:
    return Mention(
        source="x", id=id, text=text, lang="en", network="x", created_at=NOON, author=author, **more
    )  # type: ignore[arg-type]


def keep(store: Store, mentions: list[Mention]) -> None:  # noqa: F811
    writer = Writer(store, Understander(default_scorers()), sample_rate=0.0)
    with store.read() as conn:
        present = watched(conn)
    record = Record(MENTIONS, 0, 0, encode_mentions(mentions), NOON)
    prepared = writer.understand(read_batch([record], present.matcher, 0.0), brands=present.brands)
    with store.write() as conn:
        writer.write(conn, prepared, NOON)


def own(store: Store) -> None:  # noqa: F811
    with store.write() as conn:
        [monitor] = repository.listed(conn, Monitor)
        repository.save(conn, OURS, now=START, actor="test", id=monitor.id)


def tallied(store: Store) -> tuple[int, int, int]:  # noqa: F811
    """The mentions, the negatives and the authors that the tallies know."""
    t = s.tallies.c
    with store.read() as conn:
        count, negative = conn.execute(select(func.sum(t.count), func.sum(t.negative))).one()
        authors = conn.execute(select(t.authors)).scalars().all()
    return int(count or 0), int(negative or 0), sum(distinct(one) for one in authors if one)


def test_own_posts_are_in_no_count_and_stand_apart_in_the_evidence(store: Store) -> None:  # noqa: F811
    own(store)
    people = [said(f"p{n}", Author(id=f"a{n}", handle=f"someone{n}", followers=5)) for n in range(3)]
    brand = [
        said("b1", Author(id="id-1", handle="Brightwater", followers=900_000)),
        said("b2", Author(id="x", handle="press@social.example")),
        said("b3", Author(id="ID-7")),
    ]
    keep(store, [*people, *brand, said("n", None)])
    assert tallied(store) == (4, 4, 3)
    with store.read() as conn:
        [monitor] = repository.listed(conn, Monitor)
        seen = look(conn, monitor.id, monitor.value, NOON, NOON + timedelta(minutes=5))
        triggers = people_who_said(conn, monitor.id, NOON + timedelta(minutes=5))
        marked = written_by_the_brand(conn, [("x", "p0"), ("x", "b1"), ("x", "b2"), ("x", "b3")], monitor.id)
    assert (seen.count, seen.negative, seen.authors, seen.influential) == (4, 4, 3, False)
    assert {one.id for one in seen.top}.isdisjoint({"b1", "b2", "b3"})
    assert seen.own == 3 and seen.own_top[0].id == "b1" and len(seen.own_top) == 3
    assert marked == {("x", "b1"), ("x", "b2"), ("x", "b3")}
    assert all(count <= 4 for count in triggers.values())


def test_what_was_counted_before_an_account_was_named_is_taken_back_by_its_edit_alone(store: Store) -> None:  # noqa: F811
    post = said("b1", Author(id="id-1", handle="brightwater"))
    keep(store, [post, said("p", Author(id="a"))])
    assert tallied(store) == (2, 2, 2)
    own(store)
    keep(store, [post])
    assert tallied(store) == (2, 2, 2)
    edited = {"edited_at": NOON + timedelta(minutes=1), "text": "brightwater is sorry, awful"}
    keep(store, [said("b1", Author(id="id-1", handle="brightwater"), **edited)])
    assert tallied(store) == (1, 1, 1)
    keep(
        store,
        [
            said(
                "b1",
                Author(id="id-1", handle="brightwater"),
                "brightwater again",
                edited_at=NOON + timedelta(minutes=2),
            )
        ],
    )
    assert tallied(store) == (1, 1, 1)


@pytest.mark.parametrize("account", ["", "two words", "a,b", "a@b@c", "x" * 257])
def test_what_is_no_account_is_refused(account: str) -> None:
    with pytest.raises(ValueError, match="own_accounts"):
        Monitor(name="x", query="brightwater", own_accounts=(account,))


def test_own_accounts_are_given_in_a_file_and_start_no_new_series(store: Store, tmp_path: Path) -> None:  # noqa: F811
    with store.read() as conn:
        text = b"monitors: [{name: Brightwater, query: brightwater, own_accounts: ['@brightwater']}]"
        (change,) = plan(conn, parse_document(text))
    assert '    + own_accounts: ["@brightwater"]' in change.lines()
    assert isinstance(change.value, Monitor)
    assert change.value.series == Monitor(name="Brightwater", query="brightwater").series
