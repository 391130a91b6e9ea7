"""The ladder that an unanswered alert climbs, and when each of its steps is due. Pure: it reads only the policy that
was copied onto the alert.

The rungs are the policy's steps, then its fallback list. SEV1 and SEV2 climb the ladder `ROUNDS` times, the others
once. A watch (SEV4) has the first rung alone: its people are told, and nobody else is asked when they do not answer.
After the last rung the alert stands in the list and the auditor names it. `Alert.step` counts the rungs taken since the
alert opened, its acknowledgement expired or it worsened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.severity import CLOCKS
from tocsin.definitions.models import Policy

ROUNDS: Final[dict[int, int]] = {1: 3, 2: 3, 3: 1, 4: 1}
LATE: Final = timedelta(minutes=1)
"""A step taken later than this after it was due (the engine was down) sets the clock of the next step anew, to prevent
a burst.
"""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung: `after` counts from the ladder's beginning; `targets` are those of the policy."""

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
    """Rung number `step`, counted from 0. None: all rungs are taken."""
    all_of_them = rungs(policy, severity)
    return all_of_them[step] if step < len(all_of_them) else None


def first_due(policy: Policy, severity: int, begins: datetime) -> datetime:
    """The time at which the first rung is due on a ladder that begins at `begins`."""
    return begins + rungs(policy, severity)[0].after


def next_due(policy: Policy, severity: int, taken: int, due: datetime, now: datetime) -> datetime:
    """The time at which the rung after number `taken` is due, when number `taken` was due at `due` and taken at `now`.

    After the last rung: the time at which the ladder is exhausted, because the people on that rung get their time to
    answer too.
    """
    all_of_them = rungs(policy, severity)
    base = due if now - due <= LATE else now
    if taken + 1 >= len(all_of_them):
        return base + (CLOCKS[severity].acknowledge or timedelta(days=1))
    return base + (all_of_them[taken + 1].after - all_of_them[taken].after)
