"""How the encoder of the deep scorer splits a text: into the pieces of words that its file lists."""

from __future__ import annotations

import itertools
import re
import struct
from typing import Final

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from processors.understand.encoder import Image

ASKED: Final = "query: "
"""What stands before a text, so that the encoder knows what it is."""
SPACE: Final = "\N{LOWER ONE EIGHTH BLOCK}"


class Pieces:
    """Makes a text into tokens, as the engine does; it only takes several unknown characters in a row as one."""

    def __init__(self, image: Image) -> None:
        told, data = image.vocabulary, image.data
        ends = np.frombuffer(data, np.uint32, told.pieces + 1, told.offsets_at) + told.pieces_at
        scores = np.frombuffer(data, np.float32, told.pieces, told.scores_at)
        words = [data[a:b].decode("utf-8", "replace") for a, b in itertools.pairwise(ends)]
        self._first, self._last = told.begin, told.end
        self._changes = _changes(data, told.changes_at)
        self._model = Tokenizer(Unigram(list(zip(words, scores.tolist(), strict=True)), unk_id=told.unknown))

    def __call__(self, text: str) -> list[int]:
        """The tokens of a text, with those that begin and end it."""
        plain = re.sub(" +", " ", (ASKED + text).translate(self._changes))
        if not plain.startswith(" "):
            plain = f" {plain}"
        found = self._model.encode(plain.replace(" ", SPACE), add_special_tokens=False)
        return [self._first, *found.ids, self._last]


def _changes(data: bytes, at: int) -> dict[int, str]:
    """By character, what it becomes."""
    count, _ = struct.unpack_from("<iI", data, at)
    at += 8
    found = {}
    for _ in range(count):
        character, length = struct.unpack_from("<IB", data, at)
        found[character] = "".join(map(chr, struct.unpack_from(f"<{length}I", data, at + 5)))
        at += 5 + 4 * length
    return found
