"""The lines of a notice: what the mentions feel, want and talk of."""

from __future__ import annotations

from datetime import UTC, datetime

from alerts.message import facets_line
from tocsin.core.signal import Evidence

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def evidence(count: int, facets: dict[str, dict[str, int]]) -> Evidence:
    return Evidence(
        rule="volume-1",
        baseline="adaptive",
        since=AT,
        window_start=AT,
        window_end=AT,
        observed=count,
        expected=1,
        lower=0,
        upper=2,
        level=0.95,
        count=count,
        facets=facets,
    )


def test_the_tone_is_told_in_shares_of_all_mentions_the_rare_left_out() -> None:
    facets = {
        "emotion": {"anger": 41, "fear": 12, "joy": 2},
        "intent": {"complaint": 60},
        "harm": {"insult": 9},
    }
    assert facets_line(evidence(100, facets)) == "anger 41%, fear 12%; complaint 60%"
    assert facets_line(evidence(0, {})) == ""
