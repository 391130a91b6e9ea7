"""The smallest module that a child process of the benchmarks can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def work(file: str) -> dict[str, Any]:
    return {"bytes": len(Path(file).read_bytes())}
