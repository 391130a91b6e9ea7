"""Newcomers: an unusual share of the people in the talk have never spoken of the brand before.

People are remembered by a hash, and at most `MOST` hashes are kept. When more come, one more bit of the hash decides who is in
the sample, and half of all people, known ones and new ones, leave it. So the memory is bounded and the sample does not depend on
the order in which people came; a sample is enough for a share. The detector compares the share of newcomers among those who spoke
in the last hour with the monitor's usual share. It opens no alert: strangers come with every crisis and with every lottery.

`detail`: span_s, complete, threshold, of and new (people of the sample in the hour, and the newcomers among them), people (those
that this reading adds), usual, upto (everybody up to this time is known from now on; None where nobody was asked for), met (the
hashes that are new, in hexadecimal), reason.
"""

# ruff: noqa: ARG002  # the port has arguments that this kind does not need

from __future__ import annotations

from datetime import datetime
from math import asin, sqrt

import msgspec

from processors.signals.beside import HIGHEST, Beside, learns, reaches
from processors.signals.calculation import Calculation, shown
from processors.signals.statistics import tidy, wilson
from processors.signals.types import Reading, Sensitivity, WindowCounts
from tocsin.core.clock import HOUR
from tocsin.core.signal import Agreement

# The most people that are remembered, and the bits of each one's hash.
MOST, BITS = 512, 32
# People of an hour that a share needs.
AT_LEAST = 8
HALF_LIFE_H = 72.0
# The usual share counts as known from so many people on, with the made-up ones (below) among them.
KNOWN_FROM = 40.0
# The share before anything is known, with the weight of so many people.
FIRST_SHARE, FIRST_WEIGHT = 0.5, 8.0
# People of one hour are no independent sample.
CORRELATION = 0.02


class NewcomersState(msgspec.Struct, frozen=True):
    """The memory of one monitor. `known` has `BITS` bits a person, of those whose hash ends in `level` zero bits. Everybody up to
    `upto` is known. `recent` has (end, people, newcomers) of the readings of the last hour that had people; `usual` is
    (newcomers, people), fading.
    """

    first: datetime | None = None
    upto: datetime | None = None
    level: int = 0
    known: bytes = b""
    recent: tuple[tuple[datetime, int, int], ...] = ()
    usual: tuple[float, float] = (FIRST_SHARE * FIRST_WEIGHT, FIRST_WEIGHT)


class Newcomers(Beside[NewcomersState]):
    """The detector. It needs `heard.people`, the hashes of those who spoke from the state's `upto` to the end of the window."""

    kind = "newcomers"
    version = "newcomers-1"

    def initial(self) -> NewcomersState:
        return NewcomersState()

    def judge(self, state: NewcomersState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        people = window.heard.people
        learning = learns(state.first, window.start)
        sample = sorted({_short(one) for one in people or () if in_sample(one, state.level)})
        known = frozenset(_listed(state.known)) if sample else frozenset()
        met = [one for one in sample if one not in known]
        recent = _recent(state, window.end)
        of, new = len(sample) + sum(one[1] for one in recent), len(met) + sum(one[2] for one in recent)
        usual = tidy(state.usual[0] / state.usual[1])
        score = distance(new, of, usual) if people is not None and of >= AT_LEAST else 0.0
        lower, upper = wilson(new, of)
        share = round(new / of, 6) if of else 0.0
        enough = state.usual[1] >= KNOWN_FROM
        over = enough and reaches(window, sensitivity, score, learning=learning)
        return self.reading(
            window,
            sensitivity,
            max(HOUR, window.length),
            {
                "of": of,
                "new": new,
                "people": len(sample),
                "usual": usual,
                "upto": window.end.isoformat() if people is not None else None,
                "met": "".join(f"{one:08x}" for one in met),
                "reason": _reason(over=over, learning=learning, asked=people is not None, of=of),
            },
            score=score,
            observed=share,
            expected=round(usual, 6),
            interval=(min(share, round(lower, 6)), max(share, round(upper, 6))),
            learning=learning,
            over=over,
        )

    def quiet(
        self, state: NewcomersState, window: WindowCounts, sensitivity: Sensitivity
    ) -> NewcomersState | None:
        """The state where the store was not asked who speaks: the score is 0, which is below every threshold."""
        asked = window.heard.people is not None
        return state if state.first is not None and not asked else None

    def may_be_over(self, state: NewcomersState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        return window.heard.people is not None

    def learn(self, state: NewcomersState, window: WindowCounts, reading: Reading) -> NewcomersState:
        detail = reading.detail
        if not window.complete:
            return state
        if detail["upto"] is None:
            return state if state.first else msgspec.structs.replace(state, first=window.start)
        met = [int(detail["met"][i : i + 8], 16) for i in range(0, len(detail["met"]), 8)]
        level, known = _bounded(state.level, [*_listed(state.known), *met])
        hours = (window.end - (state.upto or window.start)) / HOUR
        keep = 0.5 ** (hours / HALF_LIFE_H)
        # People who come with an alert teach no more than twice the usual.
        new = min(float(len(met)), 2 * detail["usual"] * detail["people"] + 1.0)
        return NewcomersState(
            first=state.first or window.start,
            upto=window.end,
            level=level,
            known=known,
            recent=(*_recent(state, window.end), (window.end, detail["people"], len(met))),
            usual=(tidy(state.usual[0] * keep + new), tidy(state.usual[1] * keep + detail["people"])),
        )


def checks(agreement: Agreement) -> list[Calculation]:
    """The arithmetic behind newcomers that stand in an alert's evidence."""
    new, of, usual = (agreement.numbers[name] for name in ("new", "of", "usual"))
    return [
        Calculation(
            name="Share of newcomers",
            formula=f"{shown(new)} / {shown(of)}",
            value=new / of,
            judged=agreement.observed,
        ),
        Calculation(
            name="Distance from the usual share (z)",
            formula=f"2 (asin sqrt({shown(new)} / {shown(of)}) - asin sqrt({shown(usual)})) * sqrt({shown(_effective(of))})",
            value=min(HIGHEST, distance(new, of, usual)),
            judged=agreement.score,
        ),
    ]


def in_sample(author: int, level: int) -> bool:
    """Whether this person (a 64-bit hash) is looked at."""
    return author % (1 << level) == 0


def distance(new: float, of: float, usual: float) -> float:
    """How far the share is above the usual one, in deviations of a share of so many people."""
    return round(2.0 * (asin(sqrt(new / of)) - asin(sqrt(usual))) * sqrt(_effective(of)), 4)


def _effective(of: float) -> float:
    return of / (1.0 + (of - 1.0) * CORRELATION)


def _recent(state: NewcomersState, end: datetime) -> tuple[tuple[datetime, int, int], ...]:
    return tuple(one for one in state.recent if end - one[0] < HOUR)


def _bounded(level: int, people: list[int]) -> tuple[int, bytes]:
    """The people as they are kept, at most `MOST`, and the level of their sample."""
    while len(people) > MOST:
        level += 1
        people = [one for one in people if in_sample(one, level)]
    return level, b"".join(one.to_bytes(BITS // 8, "big") for one in sorted(people))


def _short(author: int) -> int:
    return author % (1 << BITS)


def _listed(known: bytes) -> list[int]:
    step = BITS // 8
    return [int.from_bytes(known[i : i + step], "big") for i in range(0, len(known), step)]


def _reason(*, over: bool, learning: bool, asked: bool, of: int) -> str:
    if learning:
        return "learning who speaks"
    if not asked:
        return "nobody asked who speaks"
    if of < AT_LEAST:
        return "too few people for a share"
    return "more newcomers than usual" if over else "as many newcomers as usual"
