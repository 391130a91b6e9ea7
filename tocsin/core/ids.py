"""Deterministic ids: the same cause gives the same id, so that a thing done twice counts once."""

from __future__ import annotations

import hashlib
import zlib
from functools import lru_cache


def stable_id(prefix: str, *parts: object) -> str:
    """`prefix_` and 20 hex digits of a hash over the parts. Different parts give different texts, whatever they contain."""
    # A part's own separators are marked, and so are its own marks: else ("a", "\x1fb") would be ("a\x1f", "b").
    text = "\x1f".join(str(part).replace("\x1e", "\x1e\x1e").replace("\x1f", "\x1e\x1f") for part in parts)
    return f"{prefix}_{hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=10).hexdigest()}"


def partition_of(source: str, id: str, partitions: int) -> int:
    """The partition of the topic `mentions` to which this identity always goes. Mentions spread evenly, whatever the brand."""
    return zlib.crc32(id.encode("utf-8", "surrogatepass"), source_crc(source)) % partitions


@lru_cache(maxsize=4096)
def source_crc(source: str) -> int:
    """The checksum with which `partition_of` begins: the same for all mentions of a source."""
    return zlib.crc32(f"{source}\x00".encode("utf-8", "surrogatepass"))
