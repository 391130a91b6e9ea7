"""The store holds the same, and counts it once, whatever the order and the batches of arrival."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from ops.transfer.export import export
from processors.match import Matcher
from processors.monitors import watched
from processors.storing.batch import MOST_BAD
from processors.storing.writer import Writer
from processors.understand import Understander, default_scorers
from tests.contracts.examples import examples
from tests.processors.batches import read_batch
from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.core.clock import minute_of
from tocsin.core.ids import partition_of
from tocsin.core.mention import Author, Engagement, Mention, encode_mentions
from tocsin.core.sketch import distinct
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store import schema as s
from tocsin.stream.port import MAX_RECORD_BYTES, MENTIONS, Record
from tocsin.stream.sqlite import SqliteStream

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PARTITIONS = 3
_names = itertools.count()


class Line:
    """A store with two monitors, and records as the stream would bring them."""

    def __init__(self, folder: Path) -> None:
        self.store = store_at(folder / f"store{next(_names)}.db")
        with self.store.write() as conn:
            for name, query in (("Brightwater", "brightwater"), ("Rivers", "river OR râul OR nehir")):
                repository.save(conn, Monitor(name=name, query=query), now=NOON, actor="test")
            self.watched = watched(conn)
        self.writer = Writer(self.store, Understander(default_scorers()), sample_rate=1.0)
        self.offset = itertools.count()

    def feed(self, mentions: Sequence[Mention]) -> Any:
        """One batch: the mentions in records by partition, as they would come."""
        records = []
        for partition in range(PARTITIONS):
            mine = [m for m in mentions if partition_of(m.source, m.id, PARTITIONS) == partition]
            if mine:
                records.append(Record("mentions", partition, next(self.offset), encode_mentions(mine), NOON))
        return self.feed_records(records)

    def feed_records(self, records: Sequence[Record]) -> Any:
        prepared = self.writer.understand(read_batch(records, self.watched.matcher, 1.0))
        with self.store.write() as conn:
            return self.writer.write(conn, prepared, NOON)

    def stored(self) -> tuple[bytes, bytes, list[Any]]:
        with self.store.read() as conn:
            v = s.mention_versions
            versions = conn.execute(select(v).order_by(v.c.source, v.c.id, v.c.rank_at, v.c.hash)).all()
            return (
                b"".join(export(conn, "mentions")),
                b"".join(export(conn, "tallies")),
                list(map(tuple, versions)),
            )


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def mention(id: str, text: str = "brightwater spoils the river", **other: Any) -> Mention:
    return Mention(source="forum", id=id, text=text, lang="en", **{"created_at": NOON, **other})


def test_a_mention_counts_for_every_monitor_that_it_matches(line: Line) -> None:
    outcome = line.feed([mention("1"), mention("2", "brightwater"), mention("3", "nothing to see")])
    assert (outcome.mentions, outcome.matched, outcome.stored) == (3, 2, 2)
    with line.store.read() as conn:
        counts = (
            conn.execute(select(func.sum(s.tallies.c.count)).group_by(s.tallies.c.monitor_id)).scalars().all()
        )
        assert sorted(counts) == [1, 2]
        assert conn.execute(select(s.samples.c.id)).scalars().all() == ["3"]


def test_the_same_mention_again_is_counted_once(line: Line) -> None:
    line.feed([mention("1"), mention("1")])
    before = line.stored()
    outcome = line.feed([mention("1")])
    assert (outcome.stored, outcome.duplicates) == (0, 1)
    assert line.stored() == before


def test_changed_content_is_an_edit_kept_as_a_version(line: Line) -> None:
    line.feed([mention("1", "I love brightwater")])
    line.feed([mention("1", "I hate brightwater, awful", edited_at=NOON + timedelta(minutes=3))])
    with line.store.read() as conn:
        row = conn.execute(select(s.mentions)).one()
        assert (row.text, row.label, row.created_at) == ("I hate brightwater, awful", "negative", NOON)
        assert conn.execute(select(s.mention_versions.c.text)).scalars().all() == ["I love brightwater"]
        tally = conn.execute(select(s.tallies)).one()
        assert (tally.count, tally.negative, tally.positive) == (1, 1, 0)


def test_an_edit_that_leaves_a_monitor_takes_its_count_with_it(line: Line) -> None:
    line.feed([mention("1"), mention("2", "brightwater", author=Author(id="ada"))])
    line.feed([mention("2", "sorry, wrong company", edited_at=NOON + timedelta(minutes=1))])
    with line.store.read() as conn:
        lines = list(export(conn, "mentions"))
        total = conn.execute(select(func.sum(s.tallies.c.count))).scalar_one()
    assert len(lines) == 1
    assert total == 2


def test_larger_figures_are_kept_and_are_no_edit(line: Line) -> None:
    line.feed([mention("1", engagement=Engagement(likes=3, views=50))])
    outcome = line.feed([mention("1", engagement=Engagement(likes=9, views=20))])
    with line.store.read() as conn:
        row = conn.execute(select(s.mentions)).one()
    assert outcome.edits == 0
    assert (row.likes, row.views) == (9, 50)


def test_a_line_that_is_no_mention_is_a_dead_letter_with_its_place_and_the_rest_goes_on(line: Line) -> None:
    value = encode_mentions([mention("1")]) + b'{"source": 5}\n\xff\xfe\n' + encode_mentions([mention("2")])
    outcome = line.feed_records([Record("mentions", 2, 77, value, NOON)])
    assert (outcome.stored, outcome.bad) == (2, 2)
    with line.store.read() as conn:
        letters = conn.execute(select(s.dead_letters).order_by(s.dead_letters.c.position)).all()
    assert [(d.topic, d.partition, d.offset, d.position) for d in letters] == [
        ("mentions", 2, 77, 1),
        ("mentions", 2, 77, 2),
    ]


def test_a_record_that_could_not_be_unpacked_is_a_dead_letter_that_says_why(line: Line) -> None:
    spoilt = Record("mentions", 2, 78, b"", NOON, trouble="the records 70 to 78 cannot be unpacked: a bomb")
    outcome = line.feed_records([spoilt, Record("mentions", 2, 79, encode_mentions([mention("1")]), NOON)])
    assert (outcome.stored, outcome.bad) == (1, 1)
    with line.store.read() as conn:
        letter = conn.execute(select(s.dead_letters)).one()
    assert (letter.offset, letter.reason, letter.message) == (78, "unreadable_record", spoilt.trouble)


def test_a_mention_later_than_its_closed_window_is_counted_as_an_amendment(line: Line) -> None:
    with line.store.write() as conn:
        state = {"kind": "volume", "series": "x", "version": "x", "next_tick": NOON, "state": {}}
        line.store.put(
            conn,
            s.detector_state,
            [{"monitor_id": one.id, "next_window": NOON, **state} for one in line.watched.monitors],
        )
    outcome = line.feed([mention("1", "brightwater", created_at=NOON - timedelta(minutes=7))])
    with line.store.read() as conn:
        row = conn.execute(select(s.amendments)).one()
    assert outcome.late == 1
    assert (row.window_start, row.count) == (NOON - timedelta(minutes=10), 1)


TEXTS = ("brightwater", "brightwater in the river, awful", "lovely river", "nothing to see")
versions = st.builds(
    lambda id, text, minute, edit, who: mention(
        str(id),
        TEXTS[text],
        created_at=NOON + timedelta(minutes=int(id)),
        edited_at=None if edit == 0 else NOON + timedelta(minutes=30 + edit),
        author=Author(id=f"author{who}"),
        network=("mastodon", "forum")[minute],
    ),
    id=st.integers(0, 3),
    text=st.integers(0, len(TEXTS) - 1),
    minute=st.just(0),
    edit=st.integers(0, 2),
    who=st.just(1),
)


@pytest.mark.slow("many random orders")
@pytest.mark.hypothesis
def test_order_repeats_and_cuts_do_not_matter(tmp_path: Path, on_both_stores: str) -> None:  # noqa: F811  # the fixture
    @settings(
        # Making a database takes longer than making a file.
        max_examples=examples(8 if on_both_stores == "sqlite" else 3),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        mentions=st.lists(versions, min_size=1, max_size=8),
        seed=st.randoms(use_true_random=False),
        data=st.data(),
    )
    def holds(mentions: list[Mention], seed: Any, data: Any) -> None:
        whole = Line(tmp_path)
        whole.feed(mentions)
        shuffled = mentions + data.draw(st.lists(st.sampled_from(mentions), max_size=4))
        seed.shuffle(shuffled)
        cut = Line(tmp_path)
        while shuffled:
            size = data.draw(st.integers(1, len(shuffled)))
            cut.feed(shuffled[:size])
            del shuffled[:size]
        assert cut.stored() == whole.stored()
        whole.store.close()
        cut.store.close()

    holds()


def test_distinct_authors_are_a_union_over_partitions_and_repeats(line: Line) -> None:
    for batch in range(3):
        line.feed([mention(f"{batch}-{i}", "brightwater", author=Author(id=f"a{i}")) for i in range(20)])
    with line.store.read() as conn:
        rows = conn.execute(select(s.tallies.c.authors, s.tallies.c.minute)).all()
        exported = b"".join(export(conn, "tallies"))
    assert {row.minute for row in rows} == {minute_of(NOON)}
    assert len(rows) == PARTITIONS
    assert b'"authors":20' in exported
    assert sum(distinct(row.authors) for row in rows) >= 20


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x" * 4000},
        {"id": ""},
        {"source": "\U0001f525" * 300},
        {"network": "n" * 3000},
        {"created_at": "2026-03-01T12:00:00"},
        {"author": {"id": "a", "followers": 2**62}},
        {"engagement": {"likes": -1}},
        {"engagement": {"views": 2**70}},
        # A later version whose text is no longer one string. What it only adds is read past (below).
        {"text": {"plain": "brightwater", "marks": []}, "version": 9},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_stranger_put_on_the_stream_spoils_no_batch(tmp_path: Path, change: dict[str, Any]) -> None:
    line = Line(tmp_path)
    good = {"source": "s", "id": "1", "text": "brightwater\0", "created_at": "2026-03-01T12:00:00Z"}
    added = {"id": "2", "version": 9, "mood": {"dire": True}}
    lines = [msgspec.json.encode(one) for one in (good, good | change, good | added)]
    stream = SqliteStream(tmp_path / "stream.db", durable=False)
    stream.ensure_topic(MENTIONS, 1)
    stream.append(MENTIONS, [(0, b"\n".join(lines))], NOON)
    reader = stream.consumer(MENTIONS, "processors", "one")
    reader.poll(timedelta(0))
    reader.seek(0, 0)
    outcome = line.feed_records(reader.poll(timedelta(0)).records)
    stream.close()
    assert (outcome.stored, outcome.bad) == (2, 1)
    with line.store.read() as conn:
        assert set(conn.execute(select(s.mentions.c.text)).scalars()) == {"brightwater\ufffd"}


@pytest.mark.slow("takes in many mentions")
def test_a_record_of_a_hundred_thousand_bad_lines_becomes_a_thousand_letters_and_one() -> None:
    good = encode_mentions([mention("1", "brightwater")])
    record = Record("mentions", 0, 7, good + b"x\n" * 100_000, NOON)
    batch = read_batch([record], Matcher.build({}), 1.0)
    assert (len(batch.bad), batch.mentions) == (MOST_BAD + 1, 1)
    last = batch.bad[-1].letter(NOON)
    assert last["message"].startswith(f"{100_000 - MOST_BAD} more lines of this record are no mentions")
    assert last["position"] == 1 + MOST_BAD


def test_a_record_of_very_many_values_is_one_letter_and_none_is_read() -> None:
    line = encode_mentions([mention("1", "brightwater", extra={"zz": [1] * (MAX_RECORD_BYTES // 50)})])
    assert read_batch([Record("mentions", 0, 7, line * 49, NOON)], Matcher.build({}), 1.0).mentions == 49
    batch = read_batch([Record("mentions", 0, 7, line * 51, NOON)], Matcher.build({}), 1.0)
    assert (len(batch.bad), batch.mentions) == (1, 0)
    assert batch.bad[0].letter(NOON)["reason"] == "unreadable_record"


def test_a_record_that_holds_nothing_is_read_past() -> None:
    batch = read_batch([Record("mentions", 0, 7, b"", NOON)], Matcher.build({}), 1.0)
    assert (batch.records, batch.mentions, batch.bad) == (1, 0, [])
