"""The question to a suppression rule, and the answers it may give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from tocsin.core.signal import Facts
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
    # The live alert of the same monitor that already tells this story.
    rival: str | None = None
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`suppress`: the alert does not fire. `merge`: it joins `into`. `wait`: it fires, but pages only at `until`."""

    action: Literal["suppress", "merge", "wait"]
    reason: str
    until: datetime | None = None
    into: str | None = None


Judge = Callable[[Situation], Verdict | None]
