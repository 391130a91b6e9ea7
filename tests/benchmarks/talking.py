"""A module that says a line before its result, for a child process of the benchmarks."""

from __future__ import annotations

from typing import Any


def work(said: str) -> dict[str, Any]:
    print(said, flush=True)
    return {"letters": len(said)}
