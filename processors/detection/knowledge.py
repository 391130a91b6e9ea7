"""What detection knows of a monitor so far, and what it can already do with that. A new monitor says that it is learning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from sqlalchemy import Connection, select

from processors.signals.expectation import SEASON_FROM_H
from processors.signals.volume import LEARNING
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store import schema as s

Ability = Literal["triggers", "bursts", "hours", "weekdays"]

ABILITIES: Final[tuple[tuple[Ability, float], ...]] = (
    # Words that make a single mention worth reading are heard from the first mention on.
    ("triggers", 0.0),
    ("bursts", LEARNING / timedelta(hours=1)),
    ("hours", float(SEASON_FROM_H)),
    ("weekdays", 7 * 24.0),
)
"""The abilities of detection, each with the hours that it must have heard before."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`hours` were heard and learnt from. `learning` says that only triggers are armed."""

    hours: float

    @property
    def learning(self) -> bool:
        return self.hours < LEARNING / timedelta(hours=1)

    @property
    def can(self) -> tuple[Ability, ...]:
        return tuple(name for name, needed in ABILITIES if self.hours >= needed)

    @property
    def later(self) -> tuple[tuple[Ability, float], ...]:
        """The abilities that it does not have yet, each with the hours that are missing."""
        return tuple((name, needed - self.hours) for name, needed in ABILITIES if self.hours < needed)


def knowledge(conn: Connection, monitor_id: str, series: str) -> Knowledge:
    """The knowledge about the monitor. A monitor that was never judged, or matches other mentions now, begins at nothing."""
    d = s.detector_state.c
    lead = (d.monitor_id == monitor_id, d.kind == SIGNAL_KINDS.lead.kind, d.series == series)
    state = conn.execute(select(d.state).where(*lead)).scalar_one_or_none() or {}
    return Knowledge(float(state.get("detector", {}).get("known_h", 0.0)))
