"""A look at networks without a key: each in its own time, each failure on its own line, nothing outside loopback asked here."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ingest.kinds import settings_of
from ingest.looking import PLACES, OpenNetwork, WordsAsked, asked_for, look
from ops.check.sources import looked
from tests.contracts.loopback import INGEST, NOW, Loopback, Post
from tests.contracts.loopback import loopback as loopback
from tests.ingest.networks import NETWORKS
from tocsin.core.mention import Mention
from tocsin.definitions.models import SourceDef
from tocsin.query import parse_query

KETEL = parse_query('(ketel OR "De Ketel" OR #ketelgate) NOT wasmachine')


def of_ketels(mention: Mention) -> bool:
    return "ketel" in mention.full_text.casefold()


def test_a_query_asks_for_its_words_and_hashtags_and_for_nothing_under_not() -> None:
    assert asked_for(KETEL) == WordsAsked(("ketel", "De Ketel"), ("ketelgate",))
    assert asked_for(parse_query('"Baby Food"')).tags == ("babyfood",), "no hashtag: the name as one"
    assert asked_for(parse_query("#only")).words == ("only",)
    for place in PLACES:
        settings = place.settings(asked_for(KETEL))
        settings_of(SourceDef.model_validate({"name": "x", "kind": place.kind, **settings}))


def test_each_network_answers_fails_or_is_late_for_itself(loopback: Loopback) -> None:
    world, silent = loopback.begin(NETWORKS["hackernews"]), threading.Event()
    world.posts = [Post(1, "De ketel lekt"), Post(2, "Something else"), Post(3, "Weer de KETEL")]

    def waits(_: WordsAsked) -> Mapping[str, Any]:
        silent.wait(30)
        return {}

    answering = OpenNetwork("hackernews", lambda asked: {"site": world.url, "query": asked.words[0]})
    broken = OpenNetwork("mastodon", lambda _: {"instances": "no address"})
    answered, failed = look(KETEL, of_ketels, INGEST, NOW, (answering, broken), timedelta(seconds=60))
    assert (answered.came, answered.matched, answered.error) == (3, 2, None)
    assert [one.text for one in answered.newest] == ["Weer de KETEL", "De ketel lekt"]
    assert answered.by_day == Counter(one.created_at.date() for one in answered.newest)
    assert world.requests[0].query["query"] == "ketel"
    lines = list(looked([answered, failed]))
    assert lines[0] == "hackernews: 2 of 3 posts match" and "Weer de KETEL" in lines[2]
    assert lines[1] == f"  by day: {answered.newest[0].created_at:%Y-%m-%d} 2"
    assert lines[4].startswith("mastodon: ") and "instances" in lines[4]
    assert failed.kind == "mastodon" and failed.error and not failed.newest
    try:
        (late,) = look(KETEL, of_ketels, INGEST, NOW, (OpenNetwork("lemmy", waits),), timedelta(0))
    finally:
        silent.set()
    assert late.error == "lemmy took longer than 0 s"
