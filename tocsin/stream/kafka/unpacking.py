"""Unpacks the batches of a topic into which others may write, within bounds.

A broker passes on whatever it can iterate over. kafka-python unpacks without a bound, and a batch that it cannot read stops
its partition for good. Here such a batch gives the records that can be read, and then one `Unreadable` in place of the rest.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import kafka
import lz4.frame
import snappy
import zstandard
from kafka import errors
from kafka.consumer.fetcher import Fetcher
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch

from tocsin.stream.kafka.client import in_words

MOST_UNPACKED: Final = 32 * 1024 * 1024
"""Bytes of one batch, unpacked. A batch has 2 MB at most as it travels."""

_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16


class Unreadable(bytes):
    """The empty value of a record that stands for those of its batch that cannot be read; `reason` says why."""

    reason: str

    def __new__(cls, reason: str) -> Unreadable:
        made = super().__new__(cls)
        made.reason = reason
        return made


class TooMuch(ValueError):  # stands in the reason of an `Unreadable`; nobody else sees it
    """A batch that unpacks to more than `MOST_UNPACKED` bytes."""


def unpacks_within_bounds(client: kafka.KafkaConsumer) -> None:
    """Make this consumer hand out `Unreadable` where it would stop or take gigabytes."""
    client._fetcher.PartitionRecords = _Records


class _Records(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python is untyped
    def _unpack_records(self, tp: Any, records: Any, *deserializers: Any) -> Any:
        return super()._unpack_records(tp, _Batches(records), *deserializers)


class _Batches:
    """kafka-python's batches of one answer. A batch with records of a producer is a `_Batch`."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        mine = isinstance(batch, DefaultRecordBatch) and not batch.is_control_batch
        return _Batch(batch) if mine else batch


class _Batch:
    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        batch, following = self._batch, self._batch.base_offset
        try:
            _unpack(batch)
            for record in batch:
                following = record.offset + 1
                yield record
        except Exception as error:  # noqa: BLE001  # five libraries unpack, and each has errors of its own
            if following <= batch.last_offset:
                yield _instead(batch, following, error)


def _unpack(batch: Any) -> None:
    """Do what kafka-python's batch does when it is first iterated over, within bounds."""
    kind = batch.compression_type
    if kind == batch.CODEC_NONE:
        return
    if kind not in _UNPACK:
        raise errors.UnsupportedCodecError(f"no compression has the number {kind}")
    batch._buffer = bytearray(_UNPACK[kind](bytes(memoryview(batch._buffer)[batch._pos :])))
    batch._pos, batch._decompressed = 0, True


def _instead(batch: Any, first: int, error: Exception) -> DefaultRecord:
    reason = (
        f"the records {first} to {batch.last_offset} of this partition cannot be unpacked: {in_words(error)}"
    )
    stamp = max(0, batch.max_timestamp)
    return DefaultRecord(0, batch.last_offset, stamp, batch.timestamp_type, None, Unreadable(reason), [])


def _gzip(packed: bytes) -> bytes:
    out, rest = bytearray(), packed
    while rest:
        member = zlib.decompressobj(wbits=31)
        out += member.decompress(rest, MOST_UNPACKED + 1 - len(out))
        _bounded(len(out))
        if not member.eof:
            raise EOFError("the packed data ends too early")
        rest = member.unused_data.lstrip(b"\0")
    return bytes(out)


def _lz4(packed: bytes) -> bytes:
    frame = lz4.frame.LZ4FrameDecompressor()
    out: bytes = frame.decompress(packed, max_length=MOST_UNPACKED + 1)
    _bounded(len(out))
    if not frame.eof:
        raise EOFError("the packed data ends too early")
    return out


def _zstd(packed: bytes) -> bytes:
    # A window is memory that the stream asks for before it holds anything.
    bounded = zstandard.ZstdDecompressor(max_window_size=MOST_UNPACKED)
    with bounded.stream_reader(io.BytesIO(packed), read_across_frames=True) as reader:
        out = reader.read(MOST_UNPACKED + 1)
    _bounded(len(out))
    return out


def _snappy(packed: bytes) -> bytes:
    blocks = list(_xerial(packed)) if packed.startswith(_XERIAL) else [packed]
    _bounded(sum(map(_said_length, blocks)))
    return b"".join(map(snappy.uncompress, blocks))


def _xerial(packed: bytes) -> Iterator[bytes]:
    """The blocks of the frame in which Java's library packs."""
    at = _XERIAL_HEADER
    while at < len(packed):
        (size,) = struct.unpack_from(">I", packed, at)
        yield packed[at + 4 : at + 4 + size]
        at += 4 + size


def _said_length(block: bytes) -> int:
    """The length that a block of snappy says to unpack to: it begins with it, seven bits a byte, the lowest first."""
    length = 0
    for place, byte in enumerate(block[:5]):
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return length
    raise ValueError("a block of snappy says no length")


def _bounded(size: int) -> None:
    if size > MOST_UNPACKED:
        raise TooMuch(f"more than {MOST_UNPACKED // 2**20} MB come out of it")


_UNPACK: dict[int, Callable[[bytes], bytes]] = {
    DefaultRecordBatch.CODEC_GZIP: _gzip,
    DefaultRecordBatch.CODEC_SNAPPY: _snappy,
    DefaultRecordBatch.CODEC_LZ4: _lz4,
    DefaultRecordBatch.CODEC_ZSTD: _zstd,
}
