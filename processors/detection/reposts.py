"""The voices of a text that is passed on: each repost is a person who agrees, and none of them an independent one.

Of m posts of one text whose tones are as like each other as `ALIKE`, m / (1 + (m - 1) `ALIKE`) independent ones say as much
of the tone (Kish's design effect of clustering). It never comes to more than 1 / `ALIKE`: three complaints are more than one
that hundreds pass on. The volume counts every repost.
"""

from __future__ import annotations

from typing import Final

import msgspec

ALIKE: Final = 0.6
"""The correlation of two labels that people gave to posts of one text that is passed on. docs/detection.md has the figures."""


class PassedOn(msgspec.Struct, frozen=True):
    """A text that is passed on in a span: its reposts and the other posts of it, with the negatives among each."""

    reposts: int = 0
    negative: int = 0
    posts: int = 0
    negative_posts: int = 0

    @property
    def voices(self) -> float:
        """The voices of the reposts and of one post that they pass on."""
        return voices_of(self.reposts + min(1, self.posts))

    @property
    def aside(self) -> int:
        """The negatives among the reposts that are set aside, so that the nearest whole number of voices is left."""
        one = min(1, self.negative_posts)
        return min(self.negative, self.negative + one - round(voices_of(self.negative + one)))


NOT_PASSED_ON: Final = PassedOn()


def voices_of(posts: int) -> float:
    """The voices that so many posts of one text count as in the tone."""
    return posts / (1.0 + (posts - 1) * ALIKE) if posts else 0.0
