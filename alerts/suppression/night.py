"""Alerts that are not urgent wait: SEV4 for the next working hour, SEV3 for the morning, by the monitor's clock.

Working hours are 09:00 to 18:00, Monday to Friday; the night is 22:00 to 08:00. `night_rings_from` of the policy names
the mildest severity that rings all the same. The alert of a source that is not heard rings: the silence may hide
something worse.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.suppression.situation import RINGS_ALWAYS, Situation, Verdict
from tocsin.core.signal_kinds import SIGNAL_KINDS

WORK_BEGINS, WORK_ENDS = time(9), time(18)
NIGHT_BEGINS, NIGHT_ENDS = time(22), time(8)
WATCH = 4


def night(at: Situation) -> Verdict | None:
    """Waits until the next working hour (SEV4) or morning (the rest), unless the policy lets this severity ring."""
    if at.severity <= max(RINGS_ALWAYS, at.policy.night_rings_from) or SIGNAL_KINDS.of(at.kind).unheard:
        return None
    if at.severity == WATCH:
        until = next_working_hour(at.now, at.zone)
        return Verdict("wait", "waits for the next working hour", until=until) if until > at.now else None
    until = next_morning(at.now, at.zone)
    return Verdict("wait", "waits for the morning", until=until) if until > at.now else None


def next_working_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """`now` if it is a working hour in `zone`, else the time at which the next one begins."""
    local = now.astimezone(zone)
    if local.weekday() < 5 and WORK_BEGINS <= local.time() < WORK_ENDS:
        return now
    day = local.date() if local.time() < WORK_BEGINS else local.date() + timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, WORK_BEGINS, zone).astimezone(now.tzinfo)


def next_morning(now: datetime, zone: ZoneInfo) -> datetime:
    """`now` if it is day in `zone`, else the time at which the night ends."""
    local = now.astimezone(zone)
    if NIGHT_ENDS <= local.time() < NIGHT_BEGINS:
        return now
    day = local.date() if local.time() < NIGHT_ENDS else local.date() + timedelta(days=1)
    return datetime.combine(day, NIGHT_ENDS, zone).astimezone(now.tzinfo)


def following_morning(now: datetime, zone: ZoneInfo) -> datetime:
    """The time at which the next night ends, or this one, by `zone`: always later than `now`."""
    if (morning := next_morning(now, zone)) > now:
        return morning
    return next_morning(datetime.combine(now.astimezone(zone), NIGHT_BEGINS, zone), zone).astimezone(
        now.tzinfo
    )
