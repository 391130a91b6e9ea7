"""Batches that a stranger packed: what can be read is read, the rest is one record that says why, and memory is bounded."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import lz4.frame
import pytest
import snappy
import zstandard
from kafka import TopicPartition
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

from tocsin.stream.kafka.unpacking import MOST_UNPACKED, Unreadable, _Records

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
HEADER = 61
"""The bytes of a batch before its records."""

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "snappy": snappy.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.compress,
}


def batch(values: Sequence[bytes], codec: str = "none", first: int = 0, **headers: Any) -> bytearray:
    """The batch that kafka-python would send."""
    made = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=CODECS[codec],
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 26,
    )
    for place, value in enumerate(values):
        made.append(place, timestamp=1000, key=None, value=value, headers=headers.get(f"at_{place}", []))
    built = bytearray(made.build())
    struct.pack_into(">q", built, 0, first)
    return built


def repacked(batch: bytearray, packed: bytes, codec: int) -> bytearray:
    """The batch with other bytes in place of its records; its length and checksum are right again."""
    changed = batch[:HEADER] + packed
    struct.pack_into(">i", changed, 8, len(changed) - 12)
    struct.pack_into(">h", changed, 21, codec)
    struct.pack_into(">I", changed, 17, calc_crc32c(memoryview(changed)[21:]))
    return changed


def read(*batches: bytes, at: int = 0) -> list[tuple[int, bytes, str]]:
    """Offset, value and trouble of each record that comes out of an answer with these batches."""
    records = _Records(at, TopicPartition("talk", 0), MemoryRecords(b"".join(batches)))
    found = records.take(1000)
    return [
        (one.offset, bytes(one.value), one.value.reason if isinstance(one.value, Unreadable) else "")
        for one in found
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_batches_are_read_however_they_were_packed(codec: str) -> None:
    assert read(batch([b"a" * 500, b"b"], codec)) == [(0, b"a" * 500, ""), (1, b"b", "")]
    assert read(batch([b"a" * 500, b"b"], codec), at=1) == [(1, b"b", "")]


@pytest.mark.parametrize("codec", PACK)
def test_a_batch_that_is_packed_wrongly_is_one_record_that_says_so_and_the_next_one_is_read(
    codec: str,
) -> None:
    good = batch([b"a" * 500, b"b" * 500])
    after = batch([b"after"], first=2)
    whole = PACK[codec](bytes(good[HEADER:]))
    for packed in (b"no such thing at all", whole[: len(whole) // 2], b""):
        (offset, value, trouble), *rest = read(repacked(good, packed, CODECS[codec]), after)
        assert (offset, value, rest) == (1, b"", [(2, b"after", "")])
        assert trouble.startswith("the records 0 to 1 of this partition cannot be unpacked: ")


@pytest.mark.slow("many cases")
@pytest.mark.parametrize("codec", PACK)
def test_a_bomb_costs_no_more_than_what_may_come_out_of_a_batch(codec: str) -> None:
    bomb = repacked(batch([b""]), PACK[codec](bytes(4 * MOST_UNPACKED)), CODECS[codec])
    tracemalloc.start()
    ((_, _, trouble),) = read(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "32 MB" in trouble
    assert peak < 3 * MOST_UNPACKED + len(bomb)


def test_what_can_be_read_of_a_batch_is_read() -> None:
    spoilt = batch([b"a", b"b", b"c"], at_1=[("name", b"")])
    place = spoilt.index(b"name")
    spoilt[place : place + 4] = b"\xff\xfe\xff\xfe"
    (first, (offset, _, trouble), after) = read(
        repacked(spoilt, bytes(spoilt[HEADER:]), 0), batch([b"d"], first=3)
    )
    assert (first, after) == ((0, b"a", ""), (3, b"d", ""))
    assert offset == 2
    assert "records 1 to 2" in trouble


def test_a_way_of_packing_that_nobody_knows_is_said() -> None:
    ((_, _, trouble),) = read(repacked(batch([b"a"]), b"?", 6))
    assert "no compression has the number 6" in trouble


def test_snappy_is_read_in_the_frame_of_java_and_without_it() -> None:
    good = batch([b"a" * 500])
    records = bytes(good[HEADER:])
    blocks = [snappy.compress(records[:100]), snappy.compress(records[100:])]
    framed = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
    framed += b"".join(struct.pack(">i", len(one)) + one for one in blocks)
    for packed in (framed, snappy.compress(records)):
        assert read(repacked(good, packed, CODECS["snappy"])) == [(0, b"a" * 500, "")]
