"""Detection, severity and docs/alerting.md agree on the people who make an alert by a trigger alone."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from alerts.docs_tables import TABLES, TRIGGER_ROWS
from alerts.severity import severity
from processors.detection.coverage import Coverage
from processors.detection.evidence import triggers_speak
from processors.detection.judge import Detection
from processors.detection.tallies import load_tallies
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


@pytest.mark.slow("judges days of windows")
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


def test_three_people_are_heard_in_an_open_window_of_which_a_part_was_not(store: Store) -> None:
    begun = START + timedelta(minutes=20)
    keep(store, [msgspec.structs.replace(one, created_at=begun + timedelta(minutes=2)) for one in said(3, 3)])
    now = begun + timedelta(minutes=3)
    # Tocsin was away, or its clock was moved on, until a minute ago.
    deaf = Coverage(deaf=[(START - timedelta(hours=2), begun + timedelta(minutes=1))])
    with store.write() as conn:
        detection = Detection(repository.listed(conn, Monitor))
        detection.load(conn)
        start = detection.tallies_from(conn)
        assert start == begun
        tallies = load_tallies(conn, [one.id for one in detection.monitors], start, now)
        assert detection.tick(conn, tallies, now, begun, now, deaf) == 1
        detection.flush(conn, store, now)
    assert [(one["kind"], severity(facts_from(one["facts"])).severity) for one in signals(store)] == [
        ("volume", 1)
    ]
