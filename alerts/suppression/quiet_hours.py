"""A person's quiet hours, by their own clock: SEV3 and SEV4 wait until they end, SEV2 and SEV1 ring."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.suppression.situation import RINGS_AT_NIGHT, Situation, Verdict
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import Person


def quiet_hours(at: Situation) -> Verdict | None:
    """Waits until the person's quiet hours end; nothing to say where no person is meant."""
    if at.person is None or at.severity <= RINGS_AT_NIGHT or SIGNAL_KINDS.of(at.kind).unheard:
        return None
    until = quiet_until(at.person, at.now)
    return Verdict("wait", f"{at.person.name}'s quiet hours", until=until) if until else None


def quiet_until(person: Person, now: datetime) -> datetime | None:
    """The end of this person's quiet hours, where they cover `now`."""
    if person.quiet_hours is None:
        return None
    begins, ends = (time.fromisoformat(text) for text in person.quiet_hours)
    return end_of_quiet(now, begins, ends, person.timezone)


def end_of_quiet(now: datetime, begins: time, ends: time, zone_name: str) -> datetime | None:
    """The end of the quiet hours that cover `now`; None outside them. `begins` after `ends` means that they last over
    midnight.
    """
    zone = ZoneInfo(zone_name)
    local = now.astimezone(zone)
    clock = local.time()
    if begins <= ends:
        if not begins <= clock < ends:
            return None
        day = local.date()
    else:
        if ends <= clock < begins:
            return None
        day = local.date() if clock < ends else local.date() + timedelta(days=1)
    return datetime.combine(day, ends, zone).astimezone(now.tzinfo)
