"""The gist of a text: hashes of its words, few enough to be kept with every mention and compared with those of other texts.

Copies that were edited lightly have another signature, but nearly the same words. A gist is a bottom-k MinHash of the words
(Broder 1997), with k so large that it holds every word of an ordinary post: for such posts the comparison is exact. It is a pure
function of one text, so what is folded from gists does not depend on batches, order or restarts.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from zlib import crc32

MOST_WORDS = 32
"""The words of a text that its gist holds: those with the smallest hashes."""
LEAST_SHARED = 7
"""Texts that share fewer words tell different things, however short they are: many people ask in the same ten words."""
ALIKE = 0.6
"""The least Jaccard similarity of the words of two texts that tell one story. One or two changed words in ten keep more."""
VERSION = 1
"""Gists of another version are made anew in the background."""

NO_GIST = b""
"""The gist of a text with fewer words than two texts must share."""

_HASH = 0xFFFF
_PACK = [struct.Struct(f"<{n}H").pack for n in range(MOST_WORDS + 1)]


def gist_of(words: bytes) -> bytes:
    """The gist of the words that a signature hashes, which stand between spaces: sorted hashes of 16 bits, little-endian, at most
    64 bytes.
    """
    hashes = sorted({one & _HASH for one in map(crc32, words.split(b" "))})[:MOST_WORDS]
    return _PACK[len(hashes)](*hashes) if len(hashes) >= LEAST_SHARED else NO_GIST


# Each window that is judged asks again about nearly the same texts.
@lru_cache(maxsize=8_192)
def words_in(gist: bytes | None) -> frozenset[int]:
    """The hashes in a gist; none for a mention that older code stored."""
    return frozenset(struct.unpack(f"<{len(gist) // 2}H", gist)) if gist else frozenset()


def alike(one: frozenset[int], other: frozenset[int]) -> float:
    """The Jaccard similarity of two gists, 0..1; 0 where they share fewer than `LEAST_SHARED` words."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared >= LEAST_SHARED else 0.0
