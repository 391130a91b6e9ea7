"""A day's shares: what people said, what was counted, what was corrected; days without a scored mention have none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from processors.understand.corrected import Rates
from processors.understand.sentiment import UNSCORED, Sentiment
from training.shares import LEAST, SHOWN, day_of, days, made_up, made_up_table, table

RATES = Rates(0.8, 0.1, half_width=0.1)
SAID = [Sentiment("negative", -5_000, 8_000, "x")] * 45 + [Sentiment("neutral", 0, 8_000, "x")] * 55
LABELS = ["negative"] * 50 + ["positive"] * 50


def test_the_corrected_share_is_nearer_where_the_rates_are_those_of_the_scorer() -> None:
    found = day_of(("Zilver", SHOWN), LABELS, [*SAID, UNSCORED], RATES)
    assert found is not None and found.people == 0.5 and found.counted == 0.45
    assert abs(found.corrected.share - 0.5) < 0.01
    lines = list(table([found]))
    assert lines[2].startswith("| Zilver | 100 | 50% | 45% | 50% |")
    assert "counted share is off by 5.0 points" in lines[-1] and "1 intervals hold" in lines[-1]


def test_a_day_without_a_scored_mention_has_no_shares() -> None:
    assert day_of(("Zilver", SHOWN), ["negative"], [UNSCORED], RATES) is None


def test_days_of_few_mentions_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "airline2015"
    folder.mkdir()
    row = {"text": "late", "label": "negative", "brand": "Zilver", "created_at": "2015-02-21T10:00:00Z"}
    other = row | {"brand": "Goud"}
    with gzip.open(folder / "stream.jsonl.gz", "wt", encoding="utf-8") as lines:
        for one in [*[row] * LEAST, *[other] * (LEAST - 1), row | {"label": None}]:
            lines.write(json.dumps(one) + "\n")
    assert list(days(tmp_path)) == [("Zilver", "2015-02-21")]
    assert len(days(tmp_path)["Zilver", "2015-02-21"]) == LEAST


def test_made_up_shares_are_right_where_the_rates_are_those_of_the_set() -> None:
    said = [Sentiment("negative" if at % 10 < 8 else "neutral", 0, 8_000, "x") for at in range(50)]
    said += [Sentiment("negative" if at % 10 < 1 else "neutral", 0, 8_000, "x") for at in range(50)]
    found = made_up("nl", [*LABELS, "negative"], [*said, UNSCORED], RATES)
    assert (found.caught, found.wrong, found.held) == (0.8, 0.1, 15)
    assert found.corrected < 0.005 < 0.05 < found.counted
    lines = list(made_up_table([("zilver", "nl", found)]))
    assert lines[2].startswith("| zilver | nl | 80% | 10% | 6.2 | 0.0 | 15 of 15 |")
