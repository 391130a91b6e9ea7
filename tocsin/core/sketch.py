"""Counting of distinct things without keeping them, by the k smallest hashes (KMV).

A sketch is the sorted k smallest distinct 64-bit hashes, 8 bytes each. The union of two sketches is the sketch of the union,
in any order and with any repeats, so partitions and repeats merge without error. Below k things the count is exact. From k on
it is (k - 1) / (the k-th smallest hash as a share of the range), with a relative error of about 1 / sqrt(k - 2) (Bar-Yossef
et al. 2002; Beyer et al. 2007).
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterable

K = 256
_RANGE = 2**64


def hash64(text: str) -> int:
    """64 well-mixed bits that are the same on every machine."""
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )


def signed64(value: int) -> int:
    """The same 64 bits as a signed integer, as databases keep them."""
    return value - _RANGE if value >= _RANGE // 2 else value


def sketch(hashes: Iterable[int]) -> bytes:
    """The sketch of these 64-bit hashes (unsigned)."""
    return _pack(sorted(set(hashes))[:K])


def union(*sketches: bytes) -> bytes:
    """The sketch of all things that went into any of these sketches."""
    seen: set[int] = set()
    for one in sketches:
        seen.update(_unpack(one))
    return _pack(sorted(seen)[:K])


def distinct(one: bytes) -> int:
    """The estimated number of different things that went into the sketch; exact below `K`."""
    values = _unpack(one)
    if len(values) < K:
        return len(values)
    return round((K - 1) * _RANGE / (values[-1] + 1))


def _pack(values: list[int]) -> bytes:
    return _big_endian(array("Q", values)).tobytes()


def _unpack(one: bytes) -> array[int]:
    return _big_endian(array("Q", one))


def _big_endian(values: array[int]) -> array[int]:
    """The values in big-endian order, so that equal sketches are equal bytes on every machine. The same swap converts back."""
    if sys.byteorder == "little":
        values.byteswap()
    return values
