"""A figure's usual days: its highest value on each of the last days, so that only what stands out from them is news."""

from __future__ import annotations

import msgspec

DAYS = 14


class Habit(msgspec.Struct, frozen=True, array_like=True):
    """The highest value of each day on which anything was said, the newest last, without today; and today's so far. `today` is
    the ordinal of a UTC day; 0: nothing was said yet.
    """

    days: tuple[float, ...] = ()
    today: int = 0
    highest: float = 0.0


def usual(habit: Habit, today: int) -> float:
    """The highest value of a usual day: the lower median of the known days before `today`; 0 before any is known."""
    days = before(habit, today)
    return sorted(days)[(len(days) - 1) // 2] if days else 0.0


def most(habit: Habit, today: int) -> float:
    """The highest value of any known day before `today`."""
    return max(before(habit, today), default=0.0)


def before(habit: Habit, today: int) -> tuple[float, ...]:
    """The known days before `today`."""
    ended = habit.today and today > habit.today
    return (*habit.days, habit.highest)[-DAYS:] if ended else habit.days


def met(habit: Habit, today: int, value: float) -> Habit:
    """The habit after one more value of `today`."""
    if today > habit.today:
        return Habit(before(habit, today), today, value)
    return Habit(habit.days, habit.today, max(habit.highest, value)) if value > habit.highest else habit
