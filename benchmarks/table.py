"""The table of a benchmark, and its printed form: aligned columns, numbers to the right, notes below."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field

Cell = str | int | float


@dataclass(slots=True)
class Table:
    """Rows under a title. Whole numbers are grouped by thousands; other numbers have one decimal."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        cells = [[str(column) for column in self.columns], *([_shown(c) for c in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        left = [bool(self.rows) and isinstance(cell, str) for cell in (self.rows or [self.columns])[0]]
        lines = [
            "  ".join(
                cell.ljust(width) if to_left else cell.rjust(width)
                for cell, width, to_left in zip(row, widths, left, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([self.title, "", *lines, "", *self.notes]).rstrip() + "\n"


def machine() -> str:
    """One line on the machine of the run, and how busy it was with other work."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}, load before {load:.1f}"
    )


def _shown(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.1f}"
