"""The lines of a notice: its window and its peak, who is in it, what the mentions feel, want and talk of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from alerts.message import facets_line, top_posts
from alerts.story import headline, in_a_headline
from alerts.words import words_for
from tests.alerts.scene import Scene, write_mention
from tocsin.core.signal import Agreement, Evidence, TopMention
from tocsin.store import schema as s

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def evidence(count: int, facets: dict[str, dict[str, int]]) -> Evidence:
    return Evidence(
        rule="volume-1",
        baseline="adaptive",
        since=AT,
        window_start=AT,
        window_end=AT,
        observed=count,
        expected=1,
        lower=0,
        upper=2,
        level=0.95,
        count=count,
        facets=facets,
    )


def test_the_tone_is_told_in_shares_of_all_mentions_the_rare_left_out() -> None:
    facets = {
        "emotion": {"anger": 41, "fear": 12, "joy": 2},
        "intent": {"complaint": 60},
        "harm": {"insult": 9},
    }
    assert facets_line(evidence(100, facets)) == "anger 41%, fear 12%; complaint 60%"
    assert facets_line(evidence(0, {})) == ""


def test_a_notice_names_its_window_its_peak_and_who_is_in_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    try:
        shown = {
            "window_start": scene.now - timedelta(minutes=15),
            "peak": 33,
            "outlets": ["news.example"],
            "first_heard": {"network": ["press"], "lang": ["ro"]},
            "agrees": [Agreement("reach", 6.0, 1.0, 0.0, 0.0, 0.0, 300.0)],
        }
        scene.signal("over", evidence=shown, ratio=5.0, tier1=True, negative_over=True)
        scene.step()
        text = scene.notices()[0].body["text"]
    finally:
        scene.store.close()
    assert text.startswith("SEV2 Lumo: 5x the expected talk in 15 min, peak 33 in 5 min\n")
    assert "Also: heard far\nFirst heard here: press, ro\nWell known: news.example\n" in text


def test_a_headline_says_what_drives_it_and_compares_with_nothing_while_that_is_learnt(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    try:
        said = {"terms": [("smoke", 20), ("baterie", 9), ("lamp", 4)], "observed": 56.0, "peak": 30}
        scene.signal(
            "over",
            evidence=said,
            learning=True,
            triggers={"safety": 4, "data-breach": 9, "legal": 1},
            voices=20,
        )
        scene.step()
        alert, turkish = scene.alert(), words_for("tr", "UTC")
        driven = replace(alert, facts={**alert.facts, "triggers": {}, "learning": False})
        long = replace(
            driven,
            monitor="The lamps of Lumo and their batteries",
            evidence={**alert.evidence, "window_start": "2031-03-05T09:00:00Z"},
        )
    finally:
        scene.store.close()
    assert in_a_headline(alert) == "SEV1 Lumo: 56 mentions in 5 min, trigger: data breach, safety"
    assert in_a_headline(driven) == "SEV1 Lumo: 5.6x the expected talk in 5 min, driver: smoke, baterie"
    assert (
        headline(driven, turkish)
        == "SEV1 Lumo: 5 dk içinde konuşma beklenenin 5,6 katı, konusu: smoke, baterie"
    )
    # What it is about outlives the peak.
    assert "peak 30 in 5 min, driver: smoke" in in_a_headline(replace(long, monitor="Lumo"))
    assert in_a_headline(long).endswith("talk in 60 min, driver: smoke, baterie")
    assert in_a_headline(replace(alert, evidence={"of": "another version"})) == "Lumo"


def test_an_article_is_shown_with_its_title_before_its_text(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    try:
        with scene.write() as conn:
            top = write_mention(scene.store, conn, "a", "The plant is closed.", scene.now)
            conn.execute(update(s.mentions).values(title="Fire at Lumo"))
            shown = top_posts(conn, [top])
    finally:
        scene.store.close()
    assert [one["text"] for one in shown] == ["Fire at Lumo: The plant is closed."]


def test_a_watch_says_who_is_heard_far_in_place_of_figures(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    try:
        top = [TopMention("x", "1", 2_000_000, "negative")]
        scene.signal("over", kind="reach", evidence={"top": top, "observed": 1.0, "expected": 0.0}, score=6.0)
        scene.step()
        alert, text = scene.alert("reach"), scene.notices()[0].body["text"]
    finally:
        scene.store.close()
    assert (alert.status, alert.severity) == ("firing", 4)
    assert text.startswith("SEV4 Lumo: an author with 2,000,000 followers speaks against it\n")
    assert "\nheard far, against it: 1\n" in text
