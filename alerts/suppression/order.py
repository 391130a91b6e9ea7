"""Every suppression, in the order in which they are asked. The first that answers decides, and its reason is kept."""

from __future__ import annotations

from typing import Final

from alerts.suppression.expected_event import expected_event
from alerts.suppression.holiday import holiday
from alerts.suppression.inhibition import inhibition
from alerts.suppression.night import night
from alerts.suppression.quiet_hours import quiet_hours
from alerts.suppression.silence import silence
from alerts.suppression.situation import Judge, Situation, Verdict

BEFORE_FIRING: Final[tuple[Judge, ...]] = (silence, expected_event, holiday, inhibition)
"""The suppressions asked when a candidate would fire."""

EXPLAINS: Final[tuple[Judge, ...]] = (expected_event, holiday)
"""The suppressions that lower an alert: it is shown with the reason, and does not rise while they last."""

BEFORE_A_STEP: Final[tuple[Judge, ...]] = (silence, expected_event, holiday, night)
"""The suppressions asked when a step of the policy is due: the step waits, and the alert stands in the list."""

BEFORE_A_PERSON: Final[tuple[Judge, ...]] = (quiet_hours,)
"""The suppressions asked for each person that a step pages: that person's notice waits."""

ORDER: Final[tuple[Judge, ...]] = (silence, expected_event, holiday, inhibition, night, quiet_hours)


def first(judges: tuple[Judge, ...], situation: Situation) -> Verdict | None:
    """The first answer. None: nothing stands in the way."""
    return next((verdict for judge in judges if (verdict := judge(situation)) is not None), None)
