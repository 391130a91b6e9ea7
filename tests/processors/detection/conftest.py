"""What the tests of detection share: the time at which they begin, and a store that watches Brightwater."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.stores import store_at
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store.port import Store

START: Final = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = store_at(tmp_path / "store.db")
    with made.write() as conn:
        repository.save(conn, Monitor(name="Brightwater", query="brightwater"), now=START, actor="test")
    yield made
    made.close()
