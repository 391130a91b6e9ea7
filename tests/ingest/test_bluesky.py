"""Bluesky from a Jetstream on loopback: everything is heard once, whatever happens to the connection."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.leases import LEASE
from ingest.source import Cursor, Fetched, FetchFailed, Gap, Removed, SourceContext
from ingest.sources.bluesky import V1, BlueskySettings, BlueskySource
from ingest.sources.bluesky_events import POSTS
from ingest.streaming import Inbox
from tests.contracts.loopback import Reply
from tests.ingest.fake_jetstream import DID, Jetstream, micros, running
from tests.ingest.house import House
from tocsin.core.mention import Mention, whole
from tocsin.settings import Ingest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = NOON - timedelta(minutes=5)
LOOPBACK = Ingest.model_validate({"allowed_private_networks": ["127.0.0.0/8"], "fetch_timeout_s": 5})
Make = Callable[..., BlueskySource]


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def jetstream(ends: ExitStack) -> Jetstream:
    return ends.enter_context(running(Jetstream(EARLIER)))


@pytest.fixture
def make(ends: ExitStack, jetstream: Jetstream) -> Make:
    def made(
        *instances: Jetstream, inbox: Callable[[], Inbox] = Inbox, patient: bool = True, **settings: Any
    ) -> BlueskySource:
        heard = instances or (jetstream,)

        def settle(inbox: Inbox, fresh: bool) -> None:
            if patient:
                heard[source.turn % len(heard)].settled(inbox)

        settings = {"instances": tuple(one.url for one in heard)} | settings
        source = BlueskySource(
            SourceContext("sky", LOOPBACK),
            BlueskySettings.model_validate(settings),
            settle=settle,
            inbox=inbox,
        )
        ends.callback(source.close)
        return source

    return made


def listen(
    source: BlueskySource, cursor: Cursor | None = None, now: datetime = NOON
) -> tuple[list[Mention], Cursor | None, list[Fetched], list[str]]:
    """Everything that comes until nothing does: mentions, cursor, all fetches, and the failures on the way."""
    found: list[Mention] = []
    fetches: list[Fetched] = []
    failures: list[str] = []
    for _ in range(30):
        try:
            fetched = source.fetch(cursor, now)
        except FetchFailed as failure:
            failures.append(str(failure))
            continue
        cursor = json.loads(json.dumps(fetched.cursor))
        found += [whole(one) for one in fetched.mentions]
        fetches.append(fetched)
        if not fetched.more and not fetched.mentions and not fetched.bad:
            break
    return found, cursor, fetches, failures


def keys(mentions: list[Mention]) -> list[str]:
    return [one.id.rpartition("/")[2] for one in mentions]


def test_a_post_becomes_a_mention(jetstream: Jetstream, make: Make) -> None:
    root, parent, other = (f"at://{DID}/{POSTS}/{key}" for key in ("root", "parent", "other"))
    jetstream.post(
        "3l3", "Kombi bozuldu 😡 kombi.example #kombi", langs=["tr", "en"], tags=["hizmet"],
        reply={"root": {"uri": root}, "parent": {"uri": parent}},
        embed={"$type": "app.bsky.embed.record", "record": {"uri": other, "cid": "x"}},
        facets=[
            {"features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://kombi.example/1"}]},
            {"features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "kombi"}, "odd"]},
            7,
        ],
    )  # fmt: skip
    (mention,), cursor, _, _ = listen(make())
    assert (mention.source, mention.network, mention.lang) == ("sky", "bluesky", "tr")
    assert mention.id == f"at://{DID}/{POSTS}/3l3"
    assert mention.url == f"https://bsky.app/profile/{DID}/post/3l3"
    assert mention.author is not None and mention.author.id == DID
    assert (mention.text, mention.created_at) == ("Kombi bozuldu 😡 kombi.example #kombi", EARLIER)
    assert (mention.thread, mention.in_reply_to) == (root, parent)
    assert (mention.links, mention.hashtags) == (("https://kombi.example/1",), ("kombi", "hizmet"))
    assert mention.extra == {"quotes": other}
    assert cursor == {"instance": jetstream.url, "seq": 1, "at_us": micros(EARLIER)}
    (asked,) = jetstream.asked
    assert asked["kinds"] == ["commit", "account"]
    assert (asked["collections"], asked["cursor"]) == ([POSTS], [str(micros(NOON - timedelta(minutes=10)))])
    assert "zstdDictionary" in asked


def test_deletions_of_posts_and_accounts_are_honoured(jetstream: Jetstream, make: Make) -> None:
    other = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"
    for key in ("kept", "regretted"):
        jetstream.post(key)
    jetstream.post("theirs", did=other)
    jetstream.commit("regretted", "delete")
    jetstream.commit("before", "delete")
    jetstream.account(DID, "deactivated")
    jetstream.account(other, "deleted")
    found, _, fetches, _ = listen(make())
    assert keys(found) == ["kept"]
    assert [one for fetched in fetches for one in fetched.removed] == [
        Removed(id=f"at://{DID}/{POSTS}/regretted"),
        Removed(id=f"at://{DID}/{POSTS}/before"),
        Removed(author=other),
    ]


def test_an_edit_is_a_later_version(jetstream: Jetstream, make: Make) -> None:
    jetstream.post("a", "De ketel lekt")
    record = {"text": "De ketel lekt niet meer", "createdAt": "2026-03-01T11:55:00Z"}
    jetstream.commit("a", "update", at=NOON, record=record)
    first, second = listen(make())[0]
    assert (first.id, first.edited_at, second.edited_at) == (second.id, None, NOON)
    assert second.text == "De ketel lekt niet meer"


def test_it_goes_on_by_number_at_the_same_instance_and_by_time_at_another(
    jetstream: Jetstream, make: Make, ends: ExitStack
) -> None:
    other = ends.enter_context(running(Jetstream(EARLIER, first_seq=900_000)))
    for instance in (jetstream, other):
        instance.post("a")
    found, cursor, _, _ = listen(make())
    for instance in (jetstream, other):
        instance.post("b")
    assert keys(listen(make(), cursor)[0]) == ["b"]
    assert jetstream.asked[-1]["cursor"] == ["1"]
    jetstream.fault = Reply(status=503)
    source = make(jetstream, other)
    again, moved, _, failures = listen(source, cursor)
    # What was heard already comes again; it has the same identity and content, so it counts once.
    assert keys(again) == ["a", "b"]
    assert again[0] == found[0]
    assert failures == ["127.0.0.1 answered 503 Service Unavailable"]
    assert other.asked[-1]["cursor"] == [str(micros(EARLIER - timedelta(seconds=10)))]
    assert moved is not None and (moved["instance"], moved["seq"]) == (other.url, 900_001)


def test_a_cursor_that_is_too_old_is_a_gap_and_the_rest_is_heard(jetstream: Jetstream, make: Make) -> None:
    jetstream.post("a")
    _, cursor, _, _ = listen(make())
    # The instance forgets what it kept; two days pass.
    later = NOON + timedelta(days=2)
    jetstream.events.clear()
    jetstream.first_seq = 5000
    jetstream.post("b", at=later)
    jetstream.post("c", at=later)
    found, _, fetches, failures = listen(make(), cursor, later)
    assert keys(found) == ["b", "c"]
    assert fetches[0].gaps == [
        Gap(EARLIER, later, "the cursor is too old: the instance keeps 36 hours"),
    ]
    assert failures == []


@pytest.mark.parametrize("posts_since", [0, 40])
def test_an_instance_that_was_set_up_anew_is_asked_by_time(
    jetstream: Jetstream, make: Make, posts_since: int
) -> None:
    """Whether the old number lies beyond its new numbers, or is another event's now."""
    for n in range(20):
        jetstream.post(f"old-{n}")
    _, cursor, _, _ = listen(make())
    jetstream.events.clear()
    expected = ["missed", *(f"new-{n}" for n in range(posts_since))]
    for n, key in enumerate(expected):
        jetstream.post(key, at=EARLIER + timedelta(seconds=1 + n))
    found, after, _, failures = listen(make(), cursor)
    assert keys(found) == expected
    assert failures == []
    assert after is not None and after["seq"] == len(expected)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("cut", ""),
        ("no frame", ""),
        ("too slow", "ConsumerTooSlow: behind"),
        ("wrong dictionary", "compression cannot be read"),
        ("twice", ""),
        ("say {]", ""),
        ("say [1, 2]", ""),
        ('say {"$type": "message", "payload": {"$type": "x#commit"}}', ""),
        ('say {"$type": "message"}', ""),
    ],
)
def test_no_fault_loses_or_doubles_a_post(jetstream: Jetstream, make: Make, fault: str, says: str) -> None:
    for n in range(6):
        jetstream.post(str(n))
    jetstream.faults = {3: fault}
    found, _, _, failures = listen(make())
    assert keys(found) == ["0", "1", "2", "3", "4", "5"]
    assert len(failures) == bool(says)
    assert all(says in one for one in failures)


def test_an_event_that_nobody_can_hold_is_passed_over_and_is_a_gap(jetstream: Jetstream, make: Make) -> None:
    jetstream.post("a")
    jetstream.post("b", at=EARLIER + timedelta(seconds=1))
    jetstream.faults = {1: "huge"}
    source = make()
    found, cursor, fetches, failures = listen(source)
    assert keys(found) == ["a"]
    assert failures and all("too many bytes" in one for one in failures)
    (gap,) = (gap for fetched in fetches for gap in fetched.gaps)
    assert (gap.start, gap.end) == (EARLIER, NOON)
    jetstream.faults.clear()
    jetstream.post("c", at=NOON)
    source.close()
    assert keys(listen(source, cursor)[0]) == ["c"]


def test_an_instance_of_version_1_is_heard_too(jetstream: Jetstream, make: Make) -> None:
    jetstream.version, jetstream.compresses = 1, False
    jetstream.post("a")
    jetstream.commit("gone", "delete")
    jetstream.account(DID + "x", "takendown")
    source = make()
    found, cursor, fetches, _ = listen(source)
    assert keys(found) == ["a"]
    assert [one.author or one.id for one in fetches[0].removed] == [f"at://{DID}/{POSTS}/gone", DID + "x"]
    assert jetstream.asked[-1]["path"] == [V1]
    assert jetstream.asked[-1]["wantedCollections"] == [POSTS]
    source.close()
    later = NOON + timedelta(hours=40)
    jetstream.events.clear()
    jetstream.post("b", at=later)
    # Version 1 begins with the oldest that it has, without a word.
    found, _, fetches, _ = listen(source, cursor, later)
    assert keys(found) == ["b"]
    assert [(gap.start, gap.end) for gap in fetches[0].gaps] == [(EARLIER, later)]


def test_clocks_that_are_wrong_move_no_cursor(jetstream: Jetstream, make: Make) -> None:
    jetstream.post("from-2099", createdAt="2099-01-01T00:00:00Z")
    jetstream.post("from-1970", createdAt="1970-01-01T00:00:00Z")
    jetstream.post("undated", createdAt="yesterday")
    jetstream.post("seen-in-2099", at=datetime(2099, 1, 1, tzinfo=UTC), createdAt="2026-03-01T11:00:00Z")
    jetstream.post("seen-in-1980", at=datetime(1980, 1, 1, tzinfo=UTC))
    jetstream.post("all-in-2099", at=datetime(2099, 1, 1, tzinfo=UTC))
    found, cursor, _, _ = listen(make())
    assert [one.created_at.year for one in found] == [2026, 1970, 2026, 2026, 1980, 2026]
    assert found[-1].created_at == NOON
    assert found[0].created_at == found[2].created_at == EARLIER
    assert cursor is not None and (cursor["seq"], cursor["at_us"]) == (6, micros(EARLIER))


def test_hostile_posts_are_mended_or_refused_one_by_one(jetstream: Jetstream, make: Make) -> None:
    jetstream.post("nul", "a\0b \ud800 <b>&amp;</b> \u202e")
    jetstream.post("long", "ş" * 500_000)
    jetstream.post("odd", langs="tr", reply=[], embed="x", facets={"a": 1}, tags=7)
    jetstream.post("no-text", None)  # type: ignore[arg-type]
    jetstream.post("../../x")
    found, _, fetches, _ = listen(make(compressed=False))
    assert keys(found) == ["nul", "long", "odd"]
    assert found[0].text == "a\ufffdb \ufffd <b>&amp;</b> \u202e"
    assert found[1].truncated
    assert [bad.error.reason for fetched in fetches for bad in fetched.bad] == ["missing_field", "too_long"]


def test_what_the_stream_did_not_take_is_brought_again_without_a_new_connection(
    jetstream: Jetstream, make: Make
) -> None:
    jetstream.post("a")
    source = make()
    first = source.fetch(None, NOON)
    assert source.fetch(None, NOON) == first
    assert list(source.fetch(first.cursor, NOON).mentions) == []
    assert len(jetstream.asked) == 1


def test_a_full_queue_makes_the_network_wait_and_drops_nothing(jetstream: Jetstream, make: Make) -> None:
    made: list[Inbox] = []

    def small() -> Inbox:
        made.append(Inbox(most=5))
        return made[-1]

    for n in range(200):
        jetstream.post(str(n))
    source = make(inbox=small, patient=False)
    found: list[str] = []
    cursor: Cursor | None = None
    source.fetch(None, NOON)
    source.close()
    ends = time.monotonic() + 10
    most = 0
    while len(found) < 200 and time.monotonic() < ends:
        most = max(most, *(len(one) for one in made))
        fetched = source.fetch(cursor, NOON)
        cursor = fetched.cursor
        found += keys([whole(one) for one in fetched.mentions])
    assert found == [str(n) for n in range(200)]
    assert 0 < most <= 5
    assert len(jetstream.asked) == 2


def test_closing_ends_the_thread_at_once(jetstream: Jetstream, make: Make) -> None:
    jetstream.post("a")
    source = make()
    source.fetch(None, NOON)
    (line,) = (one for one in threading.enumerate() if one.name == "line-sky")
    source.close()
    assert not line.is_alive()


def test_a_private_address_is_refused(jetstream: Jetstream) -> None:
    context = SourceContext("sky", Ingest.model_validate({"allowed_private_networks": []}))
    source = BlueskySource(context, BlueskySettings(instances=(jetstream.url,), compressed=False))
    with pytest.raises(FetchFailed, match="loopback address; list its network"):
        source.fetch(None, NOON)


@pytest.mark.parametrize("address", ["https://a.example", "ws://", "wss://u:p@a.example", "wss://a b"])
def test_an_address_that_is_no_websocket_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="instances"):
        BlueskySettings(instances=(address,))


def test_a_worker_hands_over_what_bluesky_says_and_lets_go_when_another_has_the_source(
    house: House, jetstream: Jetstream
) -> None:
    for n in range(20):
        jetstream.post(str(n), at=house.clock.now() - timedelta(minutes=1))
    house.define("sky", "bluesky", instances=[jetstream.url])
    one, two = house.worker(owner="one"), house.worker(owner="two")
    assert (one.collect_once(), two.collect_once()) == (20, 0)
    assert len(house.ids()) == 20
    (line,) = (thread for thread in threading.enumerate() if thread.name == "line-sky")
    house.clock.advance(LEASE + timedelta(seconds=1))
    two.collect_once()
    one.collect_once()
    assert not line.is_alive()
    for worker in (one, two):
        worker.close()
