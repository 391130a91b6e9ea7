"""The precision of a back-test, by the stored alerts that people judged."""

from __future__ import annotations

from typing import Any

from ops.replay.curve import known_verdicts, real_alerts


def played(alert_id: str | None, verdict: str | None, status: str = "firing") -> dict[str, Any]:
    return {"alert_id": alert_id, "verdict": verdict, "status": status}


def test_a_stored_alert_counts_once_and_one_that_nobody_would_have_been_told_of_not_at_all() -> None:
    alerts = [
        played("al_1", "real"),
        played("al_1", "real"),
        played("al_2", "noise"),
        played("al_3", "duplicate"),
        played("al_4", "real", "suppressed"),
        played(None, None),
    ]
    assert known_verdicts(alerts) == {"al_1": "real", "al_2": "noise"}
    assert real_alerts(alerts) == {"al_1"}
