"""The contract of every source that asks a network over HTTP. `tests/ingest/test_networks.py` imports `*` from here.

A connector writes one file, `tests/ingest/networks/KIND.py`, with a `Network` named `NETWORK`. Its function `serve` speaks the
network's documented protocol to whoever asks the loopback server: it answers a request with the posts of the `World`. The tests
here change the world, break the answers, and look at what the source brings. `NOT_HERE` of a network names the tests that do
not apply to it, each with the reason. The same file gives the bench of `tests/contracts/sources.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from ingest.budget import Budget, HostBudget
from ingest.kinds import make_source
from ingest.source import BudgetSpent, Cursor, Fetched, FetchFailed, Gap, Removed, Source
from ingest.web import MOST_BYTES
from tocsin.core.errors import TocsinError
from tocsin.core.mention import MAX_TEXT_BYTES, Mention, whole
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import source_kind

from .loopback import INGEST, Loopback, Network, Post, Reply, World, posts
from .loopback import loopback as loopback
from .sources import NAME, NOW, Bench

MINUTE = timedelta(minutes=1)
MOST_FETCHES = 100
LATEST_S = 15.0


# -- the network under test ------------------------------------------------------------------------------


class Unlimited(HostBudget):
    """The budget of hosts that take any number of requests."""

    def take(
        self, host: str, budget: Budget | None, now: datetime, *, source: str = "", cost: int = 1
    ) -> timedelta | None:
        return None


@dataclass
class Ear:
    """A network, its world, and the source that listens to it."""

    network: Network
    world: World
    made: list[Source] = field(default_factory=list)

    def source(self, url: str | None = None) -> Source:
        """A new source, as a new process would make it."""
        settings = self.network.settings(url or self.world.url)
        definition = SourceDef.model_validate({"name": NAME, "kind": self.network.kind} | settings)
        if self.network.make is not None:
            source = self.network.make(definition, self.world)
        else:
            source = make_source(definition, INGEST, self.world.clock, self.world.budget)
        self.made.append(source)
        return source

    def ids(self, *numbers: int) -> set[str]:
        return {self.network.id_of(Post(number)) for number in numbers}


@dataclass
class Heard:
    """All that several fetches brought, and the cursor after them, as the worker keeps it: as JSON."""

    mentions: list[Mention] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    bad: int = 0
    fetches: int = 0
    cursor: Cursor | None = None

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.mentions]


def hear(ear: Ear, source: Source, cursor: Cursor | None = None, expect: set[str] | None = None) -> Heard:
    """Everything that there is now. A stream is asked until it has brought what is expected, within its patience."""
    heard, quiet = Heard(cursor=cursor), 0
    # A stream's answer comes when its thread has run: a busy machine is no silence.
    until = time.monotonic() + (LATEST_S if expect and source_kind(source.kind).streams else 0.0)
    while heard.fetches < MOST_FETCHES:
        heard.fetches += 1
        try:
            fetched = source.fetch(heard.cursor, ear.world.clock.now())
        except BudgetSpent as error:
            # As the worker does, it waits for its turn.
            assert error.retry_after
            ear.world.clock.advance(error.retry_after)
            continue
        heard.mentions += [whole(one) for one in fetched.mentions]
        heard.gaps += fetched.gaps
        heard.removed += fetched.removed
        heard.bad += len(fetched.bad)
        heard.cursor = None if fetched.cursor is None else json.loads(json.dumps(fetched.cursor))
        quiet += not fetched.more
        if fetched.more:
            continue
        if expect and expect <= set(heard.ids):
            return heard
        if time.monotonic() < until:
            heard.fetches -= 1
            time.sleep(0.02)
        elif quiet >= ear.network.patience:
            return heard
    raise AssertionError(f"after {MOST_FETCHES} fetches there is still more")


@pytest.fixture
def ear(network: Network, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    for name, value in network.environment.items():
        monkeypatch.setenv(name, value)
    ear = Ear(network, loopback.begin(network))
    yield ear
    for source in ear.made:
        source.close()


def applies(network: Network, test: str) -> bool:
    return test not in network.not_here


def bench_of(network: Network, loopback: Loopback) -> Bench:
    """The bench of `tests/contracts/sources.py`: letters are posts there, and no host limits its requests."""
    ear = Ear(network, loopback.begin(network))
    ear.world.budget = Unlimited()

    def number(letter: str) -> int:
        return ord(letter) - ord("a") + 1

    def offer(letters: Sequence[str]) -> None:
        ear.world.fault = None
        ear.world.posts = [posts(1, number(one))[0] for one in letters]

    def spoil(body: bytes) -> None:
        ear.world.fault = Reply(body)

    def leave() -> None:
        ear.world.fault = Reply(b"away", 503)

    def id_of(letter: str) -> str:
        return network.id_of(posts(1, number(letter))[0])

    return Bench(ear.source, offer, spoil, leave, network.odd_cursors, id_of)


# -- the contract ----------------------------------------------------------------------------------------


def test_what_is_said_once_is_brought_once(ear: Ear) -> None:
    ear.world.posts = posts(3)
    source, wanted = ear.source(), ear.ids(1, 2, 3)
    heard = hear(ear, source, expect=wanted)
    assert sorted(heard.ids) == sorted(wanted)
    assert heard.gaps == []
    assert hear(ear, source, heard.cursor).ids == []


def test_a_mention_says_where_and_by_whom(ear: Ear) -> None:
    ear.world.posts = posts(1)
    (mention,) = hear(ear, ear.source(), expect=ear.ids(1)).mentions
    assert mention.source == NAME
    assert mention.network
    assert mention.created_at == ear.world.posts[0].at
    assert mention.url is None or mention.url.startswith("http")
    assert "De ketel lekt alweer (1)" in mention.full_text


def test_all_pages_are_read(ear: Ear) -> None:
    assert ear.network.page is not None
    count = 2 * ear.network.page + 1
    ear.world.posts = posts(count)
    wanted = ear.ids(*range(1, count + 1))
    heard = hear(ear, ear.source(), expect=wanted)
    assert set(heard.ids) == wanted
    assert heard.gaps == []
    ear.world.posts = posts(2 * count)
    later = hear(ear, ear.source(), heard.cursor, expect=ear.ids(*range(count + 1, 2 * count + 1)))
    assert set(later.ids) >= ear.ids(*range(count + 1, 2 * count + 1))


def test_a_death_between_two_pages_loses_nothing(ear: Ear) -> None:
    assert ear.network.page is not None
    count = 2 * ear.network.page + 1
    ear.world.posts = posts(count)
    first = ear.source().fetch(None, NOW)
    cursor = None if first.cursor is None else json.loads(json.dumps(first.cursor))
    rest = hear(ear, ear.source(), cursor)
    assert {one.id for one in first.mentions} | set(rest.ids) == ear.ids(*range(1, count + 1))


def failing(ear: Ear, reply: Reply) -> FetchFailed:
    """The failure of a fetch while the network answers so; what was heard before and what comes after is all there."""
    ear.world.posts = posts(2)
    source = ear.source()
    heard = hear(ear, source, expect=ear.ids(1, 2))
    ear.world.fault = reply
    ear.world.posts = posts(3)
    until = time.monotonic() + (LATEST_S if source_kind(source.kind).streams else 0.0)
    with pytest.raises(FetchFailed) as caught:
        hear(ear, source, heard.cursor)
        # The thread of a stream finds the fault when it has run.
        while time.monotonic() < until:
            hear(ear, source, heard.cursor)
    for secret in ear.network.environment.values():
        assert secret not in str(caught.value)
    ear.world.fault = None
    ear.world.clock.advance(caught.value.retry_after or timedelta(0))
    assert ear.ids(3) <= set(hear(ear, source, heard.cursor, expect=ear.ids(3)).ids)
    return caught.value


def test_too_many_requests_are_waited_for(ear: Ear) -> None:
    error = failing(ear, Reply(b"{}", 429, {"retry-after": "120"}))
    assert error.retry_after == 2 * MINUTE
    assert "429" in str(error)


def test_a_host_that_wants_to_rest_is_not_asked_by_other_sources(ear: Ear) -> None:
    ear.world.fault = Reply(b"{}", 429, {"retry-after": "120"})
    with pytest.raises(FetchFailed):
        ear.source().fetch(None, NOW)
    asked = len(ear.world.requests)
    with pytest.raises(BudgetSpent):
        ear.source().fetch(None, NOW)
    assert len(ear.world.requests) == asked


@pytest.mark.parametrize("status", [403, 404, 500, 502, 503])
def test_a_refusal_is_said_and_nothing_is_lost(ear: Ear, status: int) -> None:
    assert str(status) in str(failing(ear, Reply(b"<h1>no</h1>", status, {"content-type": "text/html"})))


def test_a_connection_that_breaks_in_mid_answer_is_a_failure_and_nothing_is_lost(ear: Ear) -> None:
    failing(ear, Reply(b'{"posts": [', cut=True))


def test_an_answer_that_is_far_too_large_is_not_read(ear: Ear) -> None:
    assert "bytes" in str(failing(ear, Reply(b" " * (MOST_BYTES + 100_001))))


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\x00" * 99,
        b"\xff\xfe",
        b"null",
        b"[1, null, []]",
        b'{"a": {}}',
        b"[" * 100_000,
        b"<html>no</html>",
    ],
    ids=range(8),
)
def test_rubbish_brings_nothing_and_loses_nothing(ear: Ear, rubbish: bytes) -> None:
    ear.world.posts = posts(2)
    source = ear.source()
    ear.world.fault = Reply(rubbish)
    cursor = None
    try:
        fetched = source.fetch(None, NOW)
        assert fetched.mentions == [] or not fetched.mentions
        cursor = fetched.cursor
    except TocsinError as error:
        assert str(error)
    ear.world.fault = None
    assert set(hear(ear, source, cursor, expect=ear.ids(1, 2)).ids) == ear.ids(1, 2)


def test_a_post_that_comes_twice_is_the_same_both_times(ear: Ear) -> None:
    ear.world.posts = [*posts(2), *posts(2)]
    found = hear(ear, ear.source(), expect=ear.ids(1, 2)).mentions
    assert {one.id for one in found} == ear.ids(1, 2)
    for one in found:
        assert all(other == one for other in found if other.key == one.key)


def test_an_edit_is_brought_as_a_version(ear: Ear) -> None:
    ear.world.posts = posts(2)
    source = ear.source()
    first = hear(ear, source, expect=ear.ids(1, 2))
    ear.world.edit(2, "Toch niet lek", NOW - MINUTE)
    ear.world.clock.advance(MINUTE)
    after = [
        one for one in hear(ear, source, first.cursor, expect=ear.ids(2)).mentions if one.id in ear.ids(2)
    ]
    assert after
    assert "Toch niet lek" in after[-1].full_text
    before = next(one for one in first.mentions if one.id in ear.ids(2))
    assert after[-1].version_rank > before.version_rank
    assert after[-1].created_at == before.created_at


def test_a_deletion_is_told(ear: Ear) -> None:
    ear.world.posts = posts(2)
    source = ear.source()
    first = hear(ear, source, expect=ear.ids(1, 2))
    ear.world.delete(2)
    ear.world.clock.advance(MINUTE)
    assert {one.id for one in hear(ear, source, first.cursor).removed} == ear.ids(2)


HOSTILE = (
    "NUL \x00 here",
    "half \ud83d of a character",
    "<script>alert(1)</script><b>vet</b> &lt;3",
    "\u202egnirts a sesrever siht\u202c",
    "a" * 1_000_000,
    "👨‍👩‍👧‍👦" * 2000,
    "",
    "\r\n\t\x0b\x1b[31m",
)


def test_hostile_texts_become_plain_ones(ear: Ear) -> None:
    ear.world.posts = [
        replace(one, text=text) for one, text in zip(posts(len(HOSTILE)), HOSTILE, strict=True)
    ]
    heard = hear(ear, ear.source(), expect=ear.ids(*range(1, len(HOSTILE) + 1)))
    # A post that says nothing may be left out.
    assert len(set(heard.ids)) + heard.bad >= len(HOSTILE) - 1
    for one in heard.mentions:
        assert len(one.text.encode("utf-8")) <= MAX_TEXT_BYTES
        assert "\0" not in one.full_text
        assert not ear.network.html or "<script" not in one.full_text


def test_times_of_1970_and_2099_move_no_cursor(ear: Ear) -> None:
    """They are brought as they are, or refused; the worker judges times. The posts after them come all the same."""
    first, second, third = posts(3)
    ear.world.posts = [
        replace(first, at=datetime(1970, 1, 1, tzinfo=UTC)),
        replace(second, at=datetime(2099, 1, 1, tzinfo=UTC)),
        third,
    ]
    source = ear.source()
    heard = hear(ear, source, expect=ear.ids(3))
    assert ear.ids(3) <= set(heard.ids)
    ear.world.posts += posts(1, first=4)
    assert ear.ids(4) <= set(hear(ear, source, heard.cursor, expect=ear.ids(4)).ids)


@pytest.mark.parametrize(
    "cursor", [{"what": "is this"}, {"since": [], "etag": 7}, {"version": 99}, {}], ids=str
)
def test_a_cursor_of_another_version_counts_as_none(ear: Ear, cursor: dict[str, Any]) -> None:
    ear.world.posts = posts(2)
    assert set(hear(ear, ear.source(), cursor, expect=ear.ids(1, 2)).ids) == ear.ids(1, 2)


def test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once(ear: Ear) -> None:
    ear.world.posts = posts(2)
    source = ear.source()
    first = hear(ear, source, expect=ear.ids(1, 2))
    ear.network.grow_old(ear.world)
    wanted = ear.ids(*[one.number for one in ear.world.there])
    second = hear(ear, source, first.cursor, expect=wanted)
    assert second.gaps
    for gap in second.gaps:
        assert gap.start < gap.end <= ear.world.clock.now()
        assert gap.reason
    assert hear(ear, source, second.cursor).gaps == []


def test_another_instance_is_another_target(ear: Ear) -> None:
    """The worker gives a cursor back only to the target that it came from."""
    assert ear.source().target != ear.source("http://127.0.0.2:1").target


def test_a_spent_budget_is_waited_for_without_a_request(ear: Ear) -> None:
    budget = ear.network.budget
    assert budget is not None
    host = urlsplit(ear.world.url).netloc
    assert ear.world.budget.take(host, budget, NOW, cost=budget.requests) is None
    ear.world.posts = posts(1)
    source = ear.source()
    try:
        waited: Fetched | BudgetSpent = source.fetch(None, NOW)
    except BudgetSpent as error:
        waited = error
    assert waited.retry_after
    assert ear.world.requests == []
    ear.world.clock.advance(timedelta(seconds=budget.per_s))
    assert hear(ear, source, expect=ear.ids(1)).ids == list(ear.ids(1))


def test_the_source_counts_against_the_budget_that_the_network_states(ear: Ear) -> None:
    ear.world.posts = posts(1)
    hear(ear, ear.source(), expect=ear.ids(1))
    (state,) = ear.world.budget.states(ear.world.clock.now(), NAME)
    assert ear.network.budget is not None
    assert (state.of, state.per_s) == (ear.network.budget.requests, ear.network.budget.per_s)
    assert state.left is not None
    assert state.left < ear.network.budget.requests


def test_the_network_is_told_who_asks(ear: Ear) -> None:
    ear.world.posts = posts(1)
    hear(ear, ear.source())
    assert all(one.headers["user-agent"].startswith("tocsin") for one in ear.world.requests)
    assert ear.world.requests


def test_the_kind_says_what_it_costs(ear: Ear) -> None:
    kind = source_kind(ear.network.kind)
    assert kind.connector
    assert kind.needs_key == bool(ear.network.environment)
    assert kind.price
    assert kind.limit
    assert "\n" not in kind.price + kind.limit
