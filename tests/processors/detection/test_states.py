"""The rows of `detector_state`."""

from __future__ import annotations

import random
from types import SimpleNamespace

import msgspec

from processors.detection.episode import Episode
from processors.detection.states import Aside, Standing, fresh
from processors.signals.types import WindowCounts
from tests.contracts.worlds import FIVE, MONDAY
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.store.types import Json


def test_a_state_is_stored_as_the_bytes_of_plain_dictionaries_and_reads_back() -> None:
    monitor = Monitor(name="acme", query="acme")
    one = fresh(Defined("monitor", "mon_a", 1, MONDAY, MONDAY, monitor))
    dice, aside = random.Random(4), Aside([(MONDAY, 3)])
    for place in range(60):
        window = WindowCounts(MONDAY + place * FIVE, FIVE, dice.randrange(9), 0, 8)
        for standing in one.standings:
            standing.learn(window, standing.judge(window, one.sensitivity))
    one.standings[0].episode, one.standings[0].aside = Episode(since=MONDAY, windows_over=2), aside
    column = Json()
    for standing, row in zip(one.standings, one.rows(MONDAY), strict=True):
        plain = {"detector": standing.state, "episode": standing.episode, "aside": standing.aside}
        written = column.process_bind_param(row["state"], None)  # type: ignore[arg-type]  # no engine matters here
        assert written == column.process_bind_param(msgspec.to_builtins(plain), None)  # type: ignore[arg-type]  # see above
        read = Standing(standing.kind, standing.kind.detector.initial())
        stored = {**row, "state": written}
        assert read.takes_up(row["series"], SimpleNamespace(**stored))  # type: ignore[arg-type]  # all that is asked of a row
        assert (read.state, read.episode, read.aside) == (standing.state, standing.episode, standing.aside)
