"""Public holidays of countries, by the package `holidays`: a holiday's lower or higher volume is not a story in itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple


class Holiday(NamedTuple):
    """A public holiday: its name in English, the country's code, and its end by the clock that was asked about."""

    name: str
    country: str
    ends_at: datetime


def holiday_at(at: datetime, countries: Sequence[str], zone: tzinfo) -> Holiday | None:
    """The holiday of the day that `at` lies in by that zone's clock, in the first of these countries that has one."""
    local = at.astimezone(zone)
    for country in countries:
        name = _holidays(country, local.year).get(local.date())
        if name is not None:
            midnight = datetime.combine(local.date() + timedelta(days=1), time(), zone)
            return Holiday(name, country, midnight)
    return None


def holiday_name(at: datetime, countries: Sequence[str], zone: tzinfo) -> str:
    """The name of that holiday, "" on any other day. What stands in brackets there, such as "estimated", is no part of it."""
    found = holiday_at(at, countries, zone) if countries else None
    return found.name.split(" (")[0] if found is not None else ""


def known_country(code: str) -> bool:
    """Whether the holidays of the country with this code (ISO 3166, such as NL) are known."""
    return code in _countries()


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> dict[date, str]:
    # The package takes half a second to load, and most monitors name no country.
    import holidays

    if not known_country(country):
        return {}
    named = holidays.country_holidays(country, years=year, language="en_US")
    return {day: name for day, name in named.items() if day.year == year}


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    # As above.
    import holidays

    return frozenset(
        code for code in holidays.list_supported_countries(include_aliases=False) if len(code) == 2
    )
