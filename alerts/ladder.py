"""The ladder that an unanswered alert climbs, and when each of its steps is due. Pure: it reads only the policy that
was copied onto the alert.

The rungs of a round are the policy's steps, then its fallback list. SEV1 and SEV2 climb `ROUNDS` rounds, SEV3 one; from
the second round on the pauses are at most those of `PACE`. A round in which nobody was reached does not count: it begins
again (`before_the_round`). Above the last rung an alert that nobody has answered goes on ringing: everybody on the policy
and the fallback list, SEV1 and SEV2 at the pace of `PACE`, SEV3 each morning. A watch (SEV4) has the first rung alone: its
people are told, and nobody else is asked when they do not answer. `Alert.step` counts the rungs taken since the alert
opened, its acknowledgement expired or it worsened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts.severity import CLOCKS
from alerts.suppression.night import following_morning
from tocsin.definitions.models import Policy

ROUNDS: Final[dict[int, int]] = {1: 3, 2: 3, 3: 1, 4: 1}
PACE: Final[dict[int, timedelta]] = {1: timedelta(minutes=5), 2: timedelta(minutes=15)}
"""The pause between two rings of everybody, above the last rung, and the longest pause from the second round on. SEV3 rings
each morning, SEV4 does not ring again.
"""

EACH_MORNING: Final = 3
CRISES: Final = 2
"""The mildest severity that rings people on all of their channels once the first round has brought no answer."""

LATE: Final = timedelta(minutes=1)
"""A step taken later than this after it was due (the engine was down) sets the clock of the next step anew, to prevent
a burst.
"""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung: `after` counts from the ladder's beginning; `targets` are those of the policy."""

    after: timedelta
    targets: tuple[str, ...]
    # Every channel of each person rings, not the first alone.
    every_channel: bool = False


def one_round(policy: Policy, severity: int) -> tuple[Rung, ...]:
    """The rungs of the first round, in order."""
    gap = CLOCKS[severity].acknowledge
    steps = [Rung(timedelta(minutes=step.after_minutes), step.targets) for step in policy.steps]
    if gap is None:
        return (steps[0],)
    if policy.teams.get("fallback"):
        steps.append(Rung(steps[-1].after + gap, policy.teams["fallback"]))
    return tuple(steps)


def rungs(policy: Policy, severity: int) -> tuple[Rung, ...]:
    """Every rung in order, rounds and fallback included."""
    first = one_round(policy, severity)
    all_of_them = list(first)
    for _ in range(1, ROUNDS[severity]):
        after = all_of_them[-1].after + _answer_time(severity)
        for n, one in enumerate(first):
            after += _pause(severity, one.after - first[n - 1].after) if n else timedelta(0)
            all_of_them.append(Rung(after, one.targets, severity <= CRISES))
    return tuple(all_of_them)


def everybody(policy: Policy) -> tuple[str, ...]:
    """Everybody on the policy and the fallback list, each once."""
    steps = (target for step in policy.steps for target in step.targets)
    return tuple(dict.fromkeys((*steps, *policy.teams.get("fallback", ()))))


def rings_on(severity: int) -> bool:
    """Whether an alert of this severity goes on ringing above the last rung."""
    return severity in PACE or severity == EACH_MORNING


def climbed(policy: Policy, severity: int, step: int) -> bool:
    """Whether every rung is taken."""
    return step >= len(rungs(policy, severity))


def rung(policy: Policy, severity: int, step: int) -> Rung | None:
    """Rung number `step`, counted from 0. Above the last rung everybody is rung. None: nobody is asked again."""
    all_of_them = rungs(policy, severity)
    if step < len(all_of_them):
        return all_of_them[step]
    if not rings_on(severity):
        return None
    return Rung(all_of_them[-1].after, everybody(policy), severity <= CRISES)


def ends_a_round(policy: Policy, severity: int, step: int) -> bool:
    """Whether rung number `step` begins a new round or stands above the last: nobody is left to ask in the round before."""
    return step > 0 and (climbed(policy, severity, step) or step % len(one_round(policy, severity)) == 0)


def before_the_round(policy: Policy, severity: int, step: int) -> int | None:
    """The first rung of the round that ended just before rung number `step`. None: no round ended there."""
    length = len(one_round(policy, severity))
    if step == 0 or step % length or step > len(rungs(policy, severity)):
        return None
    return step - length


def first_due(policy: Policy, severity: int, begins: datetime) -> datetime:
    """The time at which the first rung is due on a ladder that begins at `begins`."""
    return begins + rungs(policy, severity)[0].after


def next_due(
    policy: Policy, severity: int, taken: int, due: datetime, now: datetime, zone: ZoneInfo
) -> datetime:
    """The time at which the rung after number `taken` is due, when number `taken` was due at `due` and taken at `now`.

    After the last rung: its people get their time to answer too. Above it: the pace of the severity, mornings by `zone`.
    """
    all_of_them = rungs(policy, severity)
    base = due if now - due <= LATE else now
    if taken + 1 < len(all_of_them):
        return base + (all_of_them[taken + 1].after - all_of_them[taken].after)
    if taken + 1 == len(all_of_them):
        return base + _answer_time(severity)
    return rings_again(severity, base, zone) or base + _answer_time(severity)


def rings_again(severity: int, rang: datetime, zone: ZoneInfo) -> datetime | None:
    """The time of the next ring above the last rung, after one at `rang`. None: this severity does not ring again."""
    if severity == EACH_MORNING:
        return following_morning(rang, zone)
    pace = PACE.get(severity)
    return rang + pace if pace is not None else None


def _pause(severity: int, of_the_policy: timedelta) -> timedelta:
    """The pause before a rung of a later round: nobody has answered a whole round, so it is at most the severity's pace."""
    return min(of_the_policy, PACE.get(severity, of_the_policy))


def _answer_time(severity: int) -> timedelta:
    """The time that the people of the last rung get to answer."""
    return CLOCKS[severity].acknowledge or timedelta(days=1)
