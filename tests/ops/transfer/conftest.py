"""The world of the API's tests, to which definitions are applied."""

from tests.api.world import world as world
