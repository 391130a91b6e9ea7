"""The knowledge of what was heard, and so of which windows are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The knowledge of what was heard. In the spans of `deaf` nothing could be heard; each signal carries `missing`.

    `blind` has the spans in which single sources were not heard, by source. `of_monitor` has those that are missed by single
    monitors, by their id. Since `since` every source was heard, apart from those spans; None where nobody knows.
    """

    deaf: Sequence[Span] = ()
    missing: Sequence[str] = ()
    blind: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    of_monitor: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    since: datetime | None = None

    def complete(self, start: datetime, end: datetime) -> bool:
        return not any(a < end and start < b for a, b in self.deaf)

    def of(self, monitor: str) -> Coverage:
        """The coverage of one monitor."""
        felt = self.of_monitor.get(monitor)
        return replace(self, deaf=[*self.deaf, *felt]) if felt else self
