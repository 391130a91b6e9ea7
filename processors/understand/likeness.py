"""Likeness: which of some texts are like another of them.

Most texts are like no other, and a text seldom becomes or ceases to be like another. So a `KnownTexts` compares each text once
and remembers which ones are alike. Its answer depends only on the texts that it is asked about. Texts that it met before make the
answer cheaper, and never change it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from processors.understand.gist import ALIKE, LEAST_SHARED, words_in

MOST_KNOWN: Final = 4_000
"""The texts that are remembered. Where more are met, the older ones are forgotten."""
MOST_LIKE: Final = 4
"""The texts that are remembered as like one text. A flood has thousands of copies, each like all others."""

Places = NDArray[np.intp]
NOWHERE: Final[Places] = np.zeros(0, np.intp)


class KnownTexts:
    """A memory of texts, by their gists, and of which ones are alike: some 300 bytes a text. Not for two threads at once."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._known: dict[bytes, int] = {}
        self._gists: list[bytes] = []
        # The number of words of each text, and the texts that have a word, by their places in `_gists`.
        self._sizes = array("I")
        self._having: dict[int, array[int]] = {}
        # By the place of a text that is like others, the places of some of these: all where they are fewer than `MOST_LIKE`.
        self._like: dict[int, list[int]] = {}
        # By place, whether so many are known.
        self._full = bytearray()

    def __len__(self) -> int:
        return len(self._known)

    def with_others(self, gists: Mapping[int, bytes]) -> set[int]:
        """The names of those texts (gists by name) that are like another of them."""
        here = Counter(gists.values())
        new = [gist for gist in here if gist not in self._known]
        if len(self._known) + len(new) > self._most:
            self._forget()
            new = list(here)
        for gist in new:
            self._meet(gist)
        places = {self._known[gist] for gist in here}
        found = {place for place in places & self._like.keys() if self._has_another(place, places)}
        if len(here) < len(gists):
            # Texts of the same words in another order.
            found |= {self._known[gist] for gist, times in here.items() if times > 1}
        return {name for name, gist in gists.items() if self._known[gist] in found} if found else set()

    def _has_another(self, place: int, here: set[int]) -> bool:
        if any(one in here for one in self._like[place]):
            return True
        if not self._full[place]:
            return False
        # More texts are like it than are remembered.
        found = [
            one for one in self._alike(words_in(self._gists[place])).tolist() if one in here and one != place
        ]
        if len(found) >= MOST_LIKE:
            self._like[place] = found[:MOST_LIKE]
        return bool(found)

    def _meet(self, gist: bytes) -> None:
        words, place = words_in(gist), len(self._gists)
        found = self._alike(words)
        self._known[gist] = place
        self._gists.append(gist)
        self._sizes.append(len(words))
        self._full.append(found.size >= MOST_LIKE)
        if found.size:
            self._like[place] = found[:MOST_LIKE].tolist()
            self._note(place, found)
        for word in words:
            having = self._having.get(word)
            if having is None:
                having = self._having[word] = array("I")
            having.append(place)

    def _note(self, place: int, found: Places) -> None:
        """Note the text at `place` with those that are like it."""
        for one in found[np.frombuffer(self._full, np.uint8)[found] == 0].tolist():
            like = self._like.setdefault(one, [])
            like.append(place)
            self._full[one] = len(like) >= MOST_LIKE

    def _alike(self, words: frozenset[int]) -> Places:
        """The places of the known texts that are alike (`processors.understand.gist.alike`) to one of these words."""
        having = [np.frombuffer(self._having[word], np.uint32) for word in words if word in self._having]
        if len(having) < LEAST_SHARED:
            return NOWHERE
        shared = np.bincount(np.concatenate(having))
        near = np.flatnonzero(shared >= LEAST_SHARED)
        if not near.size:
            return NOWHERE
        both = shared[near]
        either = len(words) + np.frombuffer(self._sizes, np.uint32)[near] - both
        return near[both / either >= ALIKE]

    def _forget(self) -> None:
        for memory in (self._known, self._gists, self._having, self._like):
            memory.clear()
        self._sizes, self._full = array("I"), bytearray()
