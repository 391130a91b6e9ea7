"""Blocks of many texts, searched as one text, so that the fixed cost of a search is paid once per block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BLOCK_CHARS = 1 << 14
"""The number of characters up to which texts are put into one block. A block must stay in the processor's cache."""


def blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Ranges of `texts`, each of one text or of at most `BLOCK_CHARS` characters with a line break after each."""
    first = size = 0
    for number, text in enumerate(texts):
        size += len(text) + 1
        if size > BLOCK_CHARS and number > first:
            yield first, number
            first, size = number, len(text) + 1
    if first < len(texts):
        yield first, len(texts)
