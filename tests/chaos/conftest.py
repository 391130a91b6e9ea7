"""Engines that tests may kill, freeze and cut off.

Only the tests of this folder use them. They start once for all of these tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.running import Engines, some_engines


@pytest.fixture(scope="package")
def engines() -> Iterator[Engines]:
    """Engines that answer when a test begins. A test that breaks them puts them right."""
    with some_engines() as made:
        yield made
