"""Two edits of one definition, field by field: what is proposed, and what a choice makes of them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from api.pages.two_edits import Differing, as_chosen, asked_again, differing
from tocsin.definitions.models import Policy, Silence, SourceDef, Step


def a_source(**settings: object) -> SourceDef:
    return SourceDef.model_validate({"name": "forum", "kind": "feed", **settings})


def test_who_alone_changed_a_field_is_proposed_and_where_both_did_nobody_is() -> None:
    was = a_source(url="https://a.example/feed", lang="nl", interval_s=300)
    theirs = a_source(url="https://b.example/feed", interval_s=300)
    mine = a_source(url="https://c.example/feed", lang="nl", interval_s=600)
    assert differing(was, theirs, mine) == [
        Differing(
            "url",
            "https://a.example/feed",
            "https://b.example/feed",
            "https://c.example/feed",
            take="",
        ),
        Differing("interval_s", 300, 300, 600, take="mine"),
        Differing("lang", "nl", None, "nl", take="theirs"),
    ]
    taken = as_chosen(mine, theirs, {"take.url": "theirs", "take.lang": "theirs"})
    assert taken.settings == {"url": "https://b.example/feed", "interval_s": 600}
    assert as_chosen(mine, theirs, {"take.url": "mine", "take.nonsense": "theirs"}) == mine


def test_a_policy_is_merged_by_team_and_as_a_whole_ladder() -> None:
    steps = [Step(after_minutes=0, targets=("person:a",)), Step(after_minutes=5, targets=("person:b",))]
    mine = Policy(name="p", steps=tuple(steps), teams={"pr": ("person:a",)})
    theirs = Policy(name="p", steps=(steps[0],), teams={"legal": ("person:b",)})
    assert [one.field for one in differing(mine, theirs, mine)] == ["steps", "teams.legal", "teams.pr"]
    both = as_chosen(mine, theirs, {"take.steps": "theirs", "take.teams.legal": "theirs"})
    assert both.steps == theirs.steps and both.teams == {"pr": ("person:a",), "legal": ("person:b",)}


def test_parts_that_do_not_go_together_are_refused() -> None:
    times = [f"2026-11-22T0{hour}:00Z" for hour in range(4)]
    first, second = (
        Silence.model_validate({"name": "s", "reason": "r", "starts_at": start, "ends_at": end})
        for start, end in ((times[0], times[1]), (times[2], times[3]))
    )
    with pytest.raises(ValidationError):
        as_chosen(second, first, {"take.ends_at": "theirs"})


def test_a_form_that_is_shown_again_keeps_the_version_that_was_read_first() -> None:
    assert asked_again({"version": "3", "read_at": "1"})["version"] == "1"
    assert asked_again({"version": "3"})["version"] == "3"
