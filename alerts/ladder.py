"""The ladder an unanswered alert climbs: which step is due when. Pure, on the policy that was copied onto
the alert.

The rungs are the policy's steps, then its fallback list. SEV1 and SEV2 climb the ladder `ROUNDS` times, the
others once; a watch (SEV4) has the first rung alone: it is told, nobody else is asked because it was not
answered. After the last rung the alert stands in the list and the auditor names it. `Alert.step` counts
rungs taken since the alert opened, its acknowledgement expired or it worsened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.severity import CLOCKS
from tocsin.definitions.models import Policy

ROUNDS: Final[dict[int, int]] = {1: 3, 2: 3, 3: 1, 4: 1}
LATE: Final = timedelta(minutes=1)
"""A step taken later than this after it was due (we were down) sets the clock of the next one anew: no
burst.
"""


@dataclass(frozen=True, slots=True)
class Rung:
    """`after` the ladder's beginning; `targets` as in the policy."""

    after: timedelta
    targets: tuple[str, ...]


def rungs(policy: Policy, severity: int) -> tuple[Rung, ...]:
    """Every rung in order, rounds and fallback included."""
    gap = CLOCKS[severity].acknowledge
    if gap is None:
        return (Rung(timedelta(minutes=policy.steps[0].after_minutes), policy.steps[0].targets),)
    one_round = [Rung(timedelta(minutes=step.after_minutes), step.targets) for step in policy.steps]
    if policy.teams.get("fallback"):
        one_round.append(Rung(one_round[-1].after + gap, policy.teams["fallback"]))
    length = one_round[-1].after + gap
    return tuple(
        Rung(rung.after + n * length, rung.targets) for n in range(ROUNDS[severity]) for rung in one_round
    )


def rung(policy: Policy, severity: int, step: int) -> Rung | None:
    """Rung number `step`, counted from 0; None when all are taken."""
    all_of_them = rungs(policy, severity)
    return all_of_them[step] if step < len(all_of_them) else None


def first_due(policy: Policy, severity: int, begins: datetime) -> datetime:
    """When the first rung is due on a ladder that begins at `begins`."""
    return begins + rungs(policy, severity)[0].after


def next_due(policy: Policy, severity: int, taken: int, due: datetime, now: datetime) -> datetime:
    """When the rung after number `taken` is due, that one having been due at `due` and taken at `now`.

    After the last rung: when the ladder is exhausted, for those on it get their time to answer too.
    """
    all_of_them = rungs(policy, severity)
    base = due if now - due <= LATE else now
    if taken + 1 >= len(all_of_them):
        return base + (CLOCKS[severity].acknowledge or timedelta(days=1))
    return base + (all_of_them[taken + 1].after - all_of_them[taken].after)
