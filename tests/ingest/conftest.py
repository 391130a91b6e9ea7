"""A movable clock, engines in a temporary folder, and a small web server on loopback."""

from tests.ingest.house import house as house
from tests.ingest.house import site as site
