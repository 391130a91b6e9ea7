"""Stories: texts that are copies of each other, folded around the most copied of them.

The fold is a pure function of the set of texts. Leaders are found from the most copied text down (equals by signature), and each
further text joins the leader that it is most like. A text joins a leader and never a follower, so a story cannot drift from text
to text. Most texts are like no other and stand for themselves; only the rest is folded. Candidates are found by their rarest
words: two texts that are alike share one of them (prefix filtering, Chaudhuri, Ganti and Kaushik 2006).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from math import ceil
from typing import Final

import msgspec

from processors.understand.gist import ALIKE, MOST_WORDS, alike, words_in
from processors.understand.likeness import KnownTexts

MOST_TEXTS = 2_000
"""The different texts that are compared, the most copied first. Further texts stand for themselves."""
MOST_LOOKED_AT = 40
"""The leaders that one text is compared with: a bound for texts that were made up to cost time."""


class CopiedText(msgspec.Struct, frozen=True):
    """A text as its copies have it in common, and the number of its mentions."""

    signature: int
    gist: bytes | None
    count: int


def folded(texts: Iterable[CopiedText], known: KnownTexts | None = None) -> dict[int, int]:
    """The signature of each text's leader, which names the story, by the text's own signature. A text that is like no other leads
    a story of its own. `known` remembers the texts for the next fold of nearly the same ones, which is then cheap; the stories
    are the same without it.
    """
    # Older mentions of a text may have no gist yet: it follows from the signature.
    counts, gists = dict[int, int](), dict[int, bytes]()
    for one in texts:
        counts[one.signature] = counts.get(one.signature, 0) + one.count
        if one.gist:
            gists[one.signature] = one.gist
    order = sorted(counts, key=lambda signature: (-counts[signature], signature))
    compared = {signature: gists[signature] for signature in order[:MOST_TEXTS] if signature in gists}
    story = dict(zip(order, order, strict=True))
    with_others = (known if known is not None else KnownTexts()).with_others(compared)
    if not with_others:
        return story
    story |= _led(
        {signature: words_in(gist) for signature, gist in compared.items() if signature in with_others}
    )
    return story


def _led(compared: Mapping[int, frozenset[int]]) -> dict[int, int]:
    """By signature, the leader of each text that follows one. The texts come in the order in which they may lead."""
    rank = _rarest_first(compared.values())
    leaders: dict[int, list[int]] = {}
    led: dict[int, int] = {}
    for signature, words in compared.items():
        telling = sorted(words, key=rank.__getitem__)[: _TELLING[len(words)]]
        leader = _leader(words, telling, leaders, compared)
        if leader is not None:
            led[signature] = leader
            continue
        for word in telling:
            leaders.setdefault(word, []).append(signature)
    return led


_TELLING: Final = [0, *(n - ceil(ALIKE * n) + 1 for n in range(1, MOST_WORDS + 1))]
"""How many of its rarest words a text is looked up by, at the place of its number of words. Two texts that are alike share one of
these words, and have it among the rarest of both.
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
