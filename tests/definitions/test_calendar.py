"""Public holidays of a monitor's countries, by its own clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tocsin.definitions.calendar import holiday_at, holiday_name
from tocsin.definitions.models import Monitor

AMSTERDAM, ISTANBUL = ZoneInfo("Europe/Amsterdam"), ZoneInfo("Europe/Istanbul")


@pytest.mark.slow("many cases")
def test_a_holiday_lasts_as_long_as_the_monitors_day() -> None:
    first = datetime(2026, 4, 26, 22, 0, tzinfo=UTC)
    found = holiday_at(first, ("TR", "NL"), AMSTERDAM)
    assert found is not None and (found.name, found.country) == ("King's Day", "NL")
    assert found.ends_at == datetime(2026, 4, 27, 22, 0, tzinfo=UTC)
    assert holiday_at(datetime(2026, 4, 26, 21, 59, tzinfo=UTC), ("NL",), AMSTERDAM) is None
    assert holiday_at(first, ("TR",), AMSTERDAM) is None
    assert holiday_at(first, (), AMSTERDAM) is None


def test_the_countries_of_our_languages_have_theirs() -> None:
    republic, unity = datetime(2026, 10, 29, 9, tzinfo=UTC), datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert holiday_at(republic, ("TR",), ISTANBUL) is not None
    assert holiday_at(unity, ("RO",), ZoneInfo("Europe/Bucharest")) is not None


def test_a_holiday_has_the_same_name_in_the_years_in_which_its_day_is_a_guess() -> None:
    for year, month, day in ((2020, 5, 24), (2035, 12, 1)):
        feast = datetime(year, month, day, 9, tzinfo=UTC)
        assert holiday_name(feast, ("TR",), ISTANBUL) == "Eid al-Fitr"
    assert holiday_name(datetime(2026, 3, 3, 9, tzinfo=UTC), ("TR",), ISTANBUL) == ""


def test_a_country_that_nobody_knows_is_refused_and_one_that_is_stored_is_kept() -> None:
    with pytest.raises(ValueError, match="no holidays are known of 'QQ'"):
        Monitor(name="a", query="acme", countries=("QQ",))
    stored = {"name": "a", "query": "acme", "countries": ["QQ"]}
    kept = Monitor.model_validate(stored, context={"stored": True})
    assert kept.countries == ("QQ",)
    assert holiday_at(datetime(2026, 12, 25, 9, tzinfo=UTC), kept.countries, UTC) is None
