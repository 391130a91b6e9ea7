"""Stories: texts that are copies of each other, folded around the most copied of them.

The fold is a pure function of the set of texts. Leaders are found from the most copied text down (equals by signature), and each
further text joins the leader that it is most like. A text joins a leader and never a follower, so a story cannot drift from text
to text. Candidates are found by their rarest words: two texts that are alike share one of them (prefix filtering, Chaudhuri,
Ganti and Kaushik 2006).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from math import ceil
from typing import Final

from processors.understand.gist import ALIKE, MOST_WORDS, alike, words_in

MOST_TEXTS = 2_000
"""The different texts that are compared, the most copied first. Others stand for themselves."""
MOST_LOOKED_AT = 40
"""The leaders that one text is compared with: a bound for texts that were made up to cost time."""


@dataclass(frozen=True, slots=True)
class CopiedText:
    """A text as its copies have it in common, and the number of its mentions."""

    signature: int
    gist: bytes | None
    count: int


def folded(texts: Iterable[CopiedText]) -> dict[int, int]:
    """By signature, the story: the signature of its leader. A text that is like no other leads a story of its own."""
    known = _merged(texts)
    order = sorted(known, key=lambda one: (-one.count, one.signature))
    compared = {one.signature: words for one in order[:MOST_TEXTS] if (words := words_in(one.gist))}
    rank = _rarest_first(compared.values())
    leaders: dict[int, list[int]] = {}
    story = {one.signature: one.signature for one in order}
    for signature, words in compared.items():
        telling = sorted(words, key=rank.__getitem__)[: _TELLING[len(words)]]
        leader = _leader(words, telling, leaders, compared)
        if leader is not None:
            story[signature] = leader
            continue
        for word in telling:
            leaders.setdefault(word, []).append(signature)
    return story


def _merged(texts: Iterable[CopiedText]) -> Sequence[CopiedText]:
    """The texts, each signature once. Older mentions of a text may have no gist yet: it follows from the signature."""
    found: dict[int, CopiedText] = {}
    for one in texts:
        before = found.get(one.signature)
        gist = one.gist or (before.gist if before else None)
        found[one.signature] = CopiedText(one.signature, gist, one.count + (before.count if before else 0))
    return list(found.values())


_TELLING: Final = [0, *(n - ceil(ALIKE * n) + 1 for n in range(1, MOST_WORDS + 1))]
"""By its number of words, how many of the rarest words of a text tell it: a text that is like it must share one of them, and have
it among its own.
"""


def _rarest_first(texts: Iterable[frozenset[int]]) -> Mapping[int, int]:
    """By word, its place among all words, the rarest first."""
    texts_with = Counter(chain.from_iterable(texts))
    return {word: at for at, word in enumerate(sorted(texts_with, key=lambda word: (texts_with[word], word)))}


def _leader(
    words: frozenset[int],
    telling: Sequence[int],
    leaders: Mapping[int, Sequence[int]],
    compared: Mapping[int, frozenset[int]],
) -> int | None:
    candidates: dict[int, None] = {}
    for word in telling:
        if word in leaders:
            candidates.update(dict.fromkeys(leaders[word]))
    best, found = 0.0, None
    for one in islice(candidates, MOST_LOOKED_AT):
        likeness = alike(words, compared[one])
        if likeness > best and likeness >= ALIKE:
            best, found = likeness, one
    return found
