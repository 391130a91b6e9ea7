"""The report of a chaos run: its seed, its events with their times, and its counts beside the wanted ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """The events and counts of a run. `wrong` is empty when all is well."""

    seed: int
    schedule: list[str] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def check(self, what: str, found: object, wanted: object) -> None:
        self.counts[what] = found if found == wanted else f"{found!s:.300} instead of {wanted!s:.300}"
        if found != wanted:
            self.wrong.append(f"{what}: {self.counts[what]}")

    def text(self) -> str:
        counted = "\n".join(f"  {name}: {value}" for name, value in self.counts.items())
        wrong = "\n".join(f"  WRONG: {one}" for one in self.wrong) or "  all is well"
        return (
            f"seed {self.seed}\nschedule\n  " + "\n  ".join(self.schedule) + f"\ncounts\n{counted}\n{wrong}\n"
        )
