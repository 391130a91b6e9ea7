"""How wide a test walks: a few examples or a part of its cases in every run, very many or all by `make chaos` (docs/chaos.md)."""

from __future__ import annotations

import os
from typing import Final
from zlib import crc32

WIDE: Final = os.environ.get("TOCSIN_TEST_WIDE") == "1"
WIDER: Final = 40


def examples(usual: int, wider: int = WIDER) -> int:
    """`usual`, or forty times (`wider`) as many with TOCSIN_TEST_WIDE=1."""
    return usual * wider if WIDE else usual


def drawn(case: str, one_in: int = 3) -> bool:
    """Whether this case is among the few of every run: one in three, always the same. All are with TOCSIN_TEST_WIDE=1.

    A test that asks this has the mark `wide`.
    """
    return WIDE or crc32(case.encode()) % one_in == 0
