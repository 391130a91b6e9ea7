"""An alert's card says which mentions are one text and which accounts look automated, and why."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from alerts.on_signal import AUTOMATED, COPIES
from tests.api.world import World
from tocsin.core.signal import AutomatedAuthor, StoryTold
from tocsin.core.signal_kinds import FLOOD, REACH


def test_the_card_says_which_mentions_are_one_text_and_who_looks_automated(tmp_path: Path) -> None:
    world = World(tmp_path)
    at = world.now
    world.store_mention("b0", "Lumo offer of today only", at - timedelta(minutes=9), author_id="offers")
    story = StoryTold(
        story="0f" * 8,
        source="forum",
        id="b0",
        count=31,
        reposts=2,
        authors=12,
        negative=0,
        since=at - timedelta(minutes=9),
        until=at,
        voices=1.3636,
    )
    robot = AutomatedAuthor("forum", "b0", 18, {"pace": 24, "equal gaps": 120.0, "copies": 0.9})
    told = {"count": 44, "distinct": 14, "stories": [story], "automated": 18, "automated_authors": [robot]}
    world.scene.signal("over", evidence=told | {"reposts": 9, "repost_voices": 4.25}, one_text=True)
    world.scene.step()
    browser, _ = world.session("ada")
    alert = world.scene.alert("volume")
    page = browser.get(f"/alerts/{alert.id}", headers={"Accept": "text/html"}).text
    assert (
        "31 of 44 mentions are one text</strong>, by 12 authors; in the tone it counts as 1.4 voices" in page
    )
    assert "<dt>Reposts</dt><dd>9<small>with their posts they count as 4.2 voices in the tone</small>" in page
    assert "The reposts of one text cause this alert: without them nothing would be unusual." in page
    assert "44 mentions have 14 different texts." in page
    assert "18 of 44 by accounts that look automated" in page
    assert "(90% copies of what others post, a post every 120 seconds, 24 posts in one hour)" in page
    world.close()


def test_a_flood_of_copies_shows_its_texts_beside_its_mentions_and_no_copies_that_nobody_set_aside(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    at = world.now
    world.store_mention("b0", "Lumo must stop", at - timedelta(minutes=9))
    story = StoryTold(
        story="0f" * 8,
        source="forum",
        id="b0",
        count=40,
        reposts=0,
        authors=40,
        negative=0,
        since=at,
        until=at,
    )
    told = {"count": 41, "distinct": 2, "stories": [story], "copies": 0}
    world.scene.signal("over", FLOOD, evidence=told, observed=40.0, expected=0.0)
    world.scene.signal("over", REACH, evidence={"count": 1, "distinct": 1})
    world.scene.step()
    browser, _ = world.session("ada")
    pages = {
        kind: browser.get(f"/alerts/{world.scene.alert(kind).id}", headers={"Accept": "text/html"}).text
        for kind in (FLOOD, REACH)
    }
    assert "<dt>Different texts</dt><dd>2<small>of 41 mentions</small>" in pages[FLOOD]
    assert all("Copies set aside" not in page for page in pages.values())
    world.close()


def test_what_is_set_aside_says_whether_copies_or_accounts_made_it(tmp_path: Path) -> None:
    for n, (evidence, reason) in enumerate(
        [
            ({"copies": 20, "automated_aside": 4}, COPIES),
            ({"copies": 20, "automated_aside": 16}, AUTOMATED),
        ]
    ):
        world = World(tmp_path / str(n))
        world.scene.signal("set_aside", evidence=evidence)
        world.scene.step()
        alert = world.scene.alert("volume")
        assert (alert.status, alert.reason) == ("suppressed", reason)
        world.close()
