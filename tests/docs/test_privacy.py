"""What the page on privacy says of the store."""

from __future__ import annotations

import re

from api.erasures import PLACES
from tests.docs.pages import marked, text
from tocsin.settings import Settings
from tocsin.store.schema import metadata


def test_it_says_of_each_table_what_it_holds_of_people() -> None:
    """A new table fails here until somebody has thought of who stands in it."""
    named = re.findall(r"`(\w+)`", marked("docs/privacy.md", "tables"))
    assert sorted(named) == sorted(metadata.tables)


def test_the_times_are_those_of_the_settings() -> None:
    page, kept = text("docs/privacy.md"), Settings().retention
    for told, setting, value in (
        ("90 days", "mentions_days", kept.mentions_days),
        ("30 days", "authors_days", kept.authors_days),
        ("24 hours", "sample_hours", kept.sample_hours),
        ("25 months", "tallies_days", kept.tallies_days // 30),
    ):
        assert told.startswith(str(value))
        assert re.search(rf"\| {told}[^|]*\| `retention\.{setting}`", page)
    assert Settings().stream.retention_hours == 7 * 24


def test_every_place_that_an_erasure_counts_stands_in_operations() -> None:
    assert [name for name in PLACES if f"\n{name}: " not in text("docs/data.md")] == []
