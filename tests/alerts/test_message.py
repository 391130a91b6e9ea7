"""The lines of a notice: its window and its peak, who is in it, what the mentions feel, want and talk of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import update

from alerts.message import facets_line, top_posts
from alerts.story import MOST, copies_below, headline, in_a_headline, left_out, negatives_below
from alerts.views import Wanted, figures, find_alerts
from alerts.words import words_for
from tests.alerts.scene import Scene, write_mention
from tocsin.core.signal import Agreement, Evidence, TopMention, VoiceAgainst
from tocsin.store import schema as s

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TONE = {"negative": 40, "neutral": 6, "positive": 4, "negative_share": 0.8}


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


def test_beside_a_share_stands_the_usual_one_where_it_is_known() -> None:
    facets = {"emotion": {"anger": 41, "fear": 12}, "intent": {"complaint": 60}, "crisis": {"outage": 30}}
    usual = {"emotion": {"anger": 0.22, "fear": 0.0}, "crisis": {"outage": 0.004}}
    told = structs.replace(evidence(100, facets), usual_facets=usual)
    assert facets_line(told) == (
        "anger 41% (usually 22%), fear 12% (usually 0%); complaint 60%; outage 30% (usually 0%)"
    )
    assert "öfke %41 (olağanı %22)" in facets_line(told, words_for("tr", "UTC"))


def test_a_notice_names_its_window_its_peak_and_who_is_in_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    try:
        shown = {
            "window_start": scene.now - timedelta(minutes=15),
            "peak": 33,
            **TONE,
            "outlets": ["news.example"],
            "first_heard": {"network": ["press"], "lang": ["ro"]},
            "agrees": [Agreement("reach", 6.0, 1.0, 0.0, 0.0, 0.0, 300.0)],
        }
        scene.signal("over", evidence=shown, ratio=5.0, tier1=True, negative_over=True)
        scene.step()
        text = scene.notices()[0].body["text"]
    finally:
        scene.store.close()
    assert text.startswith("SEV2 Lumo: 5x expected in 15 min, 40 of 50 scored negative, peak 33 in 5 min\n")
    assert (
        "Also: a voice with a large audience\nFirst heard here: press, ro\nWell known: news.example\n" in text
    )


def test_a_headline_says_what_drives_it_and_compares_with_nothing_while_that_is_learnt(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    try:
        said = {"terms": [("smoke", 20), ("baterie", 9), ("lamp", 4)], "observed": 56.0, "peak": 30, **TONE}
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
    assert in_a_headline(alert) == (
        "SEV1 Lumo: 56 mentions in 5 min, trigger: data breach, safety, 40 of 50 scored negative"
    )
    assert in_a_headline(driven) == (
        "SEV1 Lumo: 5.6x expected in 5 min, 40 of 50 scored negative, about: smoke, baterie"
    )
    assert (
        headline(driven, turkish)
        == "SEV1 Lumo: beklenenin 5,6 katı (5 dk), 50 puanlananda 40 olumsuz, konusu: smoke, baterie"
    )
    # How many are negative needs room before the peak, and the peak before the terms.
    assert in_a_headline(replace(long, monitor="Lumo")).endswith(
        "40 of 50 scored negative, peak 30 in 5 min, about: smoke, baterie"
    )
    assert in_a_headline(replace(long, monitor=long.monitor[:20])).endswith(
        "in 60 min, 40 of 50 scored negative, peak 30 in 5 min, about: smoke"
    )
    assert in_a_headline(long).endswith("in 60 min, 40 of 50 scored negative, about: smoke")
    longer = replace(long, monitor=f"{long.monitor} in all shops")
    assert in_a_headline(longer).endswith("in 60 min, 40 of 50 scored negative")
    assert in_a_headline(replace(alert, evidence={"of": "another version"})) == "Lumo"


@pytest.mark.parametrize(
    ("language", "volume", "share"),
    [
        (
            "en",
            "SEV1 Lumo Home: 11x expected in 60 min, trigger: safety, violence, 33 of 67 scored negative, "
            "peak 30 in 5 min",
            "SEV3 Lumo Home: 49% negative in 60 min, usually 20%, 33 of 67 scored negative, "
            "peak 30 mentions in 5 min",
        ),
        (
            "tr",
            "SEV1 Lumo Home: beklenenin 11 katı (60 dk), alarm: güvenlik, 67 puanlananda 33 olumsuz, "
            "en çok 30 (5 dk)",
            "SEV3 Lumo Home: %49 olumsuz (60 dk), olağanı %20, 67 puanlananda 33 olumsuz, "
            "en çok 30 bahsetme (5 dk)",
        ),
        (
            "nl",
            "SEV1 Lumo Home: 11x het verwachte in 60 min, alarm: veiligheid, 33 negatief van 67 met toon, "
            "piek 30 in 5 min",
            "SEV3 Lumo Home: 49% negatief in 60 min, normaal 20%, 33 negatief van 67 met toon, "
            "over: smoke, battery",
        ),
        (
            "ro",
            "SEV1 Lumo Home: 11x așteptările în 60 min, alarmă: siguranță, 33 negative din 67 evaluate, "
            "vârf 30 în 5 min",
            "SEV3 Lumo Home: 49 % negative în 60 min, de obicei 20 %, 33 negative din 67 evaluate, "
            "despre: smoke, battery",
        ),
    ],
)
def test_a_headline_has_window_peak_and_how_many_of_how_many_in_every_language(
    tmp_path: Path, language: str, volume: str, share: str
) -> None:
    scene = Scene(tmp_path)
    try:
        said = {
            "window_start": scene.now - timedelta(hours=1),
            "observed": 112.0,
            "peak": 30,
            "terms": [("smoke", 20), ("battery", 9)],
            "negative": 33,
            "neutral": 30,
            "positive": 4,
            "negative_share": 0.49,
            "negative_baseline": 0.2,
        }
        scene.signal("over", evidence=said, triggers={"safety": 4, "violence": 3}, voices=20)
        scene.signal("over", kind="negativity", evidence=said)
        scene.step()
        alerts = [replace(scene.alert(kind), monitor="Lumo Home") for kind in ("volume", "negativity")]
    finally:
        scene.store.close()
    spoken = words_for(language, "UTC")
    lines = [headline(replace(one, severity=n), spoken) for one, n in zip(alerts, (1, 3), strict=True)]
    assert lines == [volume, share]
    assert max(map(len, lines)) <= MOST and [negatives_below(one, spoken) for one in alerts] == ["", ""]


def test_parts_of_a_headline_leave_one_by_one_and_how_many_are_negative_goes_to_the_line_below(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    try:
        said = {"window_start": scene.now - timedelta(hours=1), "observed": 56.0, "peak": 30, **TONE}
        triggers = {"safety": 9, "violence": 4}
        scene.signal("over", evidence=said, triggers=triggers, voices=20)
        scene.step()
        alert, english = scene.alert(), words_for("en", "UTC")
    finally:
        scene.store.close()
    whole = "5.6x expected in 60 min, trigger: safety, violence, 40 of 50 scored negative, peak 30 in 5 min"
    told = [
        whole,
        whole.replace(", violence", ""),
        whole.replace(", violence", "").replace(", peak 30 in 5 min", ""),
        "5.6x expected in 60 min, trigger: safety",
    ]
    for line in told:
        # The longest name that leaves room for this line.
        named = replace(alert, monitor="x" * (MOST - len(f"SEV1 : {line}")))
        assert headline(named, english) == f"SEV1 {named.monitor}: {line}"
        below = "" if "scored negative" in line else "80% negative (40 of 50 scored)"
        assert negatives_below(named, english) == below
    assert headline(replace(alert, monitor="x" * 90), english).endswith("xx: 5.6x expecte…")


def test_the_copies_that_a_volume_leaves_out_and_the_share_counts_are_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    try:
        said = {**TONE, "observed": 40.0, "count": 50, "copies": 10, "negative_baseline": 0.2}
        scene.signal("over", evidence=said)
        scene.signal("over", kind="negativity", evidence=said)
        scene.signal("over", kind="flood", evidence=said, score=6.0)
        scene.step()
        volume, tone, told_in_notices = scene.alert(), scene.alert("negativity"), scene.notices()
        flood = scene.alert("flood")
    finally:
        scene.store.close()
    told = [
        copies_below(one, words_for(language, "UTC")) for one in (volume, tone) for language in ("en", "ro")
    ]
    assert told == ["copies set aside: 10", "copii puse deoparte: 10", "", ""]
    english = words_for("en", "UTC")
    assert [left_out(one, english) for one in (volume, tone)] == [
        "copies set aside: 10",
        "without repeated negatives: 10",
    ]
    assert [figures(one)["set_aside"] for one in (volume, tone, flood)] == [10, 10, 0]
    assert "in 5 min without copies, 40 of 50 scored negative" in in_a_headline(volume)
    assert "without" not in in_a_headline(tone)
    noted = [one.body["text"] for one in told_in_notices]
    assert any("expected 10 (6-15); copies set aside: 10\n" in one for one in noted)


@pytest.mark.parametrize("handle", ["volt_watcher", "x" * 41, None])
def test_a_voice_that_is_heard_far_is_named_to_people_and_in_no_list_of_the_api(
    tmp_path: Path, handle: str | None
) -> None:
    """Praise that is heard farther is not the voice. A name that finds no room, or that nobody told, is left out."""
    scene = Scene(tmp_path)
    try:
        with scene.write() as conn:
            write_mention(scene.store, conn, "a", "I love Lumo", scene.now)
            write_mention(scene.store, conn, "b", "Lumo burns", scene.now)
            conn.execute(update(s.mentions).where(s.mentions.c.id == "b").values(author_handle=handle))
        top = [
            TopMention("made-up", "a", 2_000_000, "positive"),
            TopMention("made-up", "b", 250_000, "negative"),
        ]
        against = VoiceAgainst("made-up", "b", 250_000)
        scene.signal(
            "over", kind="reach", evidence={"top": top, "against": against, "observed": 1.0}, score=6.0
        )
        scene.step()
        alert, [notice] = scene.alert("reach"), scene.notices()
        with scene.store.read() as conn:
            [named] = find_alerts(conn, Wanted()).alerts
    finally:
        scene.store.close()
    unnamed = "SEV4 Lumo: an author with 250,000 followers speaks against it"
    said = (
        "SEV4 Lumo: volt_watcher (250,000 followers) speaks against it"
        if handle == "volt_watcher"
        else unnamed
    )
    assert (notice.subject, notice.body["text"].split("\n")[0]) == (said, said)
    assert headline(named, words_for("en", "UTC")) == said
    assert in_a_headline(named) == in_a_headline(alert) == unnamed


def test_what_is_usual_is_named_where_it_is_known(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    try:
        usual = {**TONE, "negative_baseline": 0.3}
        scene.signal("over", kind="negativity", evidence=usual)
        scene.signal("over", kind="flood", evidence={"observed": 34.0, "expected": 4.0}, score=6.0)
        scene.step()
        tone, flood = scene.alert("negativity"), scene.alert("flood")
    finally:
        scene.store.close()
    assert "80% negative in 5 min, usually 30%, 40 of 50 scored negative" in in_a_headline(tone)
    assert in_a_headline(flood).endswith("one text by 34 authors in 5 min, usually 4")
    for young in ("learning", "thin"):
        assert "usually" not in in_a_headline(replace(tone, facts={**tone.facts, young: True}))
    assert "usually" not in in_a_headline(replace(flood, facts={**flood.facts, "learning": True}))


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
    crisis = replace(
        alert,
        severity=1,
        monitor="Ondrello",
        facts={**alert.facts, "triggers": {"safety": 3}},
        evidence={**alert.evidence, **TONE, "top": [TopMention("x", "1", 248_000, "negative")]},
    )
    for language, tone in (
        ("en", "40 of 50 scored negative"),
        ("tr", "50 puanlananda 40 olumsuz"),
        ("nl", "40 negatief van 50 met toon"),
        ("ro", "40 negative din 50 evaluate"),
    ):
        assert headline(crisis, words_for(language, "UTC")).endswith(tone), (
            "a trigger leaves room for the tone"
        )
    assert "\nvoices with a large audience against it: 1\n" in text
