"""The reference pages that the code writes are those in the documentation."""

from __future__ import annotations

import pytest

from tests.api.world import World
from tests.docs.pages import text
from tests.docs.reference import pages


@pytest.mark.slow("writes the whole reference")
@pytest.mark.parametrize("name", ["docs/settings.md", "docs/commands.md", "docs/routes.md"])
def test_the_reference_is_what_the_code_writes(world: World, name: str) -> None:
    assert text(name) == pages(world.description)[name](), "write it anew: make reference"
