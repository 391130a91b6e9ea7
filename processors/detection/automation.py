"""Authors rated for automation: accounts whose posts about a monitor come as a program would send them, and why it looks so.

The rating is pure: it depends on the posts of an author within a day that the monitor has heard, and on which of them are copies.
It says what the posts look like and nothing of the person. A strong reason is enough; of the weak ones it takes two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from processors.understand.gist import ALIKE, words_in
from tocsin.core.clock import HOUR

LEAST_POSTS: Final = 4
"""Nothing is said of an author with fewer posts in the day."""
PACE: Final = 20
"""So many posts in one hour, about one brand, are more than a person writes."""
SAME: Final = 4
"""One story told so many times by one author, by at least half of the posts."""
GAPS: Final = 8
"""So many gaps are needed to say that they are equal."""
EQUAL_WITHIN: Final = 0.1
SHORTEST_GAP: Final = timedelta(seconds=30)
COPIED: Final = 0.8
"""The share of an author's posts that tell what others told before or after in the same words."""
KIN: Final = 2 * ALIKE - 1 - 1e-9
MOST_COMPARED: Final = 60
"""An author with more posts in the day is always rated: the cheap test beforehand is left out."""

PACE_REASON, SAME_REASON, GAPS_REASON, COPIES_REASON = "pace", "same text", "equal gaps", "copies"
WEIGHTS: Final[Mapping[str, float]] = {
    PACE_REASON: 1.0,
    SAME_REASON: 1.0,
    GAPS_REASON: 0.5,
    COPIES_REASON: 0.5,
}
AUTOMATED: Final = 1.0


@dataclass(frozen=True, slots=True)
class AuthorPost:
    """A post of an author. `story` is 0 where the text says too little to be a copy; `copied` says that others tell it too, so
    often that it is a flood.
    """

    at: datetime
    story: int
    copied: bool = False


def reasons(posts: Sequence[AuthorPost]) -> dict[str, float]:
    """What makes these posts of one author look automated, in any order of the posts: by reason, its figure. `pace` is the most
    posts within an hour, `same text` how often one story is told, `equal gaps` the seconds between two posts, `copies` a share.
    """
    if len(posts) < LEAST_POSTS:
        return {}
    times = sorted(one.at for one in posts)
    found: dict[str, float] = {}
    if (pace := _most_in_an_hour(times)) >= PACE:
        found[PACE_REASON] = pace
    told = Counter(one.story for one in posts if one.story)
    if (same := max(told.values(), default=0)) >= SAME and 2 * same >= len(posts):
        found[SAME_REASON] = same
    if (gap := _equal_gap(times)) is not None:
        found[GAPS_REASON] = gap
    copied = sum(one.copied for one in posts) / len(posts)
    if copied >= COPIED:
        found[COPIES_REASON] = round(copied, 4)
    return found


def may_look_automated(posts: Sequence[tuple[datetime, int, bytes | None]]) -> bool:
    """Whether these posts of one author (time, signature, gist) can look automated, whatever others posted. False is certain.

    Stories are known only once all texts are folded, which is dear. Two texts of one story are each as like its leader as `ALIKE`
    asks, and distances of Jaccard add up as distances do: so the two cannot be less like each other than `KIN`.
    """
    if len(posts) > MOST_COMPARED:
        return True
    times = sorted(at for at, _, _ in posts)
    if _most_in_an_hour(times) >= PACE or _equal_gap(times) is not None:
        return True
    needed = max(SAME, -(-len(posts) // 2))
    telling = [(signature, gist, words_in(gist)) for _, signature, gist in posts if signature]
    return any(sum(_may_tell_one(one, other) for other in telling) >= needed for one in telling)


def _may_tell_one(
    one: tuple[int, bytes | None, frozenset[int]], other: tuple[int, bytes | None, frozenset[int]]
) -> bool:
    """Whether two texts may be of one story. A mention that older code stored has no gist, and may be of any."""
    if one[0] == other[0] or one[1] is None or other[1] is None:
        return True
    shared = len(one[2] & other[2])
    return shared > 0 and shared >= KIN * (len(one[2]) + len(other[2]) - shared)


def looks_automated(found: Mapping[str, float]) -> bool:
    """Whether these reasons are enough."""
    return sum(WEIGHTS[reason] for reason in found) >= AUTOMATED


def _most_in_an_hour(times: Sequence[datetime]) -> int:
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= HOUR:
            first += 1
        most = max(most, last - first + 1)
    return most


def _equal_gap(times: Sequence[datetime]) -> float | None:
    """The seconds between two posts, where nearly all gaps are equal."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    if len(gaps) < GAPS:
        return None
    usual = median(gaps)
    equal = sum(abs(gap - usual) <= EQUAL_WITHIN * usual for gap in gaps)
    long_enough = usual >= SHORTEST_GAP.total_seconds()
    return round(usual, 1) if long_enough and equal >= 0.9 * len(gaps) else None
