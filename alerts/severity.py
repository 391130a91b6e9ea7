"""The severity of a signal, from its facts: a table of named rules, in which each level builds on the one below.

The engine may raise a severity, never lower it. A learning baseline arms only the triggers. A share needs a complete
window. The product leaves some choices open; this module decides them:

- a trigger is SEV1 when at least three people say it, or when one person does while the conditions of SEV2 hold. One or two
  people who say it make a spike a SEV3, and the first window that is over a SEV4. Where nothing is over they raise nothing,
  for detection then writes no signal (`processors.detection.evidence.triggers_speak`);
- where only one network is heard, nobody can ask for two, and one network alone is no proof either: SEV2 then needs an
  outlet of the first rank or a course for tenfold;
- the second window of the spike need not be over. It is enough that its last hour alone is as high as an alert needs, or that
  its score would be, had the first window not raised the limit. Talk that was over at ten times the expected, and is a hair
  below the limit five minutes later, is still there;
- a trigger that this monitor hears every day counts only where more than twice as many people say it as usual
  (`processors.detection.trigger_habit`);
- a trigger that fewer than one voice in fifty says is lost in the crowd and raises nothing;
- a monitor in its first week that had heard fewer than a hundred mentions before does not know what is normal (`thin`),
  for it may have begun to listen just now. Its alert is a SEV4 that says so, unless a trigger, a well-known author or a
  first-rank outlet speaks;
- a share that rises, as negativity does, without a volume of twice the expected is SEV3 at most, triggers aside;
- a worsening is a run of readings of which none falls under nine tenths of the peak, and which still grows after 30 minutes.
  An alert that the reposts of one text carry (`one_text`) is no SEV1 by lasting, and counts as being on the network of that
  text alone;
- a signal beside the volume (`watch`: a voice that is heard far, a silence) is a SEV4, whatever its own figures are. With the
  share of negatives over its baseline, or with a trigger and a voice that is heard far, it is a SEV3. SEV2 asks for volume.
  A silence stays a SEV4, for where nobody speaks a share is of what was said before;
- a signal that a source is not heard (`unheard`) is SEV3 and rings at night: the silence may hide something worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tocsin.core.promise import CLEARLY_OVER
from tocsin.core.signal import Facts, most_said, speaks
from tocsin.core.signal_kinds import SIGNAL_KINDS, SignalKind

AT_ONCE: Final = 6.0
TWICE: Final = 2.0
WORSENING: Final = timedelta(minutes=30)
# The part of the peak that a reading must reach to belong to a worsening.
HOLDS: Final = 0.9


@dataclass(frozen=True, slots=True)
class Clocks:
    """The times that a severity asks of people, counted from the alert or the escalation. None: no clock runs."""

    name: str
    acknowledge: timedelta | None
    assessment: timedelta
    statement: timedelta | None
    next_update: timedelta
    at_night: str


CLOCKS: Final[dict[int, Clocks]] = {
    1: Clocks(
        "crisis",
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(minutes=30),
        timedelta(minutes=30),
        "rings, on every channel",
    ),
    2: Clocks(
        "escalate",
        timedelta(minutes=10),
        timedelta(minutes=20),
        timedelta(minutes=60),
        timedelta(hours=2),
        "rings",
    ),
    3: Clocks(
        "review", timedelta(minutes=30), timedelta(minutes=60), None, timedelta(hours=4), "waits for morning"
    ),
    4: Clocks("watch", None, timedelta(hours=4), None, timedelta(days=1), "waits for the next working hour"),
}


@dataclass(frozen=True, slots=True)
class SeverityInput:
    """Everything that decides a severity."""

    facts: Facts
    clearly_over: float = CLEARLY_OVER
    worsening_for: timedelta = timedelta(0)

    @property
    def signal(self) -> SignalKind:
        return SIGNAL_KINDS.of(self.facts.kind)


@dataclass(frozen=True, slots=True)
class Rule:
    """One named reason. The rule gives `level` once the level `on` is reached (None: the rule needs no level below it)."""

    level: int
    name: str
    on: int | None
    holds: Callable[[SeverityInput], bool]


def _spike(given: SeverityInput) -> bool:
    return _loud(given) and given.facts.score >= given.clearly_over


def _lasting(given: SeverityInput) -> bool:
    """A spike, or a window after one that is about as high."""
    return _spike(given) or (_loud(given) and given.facts.lasts)


def _loud(given: SeverityInput) -> bool:
    """What may be a spike, if its score is high enough."""
    f = given.facts
    enough = given.signal.is_share or f.ratio >= TWICE
    return enough and not (f.learning or given.signal.unheard or given.signal.watch)


def _twofold(given: SeverityInput) -> bool:
    if given.signal.watch:
        return False
    return not given.signal.is_share or given.facts.ratio >= TWICE


def _watched(given: SeverityInput) -> bool:
    f = given.facts
    return given.signal.watch and not f.learning and f.score >= given.clearly_over


def _most_said(given: SeverityInput) -> int:
    return most_said(given.facts.triggers, given.facts.voices)


def _spread(facts: Facts) -> bool:
    return facts.networks_heard > 1 and facts.networks >= 2 and not facts.one_text


def _known(given: SeverityInput) -> bool:
    return not given.facts.thin


def _soured(given: SeverityInput) -> bool:
    """The tone of what is said is over. Where nobody speaks, the share is of what was said before, and tells nothing."""
    f = given.facts
    return _known(given) and f.negative_over and f.complete and f.observed > 0


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        4, "clearly over expected in two windows", None, lambda c: _lasting(c) and c.facts.windows_over >= 2
    ),
    Rule(4, "far over expected at once", None, lambda c: _spike(c) and c.facts.score >= AT_ONCE),
    Rule(4, "a trigger was said", None, lambda c: _most_said(c) >= 1),
    Rule(4, "unusual beside the volume: a watch", None, _watched),
    Rule(4, "little was heard before: this may be normal", 4, lambda c: c.facts.thin),
    Rule(3, "a source is not heard", None, lambda c: c.signal.unheard),
    Rule(
        3,
        "share of negatives over its baseline",
        4,
        _soured,
    ),
    Rule(3, "an influential author is in it", 4, lambda c: c.facts.influential and not c.signal.watch),
    Rule(
        3,
        "a trigger beside a voice that is heard far",
        4,
        lambda c: _watched(c) and _most_said(c) >= 1 and (c.facts.influential or c.facts.tier1),
    ),
    Rule(3, "a trigger within a spike", 4, lambda c: _most_said(c) >= 1 and _spike(c)),
    Rule(
        2,
        "on two networks",
        3,
        lambda c: _known(c) and _twofold(c) and _spread(c.facts),
    ),
    Rule(2, "an outlet of the first rank is in it", 3, lambda c: _twofold(c) and c.facts.tier1),
    Rule(
        2,
        "on course for tenfold within six hours",
        3,
        lambda c: _known(c) and _twofold(c) and c.facts.tenfold,
    ),
    Rule(
        1, "a trigger said by three or more people", None, lambda c: speaks(c.facts.triggers, c.facts.voices)
    ),
    Rule(1, "a trigger within an escalated spike", 2, lambda c: _most_said(c) >= 1),
    Rule(
        1,
        "escalated and worsening for 30 minutes",
        2,
        lambda c: c.worsening_for >= WORSENING and not c.facts.one_text,
    ),
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A severity and the names of the rules that hold (`reasons`). `severity` None: no rule holds, and the alert stays
    a candidate.
    """

    severity: int | None
    reasons: tuple[str, ...]


def severity(
    facts: Facts,
    previous: int | None = None,
    worsening_since: datetime | None = None,
    at: datetime | None = None,
    clearly_over: float = CLEARLY_OVER,
) -> Decision:
    """The severity now: the worst level whose rules hold, and never milder than `previous`.

    `worsening_since` and `at` say how long the alert has been getting worse (see `worsening`). `clearly_over` is the
    score that keeps the monitor's promise (see `tocsin.core.promise`).
    """
    lasted = at - worsening_since if at and worsening_since else timedelta(0)
    given = SeverityInput(facts, clearly_over, lasted)
    held: list[Rule] = []
    for rule in RULES:
        if _stands(rule, held) and rule.holds(given):
            held.append(rule)
    level = min((rule.level for rule in held), default=None)
    if previous is not None and (level is None or previous < level):
        level = previous
    return Decision(level, tuple(rule.name for rule in held))


def _stands(rule: Rule, held: Sequence[Rule]) -> bool:
    """Whether a rule holds of the level that this one stands on. Three people who say a trigger are a SEV1 by themselves: that is
    no spike in which a trigger could be.
    """
    return rule.on is None or any(one.level == rule.on for one in held)


def worsening(since: datetime | None, score: float, peak: float, at: datetime) -> datetime | None:
    """The time at which the present worsening began, after a reading of `score` at `at`. None: the alert is not getting
    worse.
    """
    if score < HOLDS * peak:
        return None
    if since is None:
        return at if score > peak else None
    return since
