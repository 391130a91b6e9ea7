"""Exposure: a monitor begins where its sources were first heard, not at its first mention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from processors.detection.judge import EXPOSURE, first_window
from tocsin.core.clock import minute_of

MENTION = datetime(2026, 3, 4, 12, 3, tzinfo=UTC)
ITS_WINDOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG_AGO = MENTION - timedelta(days=90)


@pytest.mark.parametrize(
    ("heard_since", "defined", "begins"),
    [
        pytest.param(None, LONG_AGO, ITS_WINDOW, id="nobody knows since when"),
        pytest.param(MENTION - 3 * HOUR, LONG_AGO, datetime(2026, 3, 4, 9, 5, tzinfo=UTC), id="three hours"),
        pytest.param(LONG_AGO, LONG_AGO, datetime(2026, 3, 3, 6, 0, tzinfo=UTC), id="no longer than counts"),
        pytest.param(
            LONG_AGO, MENTION - HOUR, datetime(2026, 3, 4, 11, 5, tzinfo=UTC), id="defined an hour before"
        ),
        pytest.param(
            MENTION + HOUR, MENTION + 2 * HOUR, ITS_WINDOW, id="a mention from before anything was heard"
        ),
        pytest.param(
            MENTION - HOUR,
            MENTION + HOUR,
            datetime(2026, 3, 4, 11, 5, tzinfo=UTC),
            id="brought in after its post",
        ),
    ],
)
def test_it_begins_with_the_first_whole_window_that_was_heard(
    heard_since: datetime | None, defined: datetime, begins: datetime
) -> None:
    assert first_window(minute_of(MENTION), heard_since, defined) == begins


def test_no_more_silence_is_told_than_the_level_rests_on() -> None:
    assert timedelta(hours=24) <= EXPOSURE <= timedelta(hours=48)
