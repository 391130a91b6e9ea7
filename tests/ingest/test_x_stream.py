"""X's filtered stream: its rules, what was missed, what a day costs; and what the compliance streams tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingest.source import FetchFailed, Gap, Removed, SourceContext
from ingest.sources.x_api import XApi, id_at
from ingest.sources.x_compliance import CompliancePlace, OneThenOther, XCompliance
from ingest.sources.x_posts import XPlace, XPosts, XStreamSettings
from ingest.sources.x_query import rules_of
from ingest.sources.x_rules import XRules
from ingest.sources.x_stream import BUDGET
from ingest.streaming import Elsewhere, Heard
from ingest.wires import WireEnded, WireMessage
from tests.contracts.loopback import INGEST, Post, as_json, posts
from tests.contracts.networks import Ear, hear
from tests.contracts.networks import ear as ear
from tests.contracts.networks import loopback as loopback
from tests.contracts.sources import NOW
from tests.ingest.networks.x import id_of
from tests.ingest.networks.x_stream import NETWORK, shown

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def network() -> Any:
    return NETWORK


def at_hour(hours: float) -> Post:
    """A post of so many hours after `NOW`."""
    return Post(int(7200 + 3600 * hours), at=NOW + hours * HOUR)


def with_settings(ear: Ear, **more: Any) -> None:
    """The sources of this ear have these settings besides."""
    ear.network = replace(NETWORK, settings=lambda url: NETWORK.settings(url) | more)


def dialect_of(**more: Any) -> XPosts:
    context = SourceContext("x", INGEST)
    settings = XStreamSettings.model_validate({"token": "env:NONE", "rules": ["ketel"]} | more)
    return XPosts(context, settings, XApi(context, settings.site, settings.token, BUDGET), "")


def api_of(ear: Ear) -> XApi:
    context = SourceContext("x", INGEST, ear.world.clock, ear.world.budget)
    return XApi(context, ear.world.url, "env:X_STREAM_TOKEN", BUDGET)


# -- rules -----------------------------------------------------------------------------------------------


def test_a_rule_for_each_query_and_what_none_is_for_is_said() -> None:
    queries = ["ketel AND lek", "lek*", "ketel AND lek", "#ketel", "x" * 99]
    rules, left_out = rules_of(queries, "lang:nl", 60, 1000)
    assert rules == ('("ketel" "lek") lang:nl', "(#ketel) lang:nl")
    assert left_out == ("lek*", "x" * 99)
    assert rules_of(queries, "", 60, 1) == (('"ketel" "lek"',), ("lek*", "#ketel", "x" * 99))


def test_rules_follow_what_is_wanted_and_nobody_elses_are_touched(ear: Ear) -> None:
    theirs = {"id": "1", "value": "tea", "tag": "theirs"}
    ear.world.notes["rules"] = [theirs]
    rules = XRules(api_of(ear), "x")
    rules.keep(("ketel", "lek"))
    rules.keep(("lek", "bom"))
    asked = len(ear.world.requests)
    rules.keep(("lek", "bom"))
    assert len(ear.world.requests) == asked
    assert [(one["value"], one["tag"]) for one in ear.world.notes["rules"]] == [
        ("tea", "theirs"),
        ("lek", "tocsin x"),
        ("bom", "tocsin x"),
    ]
    assert rules.brought({"matching_rules": [{"tag": "theirs"}, {"tag": "tocsin x"}]})
    assert not rules.brought({"matching_rules": [{"tag": "theirs"}]})


def test_a_rule_that_x_refuses_is_said_and_the_others_hold(ear: Ear) -> None:
    rules = XRules(api_of(ear), "x")
    rules.keep(("ketel", "bad", "lek"))
    assert [one["value"] for one in ear.world.notes["rules"]] == ["ketel", "lek"]
    assert rules.refused == "X does not take the rule 'bad': no such operator"


def test_rules_change_with_the_monitors_and_without_a_new_connection(ear: Ear) -> None:
    with_settings(ear, rules=(), within="lang:nl")
    ear.world.notes["queries"] = ["ketel"]
    source = ear.source()
    first = hear(ear, source)
    asked = len(ear.world.requests)
    ear.world.notes["queries"] = ["lek", "bom*"]
    fetched = source.fetch(first.cursor, NOW)
    assert [one["value"] for one in ear.world.notes["rules"]] == ['("lek") lang:nl']
    assert {one.path for one in ear.world.requests[asked:]} == {"/2/tweets/search/stream/rules"}
    assert "'bom*'" in (fetched.warning or "")
    ear.world.notes["queries"] = []
    assert "no monitor" in (source.fetch(first.cursor, NOW).warning or "")


# -- what was missed, and what it costs ------------------------------------------------------------------


def test_what_was_missed_is_searched_for(ear: Ear) -> None:
    ear.world.posts = [at_hour(-1)]
    first = hear(ear, ear.source(), expect=ear.ids(3600))
    ear.world.clock.advance(2 * HOUR)
    ear.world.posts = [at_hour(-1), at_hour(1)]
    later = hear(ear, ear.source(), first.cursor, expect=ear.ids(10800))
    assert later.ids == [id_of(at_hour(1))]
    assert later.gaps == []
    search = [one for one in ear.world.requests if one.path.endswith("/recent")][-1]
    assert int(search.query["since_id"]) == id_at(NOW - timedelta(minutes=1))


def test_without_the_search_an_outage_is_a_gap() -> None:
    dialect = dialect_of(catch_up=False)
    place = XPlace(int(NOW.timestamp()))
    (told,) = dialect._missed(place, NOW + HOUR)
    heard = Heard(NOW + HOUR)
    after = dialect.read(told, place, heard)
    assert heard.gaps == [Gap(NOW, NOW + HOUR, "what was missed was not searched for")]
    assert after.heard_s == int((NOW + HOUR).timestamp())


def test_what_a_rule_too_long_for_the_search_missed_is_a_gap(ear: Ear) -> None:
    with_settings(ear, rules=(), within=" ".join(["-is:retweet"] * 5), query_chars=64)
    ear.world.notes["queries"] = ["ketel"]
    ear.world.posts = [at_hour(-1)]
    first = hear(ear, ear.source())
    ear.world.clock.advance(2 * HOUR)
    later = hear(ear, ear.source(), first.cursor)
    (gap,) = later.gaps
    assert (gap.end, gap.reason) == (NOW + 2 * HOUR, "a rule is longer than X's search takes")
    assert hear(ear, ear.source(), later.cursor).gaps == []


def test_a_days_posts_are_bounded(ear: Ear) -> None:
    ear.world.posts = posts(95)
    with_settings(ear, posts_per_day=100)
    first = hear(ear, ear.source(), expect=ear.ids(*range(1, 96)))
    fetched = ear.source().fetch(first.cursor, ear.world.clock.now())
    assert fetched.retry_after == 12 * HOUR
    assert "posts_per_day" in (fetched.warning or "")


@pytest.mark.parametrize(("status", "words"), [(401, "token"), (402, "credits"), (403, "plan")])
def test_a_refusal_says_what_to_do(ear: Ear, status: int, words: str) -> None:
    ear.world.fault = as_json({"errors": [{"message": "because"}]}, status)
    with pytest.raises(FetchFailed, match=words):
        ear.source().fetch(None, NOW)


def test_a_post_of_another_programs_rule_is_left_out_and_an_end_is_said() -> None:
    dialect = dialect_of()
    (post,) = posts(1)
    heard = Heard(NOW)
    for tag in ("theirs", "tocsin x"):
        said = json.dumps(shown(post, [{"id": "1", "tag": tag}])).encode()
        at = dialect.read(WireMessage(said), XPlace(), heard)
    assert [one.id for one in heard.mentions] == [id_of(post)]
    assert at.heard_s == int(post.at.timestamp())
    end = {"errors": [{"title": "operational-disconnect", "detail": "for operational reasons"}]}
    with pytest.raises(Elsewhere) as caught:
        dialect.read(WireMessage(json.dumps(end).encode()), at, heard)
    assert str(caught.value.failure) == "X ends the stream: for operational reasons"


# -- what is gone ----------------------------------------------------------------------------------------


def compliance(ear: Ear, brought: Callable[[int], bool] = lambda id: False) -> XCompliance:
    context = SourceContext("x", INGEST, ear.world.clock, ear.world.budget)
    return XCompliance(context, api_of(ear), "tweets", 1, brought)


def event(kind: str, **told: Any) -> WireMessage:
    at = {"event_at": "2026-03-01T11:00:00.000Z"}
    return WireMessage(json.dumps({"data": {kind: told | at}}).encode())


def test_posts_and_accounts_that_x_takes_away_are_removed(ear: Ear) -> None:
    heard, at = Heard(NOW), CompliancePlace()
    dialect = compliance(ear)
    for kind in ("delete", "drop", "undrop", "withheld"):
        at = dialect.read(event(kind, tweet={"id": f"1{len(kind)}", "author_id": "7"}), at, heard)
    for kind in ("user_delete", "user_protect", "user_suspend", "user_undelete", "scrub_geo"):
        at = dialect.read(event(kind, user={"id": f"2{len(kind)}"}), at, heard)
    posts_gone, authors_gone = ["16", "14"], ["211", "212", "212"]
    assert heard.removed == [
        *(Removed(id=one) for one in posts_gone),
        *(Removed(author=one) for one in authors_gone),
    ]
    assert at == CompliancePlace(int((NOW - HOUR).timestamp()), 9)


def test_the_new_words_of_a_post_that_was_brought_are_looked_up(ear: Ear) -> None:
    first, edited = id_of(Post(1)), id_at(NOW - HOUR) + 9
    ear.world.fault = as_json(
        {"data": [{"id": str(edited), "edit_history_tweet_ids": [first, str(edited)], "text": "Toch niet lek",
                   "created_at": "2026-03-01T11:00:00Z", "author_id": "77"}]}
    )  # fmt: skip
    told = event(
        "tweet_edit", initial_tweet_id=first, edit_tweet_ids=[str(edited)], tweet={"id": str(edited)}
    )
    heard = Heard(NOW)
    compliance(ear).read(told, CompliancePlace(), heard)
    assert ear.world.requests == []
    dialect = compliance(ear, lambda id: str(id) == first)
    dialect.read(told, CompliancePlace(), heard)
    assert [(one.id, one.text) for one in heard.mentions] == [(first, "Toch niet lek")]
    ear.world.fault = as_json({}, 500)
    with pytest.raises(Elsewhere):
        dialect.read(told, CompliancePlace(), Heard(NOW))


@dataclass
class Said:
    """A wire that says this and ends."""

    messages: list[bytes]
    end: WireEnded = field(default_factory=lambda: WireEnded("over", whole=True))

    def receive(self) -> WireMessage:
        if not self.messages:
            raise self.end
        return WireMessage(self.messages.pop(0))

    def cut(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_what_was_missed_is_played_before_what_comes() -> None:
    wire = OneThenOther(Said([b"1", b"", b"2"]), Said([b"", b"3"]), NOW)
    came = [wire.receive() for _ in range(5)]
    assert [one.data for one in came] == [b"1", b"2", b"", b"", b"3"]
    assert datetime.fromisoformat(came[2].id) == NOW
    broken = OneThenOther(Said([], WireEnded("broke off")), Said([b"3"]), NOW)
    with pytest.raises(WireEnded, match="broke off"):
        broken.receive()


@pytest.mark.parametrize(
    ("away", "asked"),
    [
        (timedelta(0), [{}]),
        (timedelta(seconds=90), [{"backfill_minutes": "2"}]),
        (3 * HOUR, [{}, {"start_time": "2026-03-01T09:00:00Z", "end_time": "2026-03-01T12:00:00Z"}]),
        (3 * DAY, [{}, {"start_time": "2026-02-28T12:00:00Z", "end_time": "2026-03-01T12:00:00Z"}]),
    ],
    ids=str,
)
def test_a_stream_goes_on_where_it_was_left(ear: Ear, away: timedelta, asked: list[dict[str, str]]) -> None:
    dialect = compliance(ear)
    made: list[dict[str, str]] = []
    dialect._connect = lambda given: made.append({k: str(v) for k, v in given.items()}) or Said([])
    at = CompliancePlace(int((NOW - away).timestamp()))
    dialect.open(at, NOW)
    assert made == asked
    heard = Heard(NOW)
    dialect.read(WireMessage(b"", id=NOW.isoformat()), at, heard)
    assert bool(heard.gaps) == (away > DAY)


@pytest.mark.parametrize("wrong", [{"token": "in plain text"}, {"site": "ftp://x.example"}, {"rules": ["a"]}])
def test_settings_that_could_not_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dialect_of(**wrong)
