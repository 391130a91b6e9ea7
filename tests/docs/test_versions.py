"""Each migration has a number of its own: two branches that take the same one meet here, before a store does."""

from __future__ import annotations

import re

from tests.docs.pages import files
from tocsin.store.migrations.upgrade import SCHEMA


def test_migrations_count_without_a_gap_or_a_double_up_to_the_schema() -> None:
    found = (re.fullmatch(r"tocsin/store/migrations/versions/v(\d+)_\w+\.py", name) for name in files())
    assert sorted(int(one[1]) for one in found if one) == list(range(1, SCHEMA + 1))
