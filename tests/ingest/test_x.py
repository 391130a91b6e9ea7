"""X: what a post says, what it costs, deletions, refusals."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.kinds import make_source
from ingest.source import Cursor, FetchFailed, Removed, Source
from ingest.sources.x_api import MARGIN, id_at, time_of
from ingest.sources.x_query import search_of, wider
from tests.contracts.loopback import INGEST, Loopback, as_json, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import Ear, Heard, hear
from tests.contracts.sources import NOW
from tests.ingest.networks.x import NETWORK, SECONDS_OF_8_DAYS, TOKEN
from tests.ingest.one_network import ear_of
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Author, Engagement
from tocsin.definitions.models import SourceDef
from tocsin.query import parse_query

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("query", "search"),
    [
        ("united", '"united"'),
        ("united OR @united OR #ual", '("united" OR @united OR #ual)'),
        ('"su ısıtıcı" AND (patladı OR duman)', '"su ısıtıcı" ("patladı" OR "duman")'),
        # X's search is wider: what only takes away is left to the matcher.
        ("ketel AND NOT reclame", '"ketel"'),
        ("ketel AND lang:nl AND followers>1000", '"ketel"'),
        ("ketel AND lek*", '"ketel"'),
        ("ketel OR lek*", None),
        ("url:ketel.example", 'url:"ketel.example"'),
    ],
)
def test_a_monitors_query_becomes_a_search_that_is_never_narrower(query: str, search: str | None) -> None:
    assert wider(parse_query(query).root) == search


def test_one_search_is_for_all_monitors_within_what_x_takes() -> None:
    queries = ["united", "ketel AND lek", "lek*", "no ( query", "united", "z" * 60]
    found = search_of(queries, "lang:nl", 64)
    assert found.text == '("united" OR ("ketel" "lek")) lang:nl'
    assert found.left_out == ("lek*", "no ( query", "z" * 60)
    assert search_of(["lek*"], "lang:nl", 512).text == ""


@pytest.fixture
def ear(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Ear:
    monkeypatch.setenv("X_TOKEN", TOKEN)
    return ear_of(loopback, NETWORK, posts_per_day=150)


def test_ids_hold_times() -> None:
    assert time_of(1_460_323_737_035_677_698).isoformat() == "2021-11-15T19:08:05.069000+00:00"
    assert time_of(id_at(NOW)) == NOW
    assert id_at(NOW.replace(year=1990)) == 0


def test_a_post_says_who_how_far_and_in_answer_to_what(ear: Ear) -> None:
    ear.world.posts = posts(1)
    (found,) = hear(ear, ear.source()).mentions
    assert found.author == Author("77", "Ayşe", "ayse", 12, False)
    assert found.engagement == Engagement(1, 2, 3, 4)
    assert (found.in_reply_to, found.thread, found.extra) == ("5", "5", {"quotes": "6"})
    assert (found.lang, found.hashtags, found.links) == ("nl", ("ketel",), ("https://ex.example/1",))
    assert found.url == f"https://x.com/ayse/status/{found.id}"


def test_a_day_costs_no_more_than_was_allowed_and_nothing_is_lost(ear: Ear) -> None:
    ear.world.posts = posts(320)
    first = hear(ear, ear.source())
    assert len(first.ids) == 150
    assert hear(ear, ear.source(), first.cursor).ids == []
    waiting = ear.source().fetch(first.cursor, NOW)
    assert waiting.retry_after == DAY / 2
    assert "posts_per_day" in (waiting.warning or "")
    ear.world.clock.advance(DAY / 2)
    second = hear(ear, ear.source(), first.cursor)
    ear.world.clock.advance(DAY)
    third = hear(ear, ear.source(), second.cursor)
    assert set(first.ids + second.ids + third.ids) == ear.ids(*range(1, 321))
    assert first.gaps + second.gaps + third.gaps == []


def test_posts_that_are_gone_are_removed_after_a_day(ear: Ear) -> None:
    ear.world.posts = posts(3)
    heard = hear(ear, ear.source())
    ear.world.delete(2)
    heard = hear(ear, ear.source(), heard.cursor)
    assert heard.removed == []
    ear.world.clock.advance(DAY)
    heard = hear(ear, ear.source(), heard.cursor)
    assert {one.id for one in heard.removed} == ear.ids(2)
    ear.world.clock.advance(DAY)
    assert hear(ear, ear.source(), heard.cursor).removed == []


# -- batch compliance jobs -------------------------------------------------------------------------------


@pytest.fixture
def batch(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Ear:
    """X whose API stands under `/api`, and its store of files beside it."""
    monkeypatch.setenv("X_TOKEN", TOKEN)
    return ear_of(loopback, NETWORK, batch=True, site=f"{loopback.url}/api")


def _a_day_later(ear: Ear, source: Source, cursor: Cursor | None) -> Heard:
    """What is heard within the quarter of an hour after the day in which post 2 was deleted."""
    ear.world.delete(2)
    ear.world.clock.advance(DAY)
    heard = hear(ear, source, cursor)
    for _ in range(8):
        ear.world.clock.advance(timedelta(minutes=2))
        more = hear(ear, source, heard.cursor)
        heard.cursor = more.cursor
        heard.removed += more.removed
    return heard


def test_one_job_tells_which_posts_are_gone_and_nobody_else_sees_the_token(batch: Ear) -> None:
    batch.world.posts = posts(3)
    batch.world.notes["odd lines"] = ["", "no JSON", '{"id": "7", "action": "delete", "reason": "scrub_geo"}']
    source = batch.source()
    first = hear(batch, source)
    heard = _a_day_later(batch, source, first.cursor)
    assert {one.id for one in heard.removed} == batch.ids(2)
    assert (len(heard.removed), heard.gaps, batch.world.notes["shown"]) == (1, [], [None, None])
    assert set(batch.world.notes["ids 17"]) == batch.ids(1, 2, 3)
    # No post was looked up one by one, and the next job is due tomorrow.
    asked = [one.path for one in batch.world.requests]
    assert "/api/2/tweets" not in asked
    assert asked.count("/api/2/compliance/jobs") == 1
    assert "1 lines" in (source.fetch(heard.cursor, batch.world.clock.now()).warning or "")


def test_a_job_is_gone_on_with_after_a_restart(batch: Ear) -> None:
    batch.world.posts = posts(2)
    batch.world.notes["states"] = ("created", "in_progress", "in_progress", "in_progress", "complete")
    cursor = hear(batch, batch.source()).cursor
    batch.world.delete(2)
    batch.world.clock.advance(DAY)
    removed: list[Removed] = []
    for _ in range(6):
        heard = hear(batch, batch.source(), cursor)
        cursor, removed = heard.cursor, removed + heard.removed
        batch.world.clock.advance(timedelta(minutes=2))
    assert {one.id for one in removed} == batch.ids(2)
    assert len(batch.world.notes["jobs"]) == 1


@pytest.mark.parametrize("ended", ["failed", "expired", "a word that nobody knows"])
def test_a_job_that_comes_to_nothing_is_said_and_tried_again(batch: Ear, ended: str) -> None:
    batch.world.posts = posts(2)
    batch.world.notes["states"] = (ended,)
    source = batch.source()
    heard = _a_day_later(batch, source, hear(batch, source).cursor)
    assert heard.removed == []
    assert ended in (source.fetch(heard.cursor, batch.world.clock.now()).warning or "")
    del batch.world.notes["states"]
    batch.world.clock.advance(timedelta(hours=1))
    heard = _a_day_later(batch, source, heard.cursor)
    assert {one.id for one in heard.removed} == batch.ids(2)


def test_an_account_that_may_make_no_job_is_heard_all_the_same(batch: Ear) -> None:
    batch.world.posts = posts(2)
    source = batch.source()
    cursor = hear(batch, source).cursor
    # As after a process that died between making a job and handing over the ids.
    batch.world.notes["jobs"] = {"1": ["created"]}
    batch.world.clock.advance(DAY)
    batch.world.posts += posts(1, first=SECONDS_OF_8_DAYS // 9)
    assert len(hear(batch, source, cursor).ids) == 1
    warning = source.fetch(cursor, batch.world.clock.now()).warning or ""
    assert "concurrent job" in warning
    assert TOKEN not in warning


def test_only_an_address_of_the_api_itself_is_shown_the_token(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X_TOKEN", TOKEN)
    ear = ear_of(loopback, NETWORK, batch=True)
    ear.world.posts = posts(2)
    source = ear.source()
    _a_day_later(ear, source, hear(ear, source).cursor)
    assert ear.world.notes["shown"] == [f"Bearer {TOKEN}"] * 2


def test_a_search_that_finds_nothing_for_long_is_no_gap(ear: Ear) -> None:
    ear.world.posts = posts(1)
    heard = hear(ear, ear.source())
    for _ in range(9):
        ear.world.clock.advance(DAY)
        heard = hear(ear, ear.source(), heard.cursor)
        assert heard.gaps == []


def test_what_a_days_budget_leaves_for_more_than_seven_days_is_a_gap(ear: Ear) -> None:
    ear.world.posts = posts(320)
    first = hear(ear, ear.source())
    ear.world.clock.advance(8 * DAY)
    ear.world.posts = posts(1, first=SECONDS_OF_8_DAYS)
    second = hear(ear, ear.source(), first.cursor)
    assert set(second.ids) == ear.ids(SECONDS_OF_8_DAYS)
    newest = NOW - timedelta(hours=2) + timedelta(seconds=320)
    assert [(gap.start, gap.end) for gap in second.gaps] == [(newest, NOW + DAY + MARGIN)]
    ear.world.clock.advance(8 * DAY)
    third = hear(ear, ear.source(), second.cursor)
    assert [(gap.start, gap.end) for gap in third.gaps] == [(NOW + 8 * DAY, NOW + 9 * DAY + MARGIN)]


@pytest.mark.parametrize(
    ("status", "words"), [(400, "query.*because"), (401, "token"), (402, "credits"), (403, "plan")]
)
def test_a_refusal_says_what_to_do(ear: Ear, status: int, words: str) -> None:
    ear.world.fault = as_json({"errors": [{"message": "because"}]}, status)
    with pytest.raises(FetchFailed, match=words) as caught:
        ear.source().fetch(None, NOW)
    assert TOKEN not in str(caught.value)


def test_the_monitors_say_what_is_looked_for(ear: Ear) -> None:
    ear.world.posts = posts(1)
    settings = NETWORK.settings(ear.world.url) | {"query": "lang:nl", "monitors": True}
    definition = SourceDef.model_validate({"name": "x", "kind": "x"} | settings)
    queries = ["ketel", "lek*"]
    source = make_source(definition, INGEST, ear.world.clock, ear.world.budget, lambda: queries)
    fetched = source.fetch(None, NOW)
    assert ear.world.requests[0].query["query"] == '("ketel") lang:nl'
    assert "'lek*'" in (fetched.warning or "")
    queries.clear()
    assert "no monitor" in (source.fetch(fetched.cursor, NOW).warning or "")


def test_a_source_that_looks_for_nothing_is_refused(ear: Ear) -> None:
    definition = SourceDef.model_validate({"name": "x", "kind": "x", "token": "env:X_TOKEN"})
    with pytest.raises(WrongInput, match="set query or monitors"):
        make_source(definition, INGEST)
