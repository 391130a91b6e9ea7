"""The load generator makes the promised mentions, the same in every run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.synthetic import MOST_MONITORS, synthetic_mentions, synthetic_queries
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Mention

START = datetime(2026, 3, 1, tzinfo=UTC)


def some(n: int = 20_000, **changes: Any) -> list[Mention]:
    settings: dict[str, Any] = {
        "start": START,
        "rate_per_second": 250.0,
        "match_share": 0.1,
        "monitors": 50,
        "seed": 3,
    }
    return list(synthetic_mentions(n, **(settings | changes)))


@pytest.mark.slow("a made-up firehose")
def test_the_same_seed_makes_the_same_load_and_another_seed_another() -> None:
    assert some(2_000) == some(2_000)
    assert [m.text for m in some(2_000)] != [m.text for m in some(2_000, seed=4)]


@pytest.mark.slow("a made-up firehose")
def test_mentions_come_in_order_at_the_rate_asked_for_with_ids_of_their_own() -> None:
    mentions = some()
    assert [m.created_at for m in mentions] == sorted(m.created_at for m in mentions)
    assert mentions[0].created_at == START
    assert mentions[-1].created_at - START == timedelta(seconds=19_999 / 250)
    assert len({m.key for m in mentions}) == len(mentions)


@pytest.mark.slow("a made-up firehose")
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_share_that_names_a_brand_is_the_one_asked_for(share: float) -> None:
    named = [m for m in some(match_share=share) if "brand0" in m.text]
    assert abs(len(named) / 20_000 - share) < 0.01
    queries = synthetic_queries(50)
    assert all(m.text.split()[0] in queries for m in named)


@pytest.mark.slow("a made-up firehose")
def test_few_brands_are_named_much_and_all_texts_have_the_length_of_a_tweet() -> None:
    mentions = some(match_share=1.0)
    first_ten = sum(m.text.split()[0] <= "brand0010" for m in mentions)
    assert 0.5 < first_ten / len(mentions) < 0.7
    assert all(20 <= len(m.text) <= 400 for m in mentions)
    assert 70 < sum(len(m.text) for m in mentions) / len(mentions) < 200
    assert {m.lang for m in mentions} == {"en", "tr", "nl", "ro"}
    assert len({m.text for m in mentions}) > 19_900


@pytest.mark.slow("a made-up firehose")
def test_queries_have_several_shapes_and_no_mention_trips_over_a_not() -> None:
    queries = synthetic_queries(MOST_MONITORS)
    assert len(queries) == MOST_MONITORS
    assert len({re.sub(r"brand\d{4}", "b", query) for query in queries.values()}) == 5
    assert not [m for m in some() if re.search("coupon|voucher|lottery|second hand", m.text)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"monitors": 0},
        {"monitors": MOST_MONITORS + 1},
        {"match_share": 1.5},
        {"rate_per_second": 0.0},
        {"n": -1},
        {"start": START.replace(tzinfo=None)},
    ],
)
def test_a_load_without_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(WrongInput):
        some(**{"n": 1, **wrong})
