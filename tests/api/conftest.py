"""The API's tests share one made-up world."""

from tests.api.world import world as world
