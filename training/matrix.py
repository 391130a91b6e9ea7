"""The features of texts as a sparse matrix, the same ones that `processors.understand.linear.Sums` adds up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from processors.understand.features import (
    BUCKETS,
    Reader,
    are_negated,
    pair_buckets,
    part_buckets,
    text_buckets,
)
from processors.understand.lexicon import lexicon_of
from processors.understand.linear import EXTRAS

# The languages whose models are taught what emoji say. The sets of the others have few emoji, and such a fit was worse; these
# models take what words of the same valence taught them.
EMOJI_TAUGHT = frozenset({"en"})
_BATCH = 2_000


def features(texts: Sequence[str], language: str, *, learnt: bool = True) -> Any:
    """A CSR matrix, one row a text: counts of features, over the square root of their number. `learnt` texts are read as a model
    learns them, all others as the finished model reads them.
    """
    from scipy import sparse

    reader = Reader(lexicon_of(language, emoji=not learnt or language in EMOJI_TAUGHT))
    parts = []
    for begin in range(0, len(texts), _BATCH):
        if reader.full:
            reader.forget()
        parts.append(_part(texts[begin : begin + _BATCH], reader, language))
    return sparse.vstack(parts, format="csr")


def _part(texts: Sequence[str], reader: Reader, language: str) -> Any:
    from scipy import sparse

    lists = list(_buckets(texts, reader, language))
    sizes = np.array([len(one) for one in lists])
    data = np.repeat(1 / np.sqrt(sizes), sizes)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    matrix = sparse.csr_matrix((data, np.concatenate(lists), ends), shape=(len(texts), BUCKETS))
    matrix.sum_duplicates()
    return matrix


def _buckets(texts: Sequence[str], reader: Reader, language: str) -> Iterator[list[int]]:
    ids, starts = reader.read(texts)
    known = reader.known
    negated = are_negated(np.array([known[place].kind for place in ids]))
    numbers = np.array([known[place].number for place in ids])
    valence = np.array([known[place].valence for place in ids])
    valences = np.add.reduceat(np.where(negated, -7 * valence // 10, valence), starts)
    lengths = np.diff(np.append(starts, len(ids))) - 1
    flat, sizes = part_buckets([token.edged for token in known])
    ends = np.cumsum(sizes)
    extra = EXTRAS.get(language)
    wholes = text_buckets(valences, lengths) + (extra(texts) if extra else [])
    for row, (begin, end) in enumerate(zip(starts, np.append(starts[1:], len(ids)), strict=True)):
        found: list[int] = []
        for place in range(begin + 1, end):
            token = known[ids[place]]
            found += token.always
            found += flat[ends[ids[place]] - sizes[ids[place]] : ends[ids[place]]].tolist()
            found += token.negated if negated[place] else token.affirmed
        found += pair_buckets(numbers[begin : end - 1], numbers[begin + 1 : end]).tolist()
        found += [int(whole[row]) for whole in wholes]
        yield found
