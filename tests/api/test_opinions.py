"""What a second opinion comes to on a line: it agrees where two of three labels are the same, else it differs."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from api.opinions import Opinion, as_json, line

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def opinion(asked: int, agreed: int, unscored: int = 0) -> Opinion:
    return Opinion(
        window_end=AT,
        at=AT,
        model="deep-test",
        asked=asked,
        agreed=agreed,
        unscored=unscored,
        unscored_negative=min(1, unscored),
        negative=agreed,
    )


@pytest.mark.parametrize(
    ("asked", "agreed", "said"),
    [(57, 47, "agrees"), (3, 2, "agrees"), (3, 1, "differs"), (300, 199, "differs")],
)
def test_two_of_three_equal_labels_agree(asked: int, agreed: int, said: str) -> None:
    found = opinion(asked, agreed)
    assert line(found) == f"second opinion {said} ({agreed} of {asked}); deep-test"
    told = as_json(found)
    assert told is not None and told["agrees"] == (said == "agrees") and told["asked"] == asked
    assert msgspec.json.encode(told)


def test_what_it_says_of_unscored_mentions_stands_beside() -> None:
    assert line(opinion(3, 3, unscored=4)).startswith(
        "second opinion agrees (3 of 3); of 4 unscored it calls 1 negative"
    )
    assert line(opinion(0, 0, unscored=4)) == "second opinion of 4 unscored it calls 1 negative; deep-test"
    assert as_json(None) is None
