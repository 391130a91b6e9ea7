"""Detection, severity and docs/alerting.md agree on the people who make an alert by a trigger alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.docs_tables import TABLES, TRIGGER_ROWS
from alerts.severity import severity
from processors.detection.evidence import triggers_speak
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import judge, keep, signals
from tocsin.core.mention import Author, Mention
from tocsin.core.signal import facts_from
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store.port import Store

END = START + timedelta(minutes=40)
ALONE = {
    (int(cells[0]), int(cells[1])): cells[2]
    for cells in (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in TABLES["triggers"]().splitlines()[2:]
    )
}


def said(people: int, voices: int) -> list[Mention]:
    """Within half an hour `voices` people speak, the last `people` of them of a danger."""
    calm = "the water of brightwater tastes nice today"
    return [
        Mention(
            source="forum",
            id=f"m{i}",
            text="brightwater gave my son food poisoning" if i >= voices - people else calm,
            created_at=START + timedelta(seconds=30 * 60 * (i + 1) // (voices + 1)),
            lang="en",
            author=Author(id=f"author{i}"),
        )
        for i in range(voices)
    ]


@pytest.mark.parametrize(("people", "voices"), TRIGGER_ROWS)
def test_a_trigger_alone_makes_the_alert_that_the_page_says(store: Store, people: int, voices: int) -> None:
    keep(store, said(people, voices))
    with store.read() as conn:
        monitor = repository.find(conn, Monitor, "Brightwater").id
        spoke = triggers_speak(conn, monitor, START + timedelta(minutes=31))
    judge(store, END, cuts=1)
    found = [severity(facts_from(one["facts"])).severity for one in signals(store)[:1]]
    wanted = ALONE[people, voices]
    assert (spoke, [f"SEV{level}" for level in found] or ["nothing"]) == (wanted != "nothing", [wanted])
