"""The number of examples that a property is tested on: a few in every run, very many by `make chaos` (docs/chaos.md)."""

from __future__ import annotations

import os
from typing import Final

WIDE: Final = os.environ.get("TOCSIN_TEST_WIDE") == "1"
WIDER: Final = 20


def examples(usual: int) -> int:
    """`usual`, or twenty times as many with TOCSIN_TEST_WIDE=1."""
    return usual * WIDER if WIDE else usual
