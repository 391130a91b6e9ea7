"""The dialect of X's filtered stream: what it is asked for, what came, and what was missed while nobody was connected."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from pydantic import Field

from ingest.missed import MissedFirst
from ingest.plain import items, moment, taken, words
from ingest.source import Gap, SourceContext
from ingest.sources.places import Search, SearchOrNone
from ingest.sources.x_account import XAccountSettings
from ingest.sources.x_api import MARGIN, PAGE_SIZE, REACH, XApi, id_at, ids_of, posts, time_of, what_is_asked
from ingest.sources.x_connection import said_no_more, x_stream
from ingest.sources.x_query import rules_of, search_of, unasked
from ingest.sources.x_rules import XRules
from ingest.streaming import Heard
from ingest.wires import Wire, WireMessage
from tocsin.reading import decoded

PATH = "/2/tweets/search/stream"
# X's stream keeps to no order: posts may come so much later than newer ones.
LATE = timedelta(seconds=60)
# Of what was missed; what lies before is a gap.
MOST_PAGES = 50
_PAGE, _CAUGHT_UP = "page", "caught up"


class XStreamSettings(XAccountSettings):
    """The settings of the filtered stream."""

    rules: tuple[Annotated[Search, Field(min_length=2, max_length=2048)], ...] = Field(
        (),
        max_length=1000,
        description="Rules in X's own words. If there are none, each query of the monitors makes one.",
    )
    within: SearchOrNone = Field(
        "", max_length=500, description="Narrows each rule of a monitor, such as lang:nl -is:retweet."
    )
    most_rules: int = Field(
        1000, ge=1, le=25_000, description="The most rules that X takes from this account."
    )
    rule_chars: int = Field(
        1024, ge=64, le=2048, description="The longest rule that X takes from this account."
    )
    first_minutes: int = Field(
        10, ge=0, le=10_000, description="How much of the past to search for at the very beginning."
    )
    catch_up: bool = Field(
        True, description="Whether to search for what was missed during an outage; each post is paid for."
    )
    compliance: bool = Field(
        False, description="Whether to hear X's compliance streams, which need a contract with X."
    )


class XPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in the stream: until when it was heard, in seconds since 1970, and a count that tells places apart."""

    heard_s: Annotated[int, msgspec.Meta(ge=0, lt=2**36)] = 0
    count: Annotated[int, msgspec.Meta(ge=0)] = 0


class XPosts:
    """The dialect of the filtered stream."""

    form = XPlace

    def __init__(self, context: SourceContext, settings: XStreamSettings, api: XApi, streams_at: str) -> None:
        self._context, self._settings, self._api, self._site = context, settings, api, streams_at
        self._rules = XRules(api, context.name)
        # The newest connection.
        self.before: MissedFirst | None = None

    def wanted(self) -> tuple[Sequence[str], Sequence[str]]:
        """The rules as people want them, and the queries that no rule is for."""
        settings = self._settings
        if settings.rules:
            return settings.rules, ()
        queries = self._context.queries()
        return rules_of(queries, settings.within.strip(), settings.rule_chars, settings.most_rules)

    def is_kept(self) -> bool:
        """Whether X has the rules as they are wanted now."""
        return self._rules.kept == self.wanted()[0]

    def keep_rules(self) -> None:
        """Make X's rules the wanted ones. Raises `FetchFailed`."""
        self._rules.keep(self.wanted()[0])

    def unasked(self) -> str | None:
        """The queries that X is not asked for, and why."""
        return self._rules.refused or unasked(self.wanted()[1])

    def open(self, at: XPlace, now: datetime) -> Wire:
        self.before = None
        self._rules.forget()
        self.keep_rules()
        wire = x_stream(self._context, self._api, self._site, PATH, what_is_asked(self._settings.authors))
        self.before = MissedFirst(wire, self._missed(at, now))
        return self.before

    def read(self, message: WireMessage, at: XPlace, heard: Heard) -> XPlace:
        if message.event == _CAUGHT_UP:
            return self._caught_up(decoded(message.data), at, heard)
        if not message.data:
            return _after(at, moment(message.id), heard)
        said = decoded(message.data)
        if message.event == _PAGE:
            self._take(said, heard)
            # The pages come newest first: an interrupted reading begins again.
            return _after(at, None, heard)
        if not items(said, "data"):
            raise said_no_more(said)
        if self._rules.brought(said):
            self._take(said, heard)
        return _after(at, time_of(max(ids_of(said), default=0)), heard)

    def skip(self, at: XPlace, heard: Heard) -> XPlace:
        reason = "a post had too many bytes to be read; the stream is heard again from now on"
        heard.gaps.append(Gap(_time(at.heard_s) if at.heard_s else heard.now, heard.now, reason))
        return XPlace(int(heard.now.timestamp()), at.count)

    def _take(self, said: Any, heard: Heard) -> None:
        mentions, bad = taken(posts(said), self._context.name)
        for one in mentions:
            heard.add(one)
        heard.bad += bad

    # -- what was missed ---------------------------------------------------------------------------------

    def _missed(self, at: XPlace, now: datetime) -> Iterator[WireMessage]:
        """The pages of all searches for what came since, newest first, and then how far back they went."""
        first = now - timedelta(minutes=self._settings.first_minutes)
        begin = _time(at.heard_s) - LATE if at.heard_s else first
        since = max(begin, now - REACH + MARGIN)
        cut: datetime | None = None
        if self._settings.catch_up or not at.heard_s:
            for text in self._searches():
                begins = yield from self._pages(text, since)
                cut = max((one for one in (cut, begins) if one is not None), default=None)
        if at.heard_s and (not self._settings.catch_up or self._has_unsearched()):
            cut = now
        reached = {"until": int(now.timestamp()), "from": int((cut or since).timestamp())}
        yield WireMessage(json.dumps(reached).encode(), _CAUGHT_UP)

    def _searches(self) -> list[str]:
        """The searches that find what any rule matches, each as long as X takes it."""
        within, longest = self._settings.within.strip(), self._settings.query_chars
        if self._settings.rules:
            return [one for one in self._settings.rules if len(one) <= longest]
        left, searches = list(self._context.queries()), list[str]()
        while left and (search := search_of(left, within, longest)).text:
            searches.append(search.text)
            left = list(search.left_out)
        return searches

    def _has_unsearched(self) -> bool:
        """Whether a rule is longer than the search takes: what it matched meanwhile cannot be found."""
        return any(len(rule) > self._settings.query_chars for rule in self.wanted()[0])

    def _pages(self, text: str, since: datetime) -> Generator[WireMessage, None, datetime | None]:
        """The pages of one search. Returns where it had to stop, if it did not reach `since`."""
        params: dict[str, Any] = {"query": text, "max_results": PAGE_SIZE, "since_id": id_at(since)}
        params |= what_is_asked(self._settings.authors)
        for _ in range(MOST_PAGES):
            answer = self._api.get("/2/tweets/search/recent", params)
            if ids := ids_of(answer):
                yield WireMessage(json.dumps(answer).encode(), _PAGE)
                params["until_id"] = min(ids)
            if not words(answer, "meta", "next_token") or not ids:
                return None
        return time_of(params["until_id"])

    def _caught_up(self, said: Any, at: XPlace, heard: Heard) -> XPlace:
        """The place after all pages; what they did not reach is a gap."""
        until, begins = said["until"], said["from"]
        if at.heard_s and at.heard_s + LATE.total_seconds() < begins:
            reason = "what X's search did not reach"
            if not self._settings.catch_up:
                reason = "what was missed was not searched for"
            elif self._has_unsearched():
                reason = "a rule is longer than X's search takes"
            heard.gaps.append(Gap(_time(at.heard_s), _time(begins), reason))
        return _after(at, _time(until), heard)


def _after(at: XPlace, told: datetime | None, heard: Heard) -> XPlace:
    seconds = at.heard_s if told is None else max(at.heard_s, int(min(told, heard.now).timestamp()))
    return XPlace(seconds, (at.count + 1) % 10**9)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
