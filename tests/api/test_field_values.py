"""What stands in the tables of a definition's history and of two edits: values as people write them, in each language."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.pages.field_values import field_value
from api.pages.formatting import Formatter
from api.pages.i18n import Languages
from tests.api.test_forms import EVENT, SILENCE
from tocsin.definitions.models import KINDS, Definition

LANGUAGES = Languages()
NOW = datetime(2026, 11, 22, 2, 12, tzinfo=UTC)
STEPS = [
    {"after_minutes": 0, "targets": ["schedule:desk", "person:Ada"]},
    {"after_minutes": 90, "targets": ["person:Elif"]},
]
TURN = {"person": "Elif", "starts_at": "2026-11-24T11:00:00Z", "ends_at": "2026-11-24T17:00:00Z"}
FULL: dict[str, dict[str, Any]] = {
    "monitor": {"query": "orvane", "countries": ["TR"], "influential_followers": 250_000},
    "person": {
        "role": "community_manager",
        "language": "nl",
        "quiet_hours": ["22:00", "07:00"],
        "channels": [{"kind": "email", "to": "ada@orvane.example"}],
    },
    "policy": {
        "steps": STEPS,
        "teams": {"pr": ["person:Pim"], "legal": ["person:Ioana"], "fallback": ["schedule:desk"]},
        "heads_up": ["person:Ada"],
    },
    "schedule": {"rotation": ["Ada", "Elif"], "starts_at": "2026-11-23T08:00:00Z", "overrides": [TURN]},
    "silence": {**SILENCE, "starts_at": "2026-11-22T00:00:00Z", "ends_at": "2026-11-22T04:00:00Z"},
    "expected_event": {**EVENT, "starts_at": "2026-11-25T09:00:00Z", "ends_at": "2026-11-25T11:00:00Z"},
    "source": {"kind": "feed", "url": "https://news.example/feed", "interval_s": 300},
}
FOR_MACHINES = re.compile(r"\d\d\d\d-\d\d-\d\d|\d\dT\d\d|person:|schedule:|community_manager|[\[{]")


def spoken(code: str) -> Formatter:
    return Formatter(LANGUAGES[code], ZoneInfo("Europe/Istanbul"), NOW)


@pytest.mark.parametrize("code", LANGUAGES.codes)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_field_of_any_definition_is_shown_as_a_machine_writes_it(kind: str, code: str) -> None:
    assert set(FULL) == set(KINDS)
    value: Definition = KINDS[kind].model_validate({"name": "n", **FULL[kind]})
    for field, part in value.model_dump(mode="json").items():
        parts = {f"{field}.{key}": one for key, one in part.items()} if isinstance(part, dict) else {}
        for name, one in {field: part, **parts}.items():
            shown = field_value(spoken(code), name, one)
            assert shown and not FOR_MACHINES.search(shown), (name, shown)
            assert spoken(code).term("field", name) != name or kind == "source", name


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("ends_at", "2026-11-22T04:00:00Z", "22 Kas 07:00"),
        ("role", "community_manager", "topluluk yöneticisi"),
        ("language", "nl", "Nederlands"),
        ("language", None, "–"),
        ("monitor", None, "tüm izleyiciler"),
        ("night_rings_from", 3, "SEV3"),
        ("quiet_hours", ["22:00", "07:00"], "22:00–07:00"),
        ("steps", STEPS, "hemen desk (nöbet çizelgesi), Ada; 1 sa. 30 dk. sonra Elif"),
        ("influential_followers", 250_000, "250.000"),
        ("false_alerts_per_week", 0.125, "0,125"),
        ("enabled", False, "✗"),
        ("starts_at", "when it suits", "when it suits"),
        ("query", "x" * 700, "x" * 597 + "..."),
    ],
)
def test_values_are_written_in_the_readers_language_and_zone(field: str, value: Any, shown: str) -> None:
    assert field_value(spoken("tr"), field, value) == shown
