"""Definitions are applied to the world of the API's tests."""

from tests.api.world import world as world
