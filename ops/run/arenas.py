"""The memory that the C library keeps for threads."""

from __future__ import annotations

import contextlib
import ctypes

_M_ARENA_MAX = -8
FEW = 2


def share_arenas() -> bool:
    """Let all threads take their memory from a few arenas; return whether the C library knows of that (glibc does).

    By default each thread gets an arena of its own, up to eight for each core. Forty threads that each make a list of alerts
    now and then leave a hole of that size in all of them, and the process grows for hours.
    """
    with contextlib.suppress(AttributeError, OSError):
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, FEW))
    return False
