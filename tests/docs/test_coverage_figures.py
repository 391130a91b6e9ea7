"""The delays and limits in docs/coverage.md are those that the connectors declare: intervals, budgets, sizes of pages, look-back.

Each figure in these rows is written from the code here, or stands in `STATED`: what the network says of itself and no code needs.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from importlib import import_module

import pytest

from ingest.budget import Budget
from ingest.kinds import KINDS, make_source
from ingest.robots import PAUSE_S
from ingest.sources import (
    appstore,
    bluesky,
    gdelt,
    hackernews,
    imap,
    imap_mailbox,
    lemmy,
    linked,
    mastodon,
    meta,
    news,
    nostr,
    podcast,
    stackexchange,
    telegram_bot,
    wikimedia,
    x_api,
    x_posts,
    youtube,
)
from ingest.sources.youtube_comments import YouTubeCommentsSettings
from tests.docs.test_coverage import sections
from tocsin.core.mention import MAX_TEXT_BYTES
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import SOURCE_KINDS
from tocsin.settings import Ingest

FIGURE = re.compile(r"\d[\d,]*")
PERIODS = {
    5: "in 5 seconds",
    60: "a minute",
    300: "in 5 minutes",
    900: "in 15 minutes",
    3600: "an hour",
    86_400: "a day",
}
KB, MB = 1024, 1024 * 1024
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def requests(budget: Budget) -> str:
    """`60 requests in 15 minutes`, `one request a minute`."""
    count = "one request" if budget.requests == 1 else f"{budget.requests:,} requests"
    return f"{count} {PERIODS[int(budget.per_s)]}"


def spoken(span: timedelta) -> str:
    """`a minute`, `10 seconds`, `15 minutes`; a part of a minute counts as one, since a delay is up to so much."""
    seconds = span.total_seconds()
    if seconds < 60:
        return "a second" if seconds == 1 else f"{seconds:.0f} seconds"
    return "a minute" if seconds == 60 else f"{math.ceil(seconds / 60)} minutes"


def interval(kind: str, **settings: object) -> timedelta:
    """The time between two rounds of a source of this kind with these settings, and else its defaults."""
    definition = SourceDef.model_validate({"name": kind, "kind": kind} | settings)
    return make_source(definition, Ingest.model_validate({})).interval


def default(kind: str) -> str:
    """The interval of the kind's settings, as the rows say it."""
    return (
        f"up to the interval ({spoken(timedelta(seconds=KINDS[kind][0].model_fields['interval_s'].default))})"
    )


STEADY = sorted(
    kind
    for kind, (model, _) in KINDS.items()
    if isinstance(getattr(model.model_fields.get("interval_s"), "default", None), int)
)
"""The kinds whose interval is a setting with a default of its own."""

ONE = {"repositories": ["a/b"]}
REQUESTS_OF_A_LINK = {
    "news": f"one page of a host in {news.BUDGET.per_s:.0f} seconds",
    "podcast": f"one transcript of a host in {podcast.BUDGET.per_s:.0f} seconds",
}
"""Kinds that follow links count per host that is linked to."""

DELAYS = {kind: [default(kind)] for kind in STEADY} | {
    "feed": [f"up to the interval ({spoken(interval('feed', url='https://a.example/rss'))})"],
    "file": [f"{spoken(interval('file', path='posts.jsonl'))} after the line is whole"],
    "gdelt": [default("gdelt"), f"GDELT's own {gdelt.STEP / timedelta(minutes=1):.0f} minutes"],
    "github": [
        f"no token {spoken(interval('github', **ONE))}",
        f"with a token {spoken(interval('github', token='env:T', **ONE))}",
    ],
    "news": [
        f"{PAUSE_S:.0f} seconds for each article",
        f"{linked.LONGEST_WAIT.seconds // 60} minutes at most",
    ],
    "stackexchange": [f"{spoken(interval('stackexchange', sites=['diy']))} for one site without a key"],
}
LIMITS = {
    "appstore": [
        f"ten pages of {appstore.PAGE_SIZE} reviews",
        f"{appstore.MOST_PAGES * appstore.PAGE_SIZE} reviews of a country",
    ],
    "bluesky": [f"the last {bluesky.LOOK_BACK // HOUR} hours"],
    "gdelt": [
        f"{gdelt.MOST_ARTICLES} articles of one step of {gdelt.STEP / timedelta(minutes=1):.0f} minutes",
    ],
    "hackernews": [f"{hackernews.PAGE_SIZE} posts a request"],
    "imap": [f"the first {imap_mailbox.MOST_LETTER_BYTES // KB} KB", f"{imap.LETTERS} letters a look"],
    "lemmy": [f"{lemmy.PAGE_SIZE} posts a request"],
    "mastodon": [f"{mastodon.PAGE_SIZE} statuses a request"],
    "meta": [f"the newest {meta.POSTS} posts of the page"],
    "news": [f"{news.MOST_BYTES // MB} MB a page"],
    "nostr": [f"{nostr.MOST_PAGES} pages of what came during an outage"],
    "podcast": [f"the first {MAX_TEXT_BYTES // KB} KB of a transcript"],
    "stackexchange": [f"{stackexchange.PAGE_SIZE} posts a request"],
    "telegram_bot": [f"keeps updates for {telegram_bot.KEPT // HOUR} hours"],
    "wikimedia": [f"kept for {wikimedia.LOOK_BACK // DAY} days"],
    "x": [f"{x_api.PAGE_SIZE} posts a request", f"the last {x_api.REACH // DAY} days"],
    "x_stream": [
        f"{x_api.REACH // DAY} days, {x_posts.MOST_PAGES * x_api.PAGE_SIZE:,} posts a search",
        f"{x_posts.XStreamSettings.model_fields['most_rules'].default:,} rules",
        f"of {x_posts.XStreamSettings.model_fields['rule_chars'].default:,} characters",
    ],
    "youtube": [f"the last {youtube.SHOWN} videos"],
    "youtube_comments": [f"{YouTubeCommentsSettings.model_fields['quota_per_day'].default:,} units a day"],
}
STATED = {
    "discourse": ["50 posts a request"],
    "reddit": ["no list goes back over 1,000 posts"],
    "x_stream": ["250 posts a second"],
    "youtube_comments": ["a page of 100 costs one"],
}


def budgets(kind: str) -> list[str]:
    """The budgets that stand in the connector's module, in words."""
    if kind in REQUESTS_OF_A_LINK:
        return [REQUESTS_OF_A_LINK[kind]]
    module = import_module(SOURCE_KINDS[kind].connector.partition(":")[0])
    return [requests(one) for one in vars(module).values() if isinstance(one, Budget)]


def rest(row: str, phrases: list[str]) -> str:
    """The row without these phrases, each of which must stand in it."""
    for phrase in phrases:
        assert phrase in row, phrase
    for phrase in phrases:
        row = row.replace(phrase, "")
    return row


@pytest.mark.parametrize("kind", sorted(SOURCE_KINDS))
def test_every_figure_of_a_delay_is_the_connectors(kind: str) -> None:
    delay = sections()[kind]["delay"]
    assert FIGURE.findall(rest(delay, DELAYS.get(kind, []))) == []
    assert not SOURCE_KINDS[kind].streams or "interval" not in delay


@pytest.mark.parametrize("kind", sorted(SOURCE_KINDS))
def test_every_figure_of_the_limits_is_the_connectors_or_stated_by_the_network(kind: str) -> None:
    limits = sections()[kind]["limits"]
    known = [*budgets(kind), *LIMITS.get(kind, []), *STATED.get(kind, [])]
    assert FIGURE.findall(rest(limits, known)) == []


@pytest.mark.parametrize("kind", sorted(SOURCE_KINDS))
def test_the_one_line_that_a_form_shows_has_no_other_figures(kind: str) -> None:
    section = sections()[kind]
    told = set(FIGURE.findall(section["limits"] + section["not heard"] + section["cost"]))
    assert set(FIGURE.findall(SOURCE_KINDS[kind].limit)) - told == set()
