"""How rare an alert's score is: on how many of the days before it any window was as high.

It is shown beside the decision and decides nothing. Of days that are alike, the newest is the highest of n + 1 by a chance of one
in n + 1, whatever the talk is like (conformal prediction; Vovk, Gammerman and Shafer 2005).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection

from processors.detection.readings import days_as_high
from tocsin.core.signal_kinds import SIGNAL_KINDS

MOST_DAYS: Final = 28
LEAST_DAYS: Final = 7
"""Of fewer days nothing is rare."""


class Rarity(msgspec.Struct, frozen=True):
    """Of `days` days before an alert, `as_high` had a window with its score or a higher one: by chance one day in `one_in`, or
    fewer, is such a day.
    """

    days: int
    as_high: int
    one_in: float


def rarity(conn: Connection, monitor_id: str, kind: str, score: float, since: datetime) -> Rarity | None:
    """The rarity of this score in an episode that began at `since`. None for a kind whose readings are not all kept, for a
    monitor that knows less than a week, and for a score that half of the days have: a trigger rings at any volume.
    """
    signal = SIGNAL_KINDS.of(kind)
    if signal.detector is None or signal.watch or signal.supports:
        return None
    days, as_high = days_as_high(conn, monitor_id, kind, score, since, MOST_DAYS)
    if days < LEAST_DAYS or 2 * as_high >= days:
        return None
    return Rarity(days, as_high, round((days + 1) / (as_high + 1), 1))
