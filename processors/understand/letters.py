"""The letters and words of twelve languages: how well a word fits each of them, learnt from cleared texts.

A table has a row for each hashed piece of a word (the word, its runs of one to six letters, its letters with marks) and a
column for each language. A cell is the logarithm of how much more often the piece stands in that language than in the others,
in `_UNIT`ths. A word brings the sum of its rows over the root of its length, worked out once and remembered.
`training/language.py` makes the table.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.understand.artefacts import FOLDER, checksum_of, read_arrays

LANGUAGES: Final = ("de", "en", "es", "fr", "id", "it", "nl", "pl", "pt", "ro", "sv", "tr")
BUCKETS: Final = 1 << 18
UNIT: Final = 256
"""The table is in whole numbers of this part of a natural logarithm."""

_LONGEST_RUN: Final = 6
_LONGEST_WORD: Final = 24
_MOST_KEPT: Final = 1 << 15
"""The most words that are remembered: 8 MB at the very most."""

_LETTERS: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyz'’ªºàáâãäåæçèéêëìíîïñòóôõöùúûüßœÿąćęğıłńśşșţțźżăș\u0300\u0307ýþðď˝"
)
"""The letters of the twelve languages in lower case; the last five stand for Turkish and Romanian ones in a wrong encoding."""

_Row = npt.NDArray[np.int64]


def pieces(word: str, plain: str) -> list[int]:
    """The buckets of a word in lower case. `plain` is the word without its marks."""
    edged = f"<{plain[:_LONGEST_WORD]}>"
    # Where each letter is a byte, the word is encoded as a whole: to encode each run costs more than to hash it.
    said = edged.encode() if edged.isascii() else None
    runs = (
        map(said.__getitem__, _RUNS[len(edged)])
        if said
        else map(_encoded, map(edged.__getitem__, _RUNS[len(edged)]))
    )
    marked = (_encoded("c" + letter) for letter in word[:_LONGEST_WORD] if not letter.isascii())
    return [one & (BUCKETS - 1) for one in map(zlib.crc32, chain((_encoded("w" + plain),), runs, marked))]


_RUNS: Final = [
    [slice(at, at + size) for size in range(1, _LONGEST_RUN + 1) for at in range(length - size + 1)]
    for length in range(_LONGEST_WORD + 3)
]
"""By the length of a word with its edges, where its runs of letters stand."""


def fit_of(words: Sequence[str], plains: Sequence[str]) -> dict[str, float]:
    """By language, how well the words fit it beside the other eleven, as the logarithm of odds. 0 says nothing."""
    if not _LETTERS.issuperset("".join(words)):
        # A letter of another language, or of another script: the table has not met that language.
        return dict.fromkeys(LANGUAGES, 0.0)
    remembered = _remembered()
    total = np.zeros(len(LANGUAGES), dtype=np.int64)
    for word, plain in zip(words, plains, strict=True):
        row = remembered.get(word)
        if row is None:
            if len(remembered) >= _MOST_KEPT:
                remembered.clear()
            row = remembered[word] = _row(word, plain)
        total += row
    return dict(zip(LANGUAGES, (total / UNIT).tolist(), strict=True))


def _row(word: str, plain: str) -> _Row:
    summed = _table()[pieces(word, plain)].sum(axis=0, dtype=np.int64)
    row: _Row = np.round(summed / np.sqrt(min(len(word), _LONGEST_WORD))).astype(np.int64)
    return row


def _encoded(piece: str) -> bytes:
    return piece.encode("utf-8", "surrogatepass")


@cache
def _remembered() -> dict[str, _Row]:
    return {}


@cache
def _table() -> npt.NDArray[Any]:
    card = FOLDER / "language.json"
    table: npt.NDArray[Any] = read_arrays(card.with_suffix(".npz"), checksum_of(card))[1]["weights"]
    return table
