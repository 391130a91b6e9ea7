"""The house of ingest's tests."""

from tests.ingest.house import house as house
from tests.ingest.house import site as site
