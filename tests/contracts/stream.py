"""The contract of every stream. A test module of an engine gives the fixture `make_stream` and imports `*` from here."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from tocsin.core.errors import NotFound, WrongInput
from tocsin.stream.port import MAX_RECORD_BYTES, Consumer, Record, Stream

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WAIT = timedelta(seconds=15)
SETTLED_WITHIN_S = 120.0
MakeStream = Callable[[], Stream]


def read(consumer: Consumer, count: int, at: dict[int, int] | None = None) -> list[Record]:
    """Poll until `count` records have come. Each gained partition starts at `at` (else 0)."""
    records: list[Record] = []
    deadline = time.monotonic() + WAIT.total_seconds()
    while len(records) < count and time.monotonic() < deadline:
        polled = consumer.poll(timedelta(milliseconds=200))
        for partition in polled.gained:
            consumer.seek(partition, (at or {}).get(partition, 0))
        records += polled.records
    return records


def settled(
    *consumers: Consumer, at: dict[int, int] | None = None, until: Callable[[list[frozenset[int]]], bool]
) -> list[frozenset[int]]:
    """Poll all consumers in turn `until` it holds for the partitions that each of them has. Returns the partitions of each.

    Members find each other by messages, which take as long as the machine lets them: no pause says that they are done. A gained
    partition starts at `at` (else 0).
    """
    assigned: list[frozenset[int]] = [frozenset()] * len(consumers)
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while not until(assigned) and time.monotonic() < deadline:
        for place, consumer in enumerate(consumers):
            polled = consumer.poll(timedelta(milliseconds=50))
            for partition in polled.gained:
                consumer.seek(partition, (at or {}).get(partition, 0))
            assigned[place] = polled.assigned
    return assigned


def shared_out(assigned: list[frozenset[int]]) -> bool:
    """Whether each of four partitions has one member, and each member as many."""
    return sorted(chain(*assigned)) == [0, 1, 2, 3] and len({len(one) for one in assigned}) == 1


def each_reads(*consumers: Consumer, count: int) -> list[set[tuple[int, bytes]]]:
    """Poll all consumers in turn until `count` records have come. Returns what each has read: partitions and values.

    A record comes only to the member that has its partition.
    """
    came: list[set[tuple[int, bytes]]] = [set() for _ in consumers]
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while len(set().union(*came)) < count and time.monotonic() < deadline:
        for place, consumer in enumerate(consumers):
            polled = consumer.poll(timedelta(milliseconds=50))
            for partition in polled.gained:
                consumer.seek(partition, 0)
            assert {one.partition for one in polled.records} <= polled.assigned
            came[place] |= {(one.partition, one.value) for one in polled.records}
    return came


def test_a_topic_that_is_there_keeps_its_partitions(make_stream: MakeStream) -> None:
    stream = make_stream()
    assert stream.ensure_topic("talk", 3) == 3
    assert stream.ensure_topic("talk", 5) == 3
    assert stream.partitions("talk") == 3


def test_a_topic_that_is_not_there_is_said(make_stream: MakeStream) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        make_stream().partitions("nowhere")


def test_what_is_appended_is_read_in_order_per_partition(make_stream: MakeStream) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 2)
    stream.append("talk", [(0, b"a0"), (1, b"b0"), (0, b"a1")], NOW)
    stream.append("talk", [(0, b"a2")], NOW)
    consumer = stream.consumer("talk", "readers", "one")
    records = read(consumer, 4)
    consumer.close()
    assert [r.value for r in records if r.partition == 0] == [b"a0", b"a1", b"a2"]
    assert [r.value for r in records if r.partition == 1] == [b"b0"]
    assert [r.offset for r in records if r.partition == 0] == [0, 1, 2]
    assert {r.appended_at for r in records} == {NOW}


def test_end_offsets_are_the_next_ones(make_stream: MakeStream) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 2)
    assert stream.end_offsets("talk") == {0: 0, 1: 0}
    stream.append("talk", [(1, b"x"), (1, b"y")], NOW)
    assert stream.end_offsets("talk") == {0: 0, 1: 2}


def test_a_gained_partition_yields_nothing_until_it_is_sought(make_stream: MakeStream) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    stream.append("talk", [(0, b"first"), (0, b"second")], NOW)
    consumer = stream.consumer("talk", "readers", "one")
    gained: set[int] = set()
    for _ in range(20):
        polled = consumer.poll(timedelta(milliseconds=100))
        assert not polled.records
        gained |= polled.gained
        if gained and not polled.gained:
            break
    assert gained == {0}
    consumer.seek(0, 1)
    assert [r.value for r in read(consumer, 1)] == [b"second"]
    consumer.close()


def test_a_paused_partition_waits(make_stream: MakeStream) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 2)
    consumer = stream.consumer("talk", "readers", "one")
    stream.append("talk", [(0, b"a"), (1, b"b")], NOW)
    assert len(read(consumer, 2)) == 2
    consumer.pause(frozenset({0}))
    stream.append("talk", [(0, b"held"), (1, b"flows")], NOW)
    assert [r.value for r in read(consumer, 1)] == [b"flows"]
    assert not consumer.poll(timedelta(milliseconds=300)).records
    consumer.resume(frozenset({0}))
    assert [r.value for r in read(consumer, 1)] == [b"held"]
    consumer.close()


@pytest.mark.slow("members notice each other by leases, which take their time")
def test_members_share_the_partitions_and_one_that_leaves_hands_its_over(make_stream: MakeStream) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 4)
    one, two = stream.consumer("talk", "readers", "one"), stream.consumer("talk", "readers", "two")
    first, second = settled(one, two, until=shared_out)
    assert first | second == {0, 1, 2, 3}
    assert not first & second
    assert len(first) == len(second) == 2
    stream.append("talk", [(p, b"shared") for p in range(4)], NOW)
    assert each_reads(one, two, count=4) == [{(p, b"shared") for p in each} for each in (first, second)]
    two.close()
    behind = dict.fromkeys(range(4), 1)
    assert settled(one, at=behind, until=shared_out) == [frozenset({0, 1, 2, 3})]
    stream.append("talk", [(p, b"alone") for p in range(4)], NOW)
    # A partition that stayed goes on where it stood: nobody has called `seek` for it.
    assert sorted((r.partition, r.offset, r.value) for r in read(one, 4, behind)) == [
        (p, 1, b"alone") for p in range(4)
    ]
    one.close()


def test_groups_read_independently(make_stream: MakeStream) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    stream.append("talk", [(0, b"x")], NOW)
    for group in ("first", "second"):
        consumer = stream.consumer("talk", group, "one")
        assert [r.value for r in read(consumer, 1)] == [b"x"]
        consumer.close()


def test_an_offset_beyond_the_end_is_a_gap_and_never_a_silent_reset(make_stream: MakeStream) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    stream.append("talk", [(0, b"x")], NOW)
    consumer = stream.consumer("talk", "readers", "one")
    gaps: list[object] = []
    deadline = time.monotonic() + WAIT.total_seconds()
    while not gaps and time.monotonic() < deadline:
        polled = consumer.poll(timedelta(milliseconds=200))
        for partition in polled.gained:
            consumer.seek(partition, 50)
        assert not polled.records
        gaps += polled.gaps
    assert len(gaps) == 1
    assert not consumer.poll(timedelta(milliseconds=300)).records
    consumer.seek(0, 0)
    assert [r.value for r in read(consumer, 1)] == [b"x"]
    consumer.close()


def test_a_record_that_is_too_large_is_refused_and_nothing_of_its_batch_is_half_there(
    make_stream: MakeStream,
) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    with pytest.raises(WrongInput, match="limit"):
        stream.append("talk", [(0, b"x" * (MAX_RECORD_BYTES + 1))], NOW)
    assert stream.end_offsets("talk") == {0: 0}


def test_the_same_log_has_the_same_identity(make_stream: MakeStream) -> None:
    assert make_stream().cluster == make_stream().cluster
