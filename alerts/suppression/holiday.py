"""A public holiday explains a volume as an announced event does."""

from __future__ import annotations

from alerts.suppression.situation import Situation, Verdict, only_volume
from tocsin.definitions.calendar import holiday_at


def holiday(at: Situation) -> Verdict | None:
    """A watch that waits while it is a holiday in a country of the monitor and nothing but the volume is unusual."""
    if not at.countries or not only_volume(at):
        return None
    found = holiday_at(at.now, at.countries, at.zone)
    if found is None:
        return None
    return Verdict("lower", f"holiday: {found.name} ({found.country})", until=found.ends_at)
