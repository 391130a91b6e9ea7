"""The decisions of this package as tables for people. docs/alerting.md shows them, and a test holds it to that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from alerts import states
from alerts.escalations import states as escalation_states
from alerts.ladder import EACH_MORNING, PACE, ROUNDS
from alerts.on_clock import REST
from alerts.outbox.retries import ATTEMPTS, RETRIES
from alerts.severity import AT_ONCE, CLOCKS, RULES, TWICE, severity
from alerts.suppression.order import BEFORE_A_PERSON, BEFORE_A_STEP, BEFORE_FIRING, ORDER
from tocsin.core.signal import Facts, speaks
from tocsin.core.signal_kinds import SIGNAL_KINDS

TRIGGER_ROWS: Final = (
    (1, 1),
    (2, 2),
    (2, 92),
    (3, 3),
    (3, 150),
    (3, 151),
    (4, 104),
    (4, 254),
    (10, 410),
    (10, 600),
)
"""People who say a trigger, and voices in that hour, themselves included."""


def alert_states() -> str:
    """Each status with what may follow: action -> status."""
    return _machine(states.STATUSES, states.TRANSITIONS)


def escalation_machine() -> str:
    """The same for escalations."""
    return _machine(escalation_states.STATUSES, escalation_states.TRANSITIONS)


def severity_rules() -> str:
    """Each named rule, the level it gives and the level it builds on."""
    rows = [(f"SEV{rule.level}", rule.name, f"SEV{rule.on}" if rule.on else "nothing") for rule in RULES]
    return _table(("level", "when", "on top of"), rows)


def triggers() -> str:
    """The severity that so many people give who say one trigger, among so many voices: alone, and with what else is unusual."""
    over = Facts(
        kind=SIGNAL_KINDS.lead.kind, score=0.0, observed=0.0, expected=0.0, ratio=1.0, windows_over=1
    )
    spike = msgspec.structs.replace(over, score=AT_ONCE, ratio=TWICE, windows_over=2)
    rows = []
    for people, voices in TRIGGER_ROWS:
        said = {"safety": people}
        within = [_level(msgspec.structs.replace(one, triggers=said, voices=voices)) for one in (over, spike)]
        # Where nothing else is over, detection writes a signal only for a trigger that speaks.
        alone = within[0] if speaks(said, voices) else "nothing"
        rows.append((str(people), str(voices), alone, *within))
    return _table(
        ("people who say it", "voices in that hour", "alone", "in a window over", "in a spike"), rows
    )


def _level(facts: Facts) -> str:
    found = severity(facts).severity
    return f"SEV{found}" if found is not None else "nothing"


def clocks() -> str:
    """The times that each severity asks of people."""
    rows = [
        (
            f"SEV{level} {one.name}",
            _span(one.acknowledge) if one.acknowledge else "next working hour",
            _span(one.assessment),
            _span(one.statement) if one.statement else "no clock",
            _span(one.next_update),
            one.at_night,
            str(ROUNDS[level]),
        )
        for level, one in sorted(CLOCKS.items())
    ]
    heads = (
        "severity",
        "acknowledge",
        "first assessment",
        "holding statement",
        "next update",
        "at night",
        "rounds",
    )
    return _table(heads, rows)


def rings_on() -> str:
    """The pace at which each severity rings above its last step."""
    rows = [(f"SEV{level}", _pace(level), _whom(level)) for level in sorted(ROUNDS)]
    return _table(("severity", "rings again", "who"), rows)


def _pace(level: int) -> str:
    if level == EACH_MORNING:
        return "each morning"
    return f"every {_span(PACE[level])}" if level in PACE else "no more"


def _whom(level: int) -> str:
    if level in PACE:
        return "everybody on the policy and the fallback list, on every channel"
    return "everybody on the policy and the fallback list" if level == EACH_MORNING else "nobody"


def suppression() -> str:
    """Each suppression in its order, where it is asked, and what it says."""
    places = (
        ("before firing", BEFORE_FIRING),
        ("before a step", BEFORE_A_STEP),
        ("before a person", BEFORE_A_PERSON),
    )
    rows = []
    for judge in ORDER:
        where = ", ".join(name for name, judges in places if judge in judges)
        rows.append((judge.__name__, where, (judge.__doc__ or "").split("\n")[0]))
    return _table(("suppression", "asked", "answer"), rows)


def rest() -> str:
    """The time that an alert must have been calm until it is resolved by itself."""
    return _table(("status", "calm for"), [(status, _span(length)) for status, length in REST.items()])


def retries() -> str:
    """The attempts of a failed notice."""
    rows = [("1", "when due"), *((str(n), f"{_span(pause)} later") for n, pause in enumerate(RETRIES, 2))]
    assert len(rows) == ATTEMPTS
    return _table(("attempt", "when"), rows)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "alert states": alert_states,
    "escalation states": escalation_machine,
    "severity rules": severity_rules,
    "triggers": triggers,
    "clocks": clocks,
    "rings on": rings_on,
    "suppression": suppression,
    "rest": rest,
    "retries": retries,
}


def filled(document: str) -> str:
    """The document with each `<!-- table: NAME -->` ... `<!-- end -->` block holding that table as it is in the code."""
    for name, make in TABLES.items():
        opening, closing = f"<!-- table: {name} -->\n", "<!-- end -->"
        before, found, after = document.partition(opening)
        if found:
            document = before + opening + make() + closing + after.partition(closing)[2]
    return document


def _machine(statuses: Sequence[str], transitions: Mapping[tuple[str, str], str]) -> str:
    rows = []
    for status in statuses:
        arrows = [(action, after) for (before, action), after in transitions.items() if before == status]
        stays = [action for action, after in arrows if after == status]
        moves = [f"{action} → {after}" for action, after in arrows if after != status]
        rows.append((status, ", ".join(moves) or "-", ", ".join(stays) or "-"))
    return _table(("status", "leads to", "stays on"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
