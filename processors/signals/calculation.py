"""The arithmetic of a verdict, step by step, as a person follows it with a pocket calculator."""

from __future__ import annotations

import msgspec

from processors.signals.statistics import asks
from processors.signals.types import Reading
from tocsin.core.promise import CLEARLY_OVER
from tocsin.core.sentences import Sentence, listed

# Judged figures are rounded where they are stored, and a step starts from rounded figures.
CLOSE = 1e-3


class Calculation(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the arithmetic: `value` is what `formula` gives. `judged` is the figure that the verdict has for it, where it
    keeps one. `name` is English, and so are the words of `formula`, which is a `Sentence` where it has any; the page translates
    both, and leaves the symbols.
    """

    name: str
    formula: str
    value: float
    judged: float | None = None

    @property
    def same(self) -> bool:
        """Whether the verdict has the same figure, as far as both were rounded."""
        return self.judged is None or abs(self.value - self.judged) <= CLOSE * max(1.0, abs(self.judged))


def shown(value: float) -> str:
    """A number in a formula: at most six digits that count."""
    return f"{value:.6g}"


def promised(promise: float, power: float) -> str:
    """The factor of a promise other than one false alert a week, as it stands in a formula."""
    return Sentence(" x {factor} (promise)", factor=shown(asks(promise, power))) if promise != 1.0 else ""


def heated(reading: Reading) -> str:
    """The formula of a score, from the heat of its reading."""
    return Sentence("{n} x heat {heat}", n=shown(CLEARLY_OVER), heat=shown(reading.detail["heat"]))


def doublings(seen: str, usual: str) -> str:
    """The formula of a score that rises with each doubling."""
    return Sentence("{score}, from 0 to 6", score=f"3 * log2({seen} / {usual})")


def added(values: list[float] | list[int]) -> str:
    """A sum as it is written out: "3 + 0 + 5". Equal neighbours from three on are written once: "0 (7 times)"."""
    parts: list[str] = []
    for value, times in _runs(values):
        once = shown(value)
        parts += [Sentence("{value} ({n} times)", value=once, n=times)] if times > 2 else [once] * times
    return listed(parts, " + ") if parts else "0"


def _runs(values: list[float] | list[int]) -> list[tuple[float, int]]:
    runs: list[tuple[float, int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1] = (value, runs[-1][1] + 1)
        else:
            runs.append((value, 1))
    return runs
