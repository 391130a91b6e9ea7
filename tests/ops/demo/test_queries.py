"""The queries of the demo and of the load generator, evaluated as in the pipeline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.synthetic import synthetic_mentions, synthetic_queries
from ops.demo.monitors import demo_setup
from ops.demo.scenario import demo_mentions
from tocsin.core.mention import Mention
from tocsin.query import Asked, compile_query, parse_query
from tocsin.query.evaluate import searched

END = datetime(2026, 11, 18, 13, 20, tzinfo=UTC)


def _matched(queries: dict[str, str], mentions: list[Mention]) -> list[list[str]]:
    """For each mention, the names of the queries that match it."""
    tests = {name: compile_query(parse_query(query)) for name, query in queries.items()}
    asked = [Asked(mention, searched(mention)) for mention in mentions]
    return [[name for name, test in tests.items() if test(one)] for one in asked]


@pytest.mark.slow("the demo's days of talk")
def test_the_demos_monitors_hear_their_brands_and_not_the_holiday_home() -> None:
    queries = {monitor["name"]: monitor["query"] for monitor in demo_setup()["monitors"]}
    mentions = list(demo_mentions(END, days=7))
    for mention, names in zip(mentions, _matched(queries, mentions), strict=True):
        text = mention.full_text.lower()
        meant = [name for name in queries if name.lower() in text and "villa ondrello" not in text]
        assert names == meant, mention.full_text


@pytest.mark.slow("the demo's days of talk")
def test_a_synthetic_mention_matches_the_query_of_the_brand_it_names_and_no_other() -> None:
    queries = synthetic_queries(40)
    mentions = list(
        synthetic_mentions(2_000, start=END, rate_per_second=50, match_share=0.4, monitors=40, seed=1)
    )
    named = [[word for word in mention.text.split() if word in queries] for mention in mentions]
    assert _matched(queries, mentions) == named
    assert 700 < sum(map(len, named)) < 900
