"""What a source brings after an outage is counted where it belongs, and is no spike."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from ingest.ledger import dated
from processors.detection.coverage import Coverage
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import judge, keep, signals, talk
from tocsin.core.mention import Mention
from tocsin.store.port import Store

FAILED, BACK = START + timedelta(hours=14), START + timedelta(hours=19)


def between(first: datetime, last: datetime) -> list[Mention]:
    return [one for one in talk() if first <= one.created_at < last]


@pytest.mark.slow("judges a day of windows")
def test_five_hours_of_posts_that_come_at_once_are_no_spike_and_as_many_new_ones_are(store: Store) -> None:
    missed = between(FAILED, BACK)
    keep(store, between(START, FAILED))
    judge(store, BACK, cuts=1, heard=Coverage(deaf=[(FAILED, BACK)]))
    # Of a source that gives no times, every post is stamped with the time of the fetch.
    stamped = [msgspec.structs.replace(one, created_at=BACK) for one in missed]
    brought = [one for one in dated(stamped, BACK, FAILED) if isinstance(one, Mention)]
    assert len(brought) == len(missed) > 40
    keep(store, brought)
    later = BACK + timedelta(minutes=30)
    judge(store, later, cuts=1, first=BACK)
    assert signals(store) == []

    keep(store, [msgspec.structs.replace(one, id=f"new {one.id}", created_at=later) for one in missed])
    judge(store, later + timedelta(minutes=10), cuts=1, first=later)
    assert {(one["kind"], one["state"]) for one in signals(store)} >= {("volume", "over")}
