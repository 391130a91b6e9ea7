"""docs/security.md names a test for each defect that was found from outside, and each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOUND = {"C": 1, "H": 7, "M": 11, "L": 13}
"""How many there were of each: critical, high, medium, low."""


def test_each_defect_that_was_found_from_outside_has_a_test_that_is_there() -> None:
    page = (ROOT / "docs/security.md").read_text().partition("### Defect by defect")[2]
    rows = re.findall(r"^\| ([CHML]\d+) \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    assert [name for name, _ in rows] == [
        f"{kind}{n + 1}" for kind, count in FOUND.items() for n in range(count)
    ]
    for name, tests in rows:
        named = re.findall(r"`([^`]+)::(\w+)`", tests)
        assert named, name
        for file, test in named:
            assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text(), (name, file, test)
