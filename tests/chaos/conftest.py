"""Engines that may be hurt: of the tests in this folder alone, started once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.running import Engines, some_engines


@pytest.fixture(scope="package")
def engines() -> Iterator[Engines]:
    """They answer when a test begins, and whoever hurts them puts them right."""
    with some_engines() as made:
        yield made
