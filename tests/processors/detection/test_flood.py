"""Lightly edited copies by many accounts raise a flood, a watch; reposts and few accounts do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.processors.detection.conftest import START
from tests.processors.detection.judging import judged_until
from tests.processors.detection.test_copies import WASTE, said
from tests.processors.detection.test_judge import keep, signals
from tocsin.core.clock import MINUTE
from tocsin.core.mention import Mention
from tocsin.store.port import Store

LATER = START + timedelta(hours=26)


def talk(kind: str) -> list[Mention]:
    """A day with a post now and then, and then twelve posts of one text with a word changed in each."""
    calm = [said(f"calm{n}", f"brightwater is {n}", START + n * 60 * MINUTE, f"c{n}") for n in range(26)]
    words = [
        "waste",
        "poison",
        "sludge",
        "oil",
        "dirt",
        "acid",
        "lead",
        "metal",
        "paint",
        "mud",
        "tar",
        "salt",
    ]
    texts = [WASTE.replace("waste", word) for word in words]
    if kind == "reposts":
        texts = [f"RT @press: {WASTE}"] * 12
    who = [f"u{n % 3}" if kind == "few" else f"u{n}" for n in range(12)]
    copies = [said(f"copy{n}", text, LATER + 3 * n * MINUTE, who[n]) for n, text in enumerate(texts)]
    return [*calm, *copies]


def judged(store: Store, mentions: list[Mention], every: int) -> list[dict[str, Any]]:
    keep(store, mentions)
    end = LATER + timedelta(hours=1)
    with store.write() as conn:
        judged_until(conn, end, every * MINUTE).flush(conn, store, end)
    return [one for one in signals(store) if one["kind"] == "flood"]


@pytest.mark.slow("judges days of windows")
@pytest.mark.parametrize(("kind", "floods"), [("many", 1), ("reposts", 0), ("few", 0)])
def test_one_text_by_many_accounts_in_their_own_name_is_a_flood(store: Store, kind: str, floods: int) -> None:
    found = judged(store, talk(kind), 30)
    over = [one for one in found if one["state"] == "over"]
    assert len(over) == floods
    for one in over:
        evidence = one["evidence"]
        assert evidence["observed"] >= 10 and evidence["stories"][0]["authors"] == evidence["observed"]
        assert one["facts"]["score"] >= 3
