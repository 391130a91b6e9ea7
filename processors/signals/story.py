"""The story of a signal: when a statistic that is high says something new, so that a person hears of one crisis once.

A statistic is given as `heat`: 1 where it reaches the promise of one false alert a week. A story begins with a window that is hot
enough. It goes on until two hours have been cooler. The next story begins when its path has rested, half a day to a day, or is
clearly worse than the last one: half as bad again, half a day later. An alert raises the threshold of its own path for a while.
In the long run a path then alerts as often as was promised, whatever the series is like.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tocsin.core.clock import DAY, WEEK

HALF_A_DAY = timedelta(hours=12)
WORSE_AFTER, WORSE = HALF_A_DAY, 1.5
CALM = timedelta(hours=2)
OVER, THE_SAME = "over", "the same story"
HOT = (OVER, THE_SAME)
"""The reasons of windows that are hot enough."""


@dataclass(frozen=True, slots=True)
class Path:
    """One way in which a signal becomes hot. `habit` is how much an alert raises the path's threshold, as a share of it.
    `a_week` such raises are forgotten in a week, at a promise of one false alert a week. It begins no story for `rest` after an
    alert of its own, and for `yields` after one of another path.
    """

    name: str
    habit: float
    a_week: float
    rest: timedelta = DAY
    yields: timedelta = DAY


class Story(msgspec.Struct, frozen=True, gc=False):
    """The memory of what was said. `alerted` is the window of the last alert, `hot` the last window that was hot enough, `over`
    the last that was part of a story. `top` is the highest heat of that story. `habits` has one place per path: how much its
    threshold was raised right after the last alert, as a share. `path` is the place of the path that alerted last.
    """

    alerted: datetime | None = None
    hot: datetime | None = None
    over: datetime | None = None
    top: float = 0.0
    habits: tuple[float, ...] = ()
    # Stories that older code stored have no path. They wait as after an alert of the first one.
    path: int = 0


def raised(told: Story, path: int, rule: Path, at: datetime, promise: float) -> float:
    """How much the threshold of a path is raised at `at`, as a share of it. `promise` is the number of false alerts a week."""
    habit = told.habits[path]
    if not habit or told.alerted is None:
        return 0.0
    return max(0.0, habit - rule.habit * rule.a_week * promise * ((at - told.alerted) / WEEK))


def rest(told: Story, path: int, rule: Path) -> timedelta:
    """The time after the last alert in which a path begins no story."""
    return rule.rest if path == told.path else rule.yields


def alerts(told: Story, at: datetime, heat: float, path: int, rule: Path) -> bool:
    """Whether a window that is hot enough on a path, with this heat, begins a story or a clearly worse part of one."""
    if told.alerted is None:
        return True
    since = at - told.alerted
    cooled = told.hot is None or at - told.hot > CALM
    return (since >= rest(told, path, rule) and cooled) or (since >= WORSE_AFTER and heat >= WORSE * told.top)


def speaks(told: Story, at: datetime, heat: float, path: int, rule: Path) -> bool:
    """Whether a window that is hot enough belongs to a story that is going on, or begins one."""
    return (told.over is not None and at - told.over <= CALM) or alerts(told, at, heat, path, rule)


def after(
    told: Story, at: datetime, paths: tuple[Path, ...], promise: float, path: int, heat: float, *, over: bool
) -> Story:
    """The story after a closed window that was hot enough. `path` is the place of its hottest path."""
    if not alerts(told, at, heat, path, paths[path]):
        in_story = told.alerted is not None and (
            at - told.alerted < rest(told, path, paths[path])
            or (told.hot is not None and at - told.hot <= CALM)
        )
        return msgspec.structs.replace(
            told,
            hot=at,
            over=at if over else told.over,
            top=max(told.top, heat) if in_story else told.top,
        )
    habits = [
        raised(told, place, rule, at, promise) + (rule.habit if place == path else 0.0)
        for place, rule in enumerate(paths)
    ]
    return Story(alerted=at, hot=at, over=at, top=heat, habits=tuple(habits), path=path)
