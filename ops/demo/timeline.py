"""The dates of the demo's story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tocsin.core.errors import WrongInput

CRISIS_BEFORE_END = timedelta(minutes=75)
FLOOD_LASTS = timedelta(minutes=18)


@dataclass(frozen=True)
class Timeline:
    """The time of each event of the story. All times are aware, in UTC."""

    start: datetime
    campaign_from: datetime
    campaign_to: datetime
    flood_from: datetime
    flood_to: datetime
    crisis_at: datetime
    end: datetime


def timeline(end: datetime, *, days: int = 14, crisis_before: timedelta = CRISIS_BEFORE_END) -> Timeline:
    """The story's dates.

    Raises `WrongInput` where `end` has no zone, `days` is not 7 to 60, or `crisis_before` is not 40 minutes to 6 hours.
    """
    if end.tzinfo is None:
        raise WrongInput(f"the demo's end {end.isoformat()} has no time zone; give an aware time")
    if not 7 <= days <= 60:
        raise WrongInput(f"the demo covers 7 to 60 days, not {days}")
    if not timedelta(minutes=40) <= crisis_before <= timedelta(hours=6):
        raise WrongInput(
            f"the demo's crisis begins 40 minutes to 6 hours before the end, not {crisis_before}"
        )
    end = end.astimezone(UTC).replace(microsecond=0)
    start = end - timedelta(days=days)
    campaign = _at_hour(start + timedelta(days=days * 9 // 14), 15)
    flood = _at_hour(start + timedelta(days=days * 11 // 14), 12) + timedelta(minutes=40)
    return Timeline(
        start=start,
        campaign_from=campaign,
        campaign_to=campaign + timedelta(hours=3),
        flood_from=flood,
        flood_to=flood + FLOOD_LASTS,
        crisis_at=end - crisis_before,
        end=end,
    )


def _at_hour(day: datetime, hour: int) -> datetime:
    return day.replace(hour=hour, minute=0, second=0)
