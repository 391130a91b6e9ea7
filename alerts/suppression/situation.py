"""The question to a suppression rule, and the answers it may give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from tocsin.core.signal import Facts
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import (
    ExpectedEvent,
    Person,
    Policy,
    Silence,
)

RINGS_ALWAYS: Final = 1
RINGS_AT_NIGHT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """An alert that is about to fire, or to page `person`. Lists hold what applies to the alert's monitor."""

    now: datetime
    severity: int
    kind: str
    facts: Facts
    zone: ZoneInfo
    policy: Policy
    silences: Sequence[Silence] = ()
    events: Sequence[ExpectedEvent] = ()
    # The countries of the monitor.
    countries: Sequence[str] = ()
    # The live alert of the same monitor that already tells this story.
    rival: str | None = None
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`suppress`: the alert does not fire. `merge`: it joins `into`. `wait`: it fires, but pages only at `until`. `lower`: it
    fires as the mildest, with the reason, and waits.
    """

    action: Literal["suppress", "merge", "wait", "lower"]
    reason: str
    until: datetime | None = None
    into: str | None = None


def only_volume(at: Situation) -> bool:
    """Whether nothing but a volume is unusual, which an event may explain."""
    kind = SIGNAL_KINDS.of(at.kind)
    return kind.explained_by_events and not (at.facts.negative_over or at.facts.triggers)


Judge = Callable[[Situation], Verdict | None]
