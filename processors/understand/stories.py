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
from math import ceil

from processors.understand.gist import ALIKE, alike, words_in

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
    rarity = Counter(word for words in compared.values() for word in words)
    leaders: dict[int, list[int]] = {}
    story: dict[int, int] = {}
    for one in order:
        words = compared.get(one.signature, frozenset())
        telling = _telling(words, rarity)
        leader = _leader(words, telling, leaders, compared)
        story[one.signature] = one.signature if leader is None else leader
        if leader is None:
            for word in telling:
                leaders.setdefault(word, []).append(one.signature)
    return story


def _merged(texts: Iterable[CopiedText]) -> Sequence[CopiedText]:
    """The texts, each signature once. Older mentions of a text may have no gist yet: it follows from the signature."""
    found: dict[int, CopiedText] = {}
    for one in texts:
        before = found.get(one.signature)
        gist = one.gist or (before.gist if before else None)
        found[one.signature] = CopiedText(one.signature, gist, one.count + (before.count if before else 0))
    return list(found.values())


def _telling(words: frozenset[int], rarity: Mapping[int, int]) -> list[int]:
    """The rarest words of a text, so many that a text which is like it must share one of them, and have it among its own."""
    many = len(words) - ceil(ALIKE * len(words)) + 1
    return sorted(words, key=lambda word: (rarity[word], word))[: many if words else 0]


def _leader(
    words: frozenset[int],
    telling: Sequence[int],
    leaders: Mapping[int, Sequence[int]],
    compared: Mapping[int, frozenset[int]],
) -> int | None:
    candidates = dict.fromkeys(one for word in telling for one in leaders.get(word, ()))
    best, found = 0.0, None
    for one in list(candidates)[:MOST_LOOKED_AT]:
        likeness = alike(words, compared[one])
        if likeness >= ALIKE and likeness > best:
            best, found = likeness, one
    return found
