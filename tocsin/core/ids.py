"""Deterministic ids: the same cause gives the same id, so doing a thing twice does it once."""

from __future__ import annotations

import hashlib
import zlib
from functools import lru_cache


def stable_id(prefix: str, *parts: object) -> str:
    """`prefix_` and 20 hex digits of a hash over the parts, which are told apart whatever they contain."""
    text = "\x1f".join(str(part).replace("\x1f", "\x1f\x1f") for part in parts)
    return f"{prefix}_{hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=10).hexdigest()}"


def partition_of(source: str, id: str, partitions: int) -> int:
    """The partition of the topic `mentions` that this identity always goes to: spread evenly, whatever the brand."""
    return zlib.crc32(id.encode("utf-8", "surrogatepass"), source_crc(source)) % partitions


@lru_cache(maxsize=4096)
def source_crc(source: str) -> int:
    """What `partition_of` begins with: the same for all mentions of a source."""
    return zlib.crc32(f"{source}\x00".encode("utf-8", "surrogatepass"))
