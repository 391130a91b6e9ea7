"""The line of an alert that a replay prints."""

from __future__ import annotations

from typing import Any

import pytest

from ops.replay.fired import in_a_line

QUIET = {
    "severity": 4,
    "worst": 4,
    "monitor": "Lumo",
    "status": "suppressed",
    "reason": "copies of one text, set aside",
}


@pytest.mark.parametrize(
    ("kind", "facts", "evidence", "claim"),
    [
        (
            "volume",
            {"observed": 2.0, "expected": 1.738, "negative_share": 0.99},
            {"copies": 1118},
            "2 mentions (1,118 copies set aside), 1.74 expected, 99% negative with the copies",
        ),
        ("volume", {"observed": 44.0, "expected": 10.6}, {"copies": 0}, "44 mentions, 10.6 expected"),
        ("volume", {"observed": 44.0, "expected": 10.6}, None, "44 mentions, 10.6 expected"),
        (
            "flood",
            {"observed": 19.0, "expected": 0.0},
            {"copies": 70},
            "one text by 19 authors, 0 on a usual day",
        ),
        (
            "reach",
            {"observed": 1.0, "expected": 0.0, "negative_share": 0.85},
            {"copies": 0},
            "voices with a large audience against it: 1, 85% negative",
        ),
        ("negativity", {"observed": 0.76, "expected": 0.3}, {"copies": 3}, "76% negative, usually 30%"),
        (
            "negativity",
            {"observed": 0.76, "expected": 0.3, "negative_share": 0.81, "negative_baseline": 0.29},
            {"copies": 3},
            "81% negative, usually 29%",
        ),
    ],
)
def test_a_line_has_what_was_counted_and_the_copies_that_were_not(
    kind: str, facts: dict[str, Any], evidence: dict[str, Any] | None, claim: str
) -> None:
    line = in_a_line({**QUIET, "kind": kind, "facts": facts, "evidence": evidence})
    assert line == f"SEV4 watch  Lumo  {claim}  [suppressed: copies of one text, set aside]"
