"""The times that people give lie between 1970 and 2200, and a stored definition is readable whatever it holds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tocsin.core.clock import LATEST
from tocsin.definitions.models import (
    LONGEST_EXPECTED_MINUTES,
    Definition,
    ExpectedEvent,
    Schedule,
    Silence,
    SourceDef,
)

EDGES = (
    "9999-12-31T23:59:59-01:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59+14:00",
    "2200-01-01T00:00:01Z",
)
EARLY = ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z")
NOW = "2031-03-05T10:00:00Z"


@pytest.mark.parametrize("at", EDGES)
@pytest.mark.parametrize(
    ("model", "rest"), [(Silence, {"reason": "quiet"}), (ExpectedEvent, {})], ids=["silence", "event"]
)
def test_an_end_past_2200_is_refused_and_is_bent_where_it_is_stored(
    model: type[Definition], rest: dict[str, Any], at: str
) -> None:
    given = {"name": "never", "starts_at": NOW, "ends_at": at, **rest}
    with pytest.raises(ValidationError, match="between 1970 and 2200"):
        model.model_validate(given)
    stored: Any = model.model_validate(given, context={"stored": True})
    assert stored.ends_at == LATEST


@pytest.mark.parametrize("at", [*EDGES, *EARLY])
def test_a_turn_begins_within_reach(at: str) -> None:
    given = {"name": "duty", "rotation": ["ada"], "starts_at": at}
    with pytest.raises(ValidationError, match="between 1970 and 2200"):
        Schedule.model_validate(given)
    override = given | {"starts_at": NOW, "overrides": [{"person": "ben", "starts_at": at, "ends_at": NOW}]}
    with pytest.raises(ValidationError, match="between 1970 and 2200"):
        Schedule.model_validate(override)
    assert Schedule.model_validate(override, context={"stored": True}).overrides[0].person == "ben"


def test_a_stored_silence_that_lies_beyond_2200_is_readable() -> None:
    given = {"name": "far", "starts_at": EDGES[3], "ends_at": EDGES[0], "reason": "quiet"}
    assert Silence.model_validate(given, context={"stored": True}).starts_at == LATEST


def test_a_rhythm_of_a_million_years_is_refused_and_is_bent_where_it_is_stored() -> None:
    given = {"name": "shop", "kind": "push", "expected_every_minutes": 10**12}
    with pytest.raises(ValidationError, match="expected_every_minutes"):
        SourceDef.model_validate(given)
    stored = SourceDef.model_validate(given, context={"stored": True})
    assert stored.expected_every_minutes == LONGEST_EXPECTED_MINUTES
