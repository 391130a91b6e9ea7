"""What holds an alert back, and until when, as the API, the command and the page say it."""

from __future__ import annotations

from datetime import datetime

import pytest

from alerts.held_by import HeldBy, told_by

UNTIL = datetime.fromisoformat("2031-03-05T12:00:00+00:00")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("silence: we move: house", HeldBy("silence", "we move: house", UNTIL)),
        ("expected event: launch", HeldBy("expected_event", "launch", UNTIL)),
        ("holiday: King's Day (NL)", HeldBy("holiday", "King's Day (NL)", UNTIL)),
        ("waits for the morning", HeldBy("night", "", UNTIL)),
        ("noise", None),
        ("taken: ada", None),
        ("", None),
    ],
)
def test_a_reason_names_what_holds(reason: str, told: HeldBy | None) -> None:
    assert told_by(reason, UNTIL) == told
