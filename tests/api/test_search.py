"""Searching mentions through the API and on the page: every engine finds the same, and every input gets a plain answer."""

from __future__ import annotations

import re
from datetime import timedelta
from html import escape, unescape
from typing import Any

import pytest
from sqlalchemy import update

from processors.corrections import models
from processors.rescoring import Rescorer
from processors.understand.brand import BrandModel
from processors.understand.linear import LinearScorer
from tests.api.world import World
from tests.stores import on_both_stores  # noqa: F401  # a fixture that acts by itself
from tocsin.core.facets import FACETS
from tocsin.definitions.models import Role
from tocsin.store import schema as s

MINUTE = timedelta(minutes=1)


@pytest.fixture
def talk(world: World) -> World:
    """Four posts, the newest last."""
    now = world.now
    world.store_mention("a", "Lumo lampa nu mai merge la București", now - 40 * MINUTE, "negative", lang="ro")
    world.store_mention("b", "Lumo ışık vermiyor!", now - 30 * MINUTE, "negative", lang="tr", network="wall")
    world.store_mention("c", "Mooie lamp van Lumo 😍 #lamp", now - 20 * MINUTE, "positive", lang="nl")
    world.store_mention("d", "burns the eyes", now - 10 * MINUTE, title="Lumo lamp", lang="en", source="blog")
    return world


def ids(world: World, **asked: Any) -> list[str]:
    answer = world.key(Role.VIEWER).get("/v1/mentions", params=asked)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


@pytest.mark.slow("asks for many answers")
def test_words_phrases_and_beginnings_are_found_the_newest_first(talk: World) -> None:
    assert ids(talk, q="lamp") == ["d", "c"]
    assert ids(talk, q="LAMP*") == ["d", "c", "a"]
    assert ids(talk, q="bucuresti") == ["a"]
    assert ids(talk, q="ISIK") == ["b"]
    assert ids(talk, q='"lamp van"') == ["c"]
    # A title and a text are not one sentence.
    assert ids(talk, q='"lamp burns"') == []
    assert ids(talk, q="#lamp") == ["c"]
    assert ids(talk, q="😍") == ["c"]
    assert ids(talk, q="lumo", label="negative") == ["b", "a"]
    assert ids(talk, q="lumo", lang="ro") == ["a"]
    assert ids(talk, q="lumo", network="wall") == ["b"]
    assert ids(talk, q="lumo", source="blog") == ["d"]
    assert ids(talk, q="lumo", monitor="Lumo") == ["d", "c", "b", "a"]
    since, until = talk.now - 30 * MINUTE, talk.now - 20 * MINUTE
    assert ids(talk, q="lumo", **{"from": since.isoformat(), "to": until.isoformat()}) == ["b"]


def test_mentions_are_found_by_what_they_say_beside_words(talk: World) -> None:
    for id, facets in (
        ("e", {"intent": ["complaint"], "emotion": ["anger", "fear"]}),
        ("f", {"intent": ["question"], "emotion": ["fear"], "crisis": ["outage"], "harm": ["insult"]}),
    ):
        nothing: dict[str, list[str]] = {facet: [] for facet in FACETS}
        talk.store_mention(id, "Lumo lamp", talk.now - MINUTE, **(nothing | facets))
    assert ids(talk, emotion="fear") == ids(talk, emotion="fear", monitor="Lumo") == ["e", "f"]
    assert ids(talk, emotion="fear", intent="question") == ["f"]
    assert ids(talk, crisis="outage", monitor="Lumo") == ids(talk, harm="insult", q="lamp") == ["f"]
    assert ids(talk, emotion="joy") == []
    key = talk.key(Role.VIEWER)
    assert key.get("/v1/mentions", params={"emotion": "rage"}).status_code == 422
    answer = key.get("/v1/mentions", params={"harm": "insult"}).json()["items"]
    assert answer[0]["facets"] == {
        "intent": ["question"],
        "emotion": ["fear"],
        "crisis": ["outage"],
        "harm": ["insult"],
    }
    _, page = on_the_page(talk, facet="crisis:outage")
    assert page.count('<li class="post') == 1 and "blurred" in page


def test_the_page_shows_the_mentions_of_one_language_and_keeps_it_for_older_ones(talk: World) -> None:
    _, page = on_the_page(talk, lang="ro")
    assert page.count('<li class="post') == 1 and "Lumo lampa nu mai merge" in page
    assert '<option value="ro" lang="ro" selected>Română</option>' in page
    names = re.findall(r'<option value="(\w+)" lang="\w+"', page)
    assert {"ar", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "ro", "sv", "tr"} == set(names)
    _, none = on_the_page(talk, lang="hu")
    assert "No mention matches." in none and '<option value="hu" lang="hu" selected>hu</option>' in none
    for wrong in ("", "all of them", "<b>", "ROMANIAN"):
        _, page = on_the_page(talk, lang=wrong)
        assert page.count('<li class="post') == 4
    for n in range(40):
        talk.store_mention(f"n{n}", "Weer een lamp van Lumo", talk.now - n * MINUTE, lang="nl")
    _, page = on_the_page(talk, lang="nl")
    assert re.search(r'rel="next" href="/mentions\?[^"]*lang=nl', page)


def test_the_words_that_counted_are_told_and_marked_in_the_text(talk: World) -> None:
    text = "Lumo is the worst lamp ever, <b>terrible</b>"
    talk.store_mention("why", text, talk.now - MINUTE, "negative", model=LinearScorer("en").model)
    key = talk.key(Role.VIEWER)
    said = key.get("/v1/mentions/reasons", params={"source": "forum", "id": "why"}).json()
    assert said["label"] == "negative"
    (worst,) = [one for one in said["reasons"] if one["word"] == "worst"]
    assert worst["weight"] > 0 and text[worst["start"] : worst["end"]] == "worst"
    assert key.get("/v1/mentions/reasons", params={"source": "forum", "id": "a"}).json()["reasons"] is None
    assert key.get("/v1/mentions/reasons", params={"source": "forum", "id": "gone"}).status_code == 404
    _, page = on_the_page(talk, q="worst")
    assert re.search(r'<mark class="for" title="[^"]*negative">worst</mark>', page)
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("My Lumo lamp is terrible", True),
        ("Lumo".ljust(1192) + "terrible lamp", True),
        ("Lumo".ljust(1193) + "terrible lamp", False),
    ],
    ids=["the last word", "the last word that is shown", "a word that is cut"],
)
def test_every_word_that_is_shown_whole_may_be_marked(talk: World, text: str, marked: bool) -> None:
    talk.store_mention("ends", text, talk.now - MINUTE, "negative", model=LinearScorer("en").model)
    _, page = on_the_page(talk, q="terrible")
    assert bool(re.search(r"<mark[^>]*>terrible</mark>", page)) == marked


def test_copies_of_a_text_are_one_story_and_stand_behind_the_first(talk: World) -> None:
    text = "The Lumo lamp caught fire while my children slept, please share this"
    edited = (text, f"BREAKING {text}", text.replace("please share", "pls RT"), f"{text} #lumo")
    for n, said in enumerate(edited):
        talk.store_mention(f"copy{n}", said, talk.now - n * MINUTE, "negative")
    key = talk.key(Role.VIEWER)
    items = key.get("/v1/mentions", params={"monitor": "Lumo", "q": "children"}).json()["items"]
    stories = {one["id"]: one["story"] for one in items}
    assert stories.keys() == {f"copy{n}" for n in range(4)}
    assert {one["count"] for one in stories.values()} == {4}
    assert len({one["id"] for one in stories.values()}) == 1
    [page] = key.get("/v1/mentions", params={"monitor": "Lumo", "limit": 1}).json()["items"]
    assert page["story"] == stories["copy0"]
    [alone] = key.get("/v1/mentions", params={"monitor": "Lumo", "q": '"lamp van"'}).json()["items"]
    assert alone["story"] is None
    assert key.get("/v1/mentions", params={"q": "children"}).json()["items"][0]["story"] is None
    browser, _ = talk.session("ada")
    where = {"monitor": talk.scene.monitor, "q": "lamp"}
    shown = browser.get("/mentions", params=where, headers={"Accept": "text/html"}).text
    assert "and 3 copies that day" in shown
    assert shown.index("copies that day") < shown.index("BREAKING")


def test_one_tap_or_one_call_relabels_a_mention_for_its_monitor(talk: World) -> None:
    monitor = talk.scene.monitor
    mine = {"source": "forum", "id": "a", "label": "positive"}
    assert talk.key(Role.VIEWER).post(f"/v1/monitors/{monitor}/corrections", json=mine).status_code == 403
    desk, listed = talk.key(Role.COMMUNITY_MANAGER), {"monitor": "Lumo"}
    had = {"if-none-match": desk.get("/v1/mentions", params=listed).headers["etag"]}
    assert desk.get("/v1/mentions", params=listed, headers=had).status_code == 304
    said = desk.post(f"/v1/monitors/{monitor}/corrections", json=mine)
    assert (said.status_code, said.json()) == (200, {"label": "positive", "before": "negative"})
    # A reader who has the list as it was before is not told that it is the same.
    assert desk.get("/v1/mentions", params=listed, headers=had).status_code == 200
    assert ids(talk, monitor="Lumo", label="negative") == ["b"]
    found = desk.get("/v1/mentions", params=listed).json()["items"]
    assert {one["id"]: one["sentiment"]["scored_by"] for one in found} == dict.fromkeys("bcd") | {
        "a": "person"
    }
    gone = desk.post(f"/v1/monitors/{monitor}/corrections", json=mine | {"id": "gone"})
    assert gone.status_code == 404
    few = desk.post(f"/v1/monitors/{monitor}/corrections/learn")
    assert few.status_code == 422 and "at least 5" in few.text
    assert desk.post(f"/v1/monitors/{monitor}/corrections/use", json={"version": 3}).status_code == 404
    assert desk.get(f"/v1/monitors/{monitor}/corrections").json() == {"corrections": 1, "models": []}
    late = desk.post(
        f"/v1/monitors/{monitor}/corrections", json=mine | {"label": "neutral", "seen": "negative"}
    )
    assert late.status_code == 412 and late.json()["detail"].endswith(
        "called this post positive since you saw it."
    )
    for seen in ("positive", None):
        again = desk.post(f"/v1/monitors/{monitor}/corrections", json=mine | {"seen": seen})
        assert again.json() == {"label": "positive", "before": "positive"}

    client, session = talk.session("pia")
    shown = client.get("/mentions", params={"monitor": monitor}).text
    assert shown.count('class="correct"') == 4
    form = {"csrf": session.csrf, "source": "forum", "id": "b", "label": "neutral", "back": "//evil.example"}
    answer = client.post(f"/monitors/{monitor}/correct", data=form, follow_redirects=False)
    there, place = answer.headers["location"].split("#")
    assert (answer.status_code, there) == (303, f"/mentions?monitor={monitor}")
    corrected = client.get(there).text.split(f'id="{place}"')[1].split("</li>")[0]
    assert "corrected by pia" in corrected and "<mark" not in corrected
    assert ids(talk, monitor="Lumo", label="neutral") == ["d", "b"]
    late = client.post(f"/monitors/{monitor}/correct", data=form | {"label": "positive", "seen": "negative"})
    assert late.status_code == 412 and "pia has called this post neutral since you saw it." in late.text
    client.headers["Accept"] = "text/html"
    listed_at = f"/mentions?monitor={monitor}&q=lamp"
    for wrong, status, said in (
        ({"label": "positive", "seen": "negative"}, 412, "pia has called"),
        ({"id": "gone"}, 404, "this post is no longer kept"),
    ):
        refused = client.post(f"/monitors/{monitor}/correct", data=form | {"back": listed_at} | wrong)
        assert refused.status_code == status and said in refused.text and "'gone'" not in refused.text
        assert f'href="{escape(listed_at)}">Look again' in refused.text
    few = client.post(f"/monitors/{monitor}/learn", data={"csrf": session.csrf})
    assert few.status_code == 422 and f'href="/monitors/{monitor}">Look again' in few.text
    again = client.post(
        f"/monitors/{monitor}/correct", data=form | {"seen": "positive"}, follow_redirects=False
    )
    assert again.status_code == 303


@pytest.mark.parametrize("often", [False, True], ids=["rare words", "common words"])
def test_the_label_asked_for_with_a_monitor_is_that_toward_its_brand(
    talk: World, often: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if often:
        monkeypatch.setattr("tocsin.store.search.RARE", 0)
    desk, monitor = talk.key(Role.COMMUNITY_MANAGER), talk.scene.monitor
    with talk.scene.store.write() as conn:
        t = s.matches
        conn.execute(update(t).where(t.c.id == "b").values(label="neutral", scored_by="part"))
        conn.execute(update(t).where(t.c.id == "d").values(label="positive", scored_by="brand-3"))
    mine = {"source": "forum", "id": "a", "label": "positive"}
    assert desk.post(f"/v1/monitors/{monitor}/corrections", json=mine).status_code == 200
    assert ids(talk, q="lumo", monitor="Lumo", label="negative") == []
    assert ids(talk, q="lumo", monitor="Lumo", label="neutral") == ["b"]
    assert ids(talk, q="lumo", label="negative") == ["b"]
    for asked in ({}, {"q": "lumo"}):
        found = {by: ids(talk, monitor="Lumo", scored_by=by, **asked) for by in ("person", "part", "brand")}
        assert found == {"person": ["a"], "part": ["b"], "brand": ["d"]}
    assert desk.get("/v1/mentions", params={"scored_by": "person"}).status_code == 422
    _, page = on_the_page(talk, monitor=monitor, by="person")
    assert page.count('<li class="post') == 1 and "Only posts whose tone a person corrected." in page
    client, _ = talk.session("pia")
    assert (
        f'href="/mentions?monitor={monitor}&amp;by=person">Show them'
        in client.get(f"/monitors/{monitor}").text
    )


@pytest.mark.slow("asks for many answers")
def test_a_model_is_learnt_used_and_rolled_back_on_the_page(talk: World) -> None:
    monitor = talk.scene.monitor
    desk = talk.key(Role.COMMUNITY_MANAGER)
    for number in range(6):
        talk.store_mention(f"game {number}", f"Lumo insane beats {number}", talk.now - MINUTE, "negative")
        right = {"source": "forum", "id": f"game {number}", "label": "positive"}
        assert desk.post(f"/v1/monitors/{monitor}/corrections", json=right).status_code == 200
    client, session = talk.session("pia")
    assert "Learn from them" in client.get(f"/monitors/{monitor}").text
    form = {"csrf": session.csrf}
    answer = client.post(f"/monitors/{monitor}/learn", data=form, follow_redirects=False)
    assert answer.headers["location"] == f"/monitors/{monitor}?done=learnt"
    shown = client.get(f"/monitors/{monitor}").text
    assert "Model 1" in shown and "in use" in shown and "Of 6 corrected mentions" in shown
    assert "Roll back to the common model" in shown
    back = client.post(f"/monitors/{monitor}/use", data=form | {"model": "0"}, follow_redirects=False)
    assert (back.status_code, back.headers["location"]) == (303, f"/monitors/{monitor}?done=unused")
    assert "The common model alone labels" in client.get(back.headers["location"]).text
    assert "in use" not in client.get(f"/monitors/{monitor}").text
    (model,) = desk.get(f"/v1/monitors/{monitor}/corrections").json()["models"]
    assert "The stored mentions will be read anew." in client.get("/settings").text
    Rescorer(talk.scene.store, talk.scene.clock).once()
    assert "read anew" not in client.get("/settings").text
    assert (model["version"], model["active"], model["figures"]["corrections"]) == (1, False, 6)
    assert model["instead_of"] == 0


def test_the_newest_models_stand_open_and_an_older_one_that_is_in_use_is_seen(talk: World) -> None:
    monitor = talk.scene.monitor
    by: dict[str, Any] = {"now": talk.now, "actor": "ana", "role": "pr"}
    figures = dict.fromkeys(("corrections", "right_before", "right_after", "others", "others_changed"), 1)
    with talk.scene.store.write() as conn:
        for number in range(1, 8):
            models.keep(conn, monitor, BrandModel(0, (number / 10, 0.0, 0.0)), figures, **by)
    client, session = talk.session("pia")
    card = client.get(f"/monitors/{monitor}").text.split('id="cor-h"')[1].split("</section>")[0]
    newest, older = card.split('<details class="more">')
    assert (newest.count("Model "), older.count("Model ")) == (5, 2)
    assert "Roll back to model 6" in card
    use = {"csrf": session.csrf, "model": "1"}
    assert client.post(f"/monitors/{monitor}/use", data=use, follow_redirects=False).status_code == 303
    assert '<details class="more" open><summary>Older' in client.get(f"/monitors/{monitor}").text


def test_a_search_comes_in_pages_that_join(talk: World) -> None:
    key, found, cursor = talk.key(Role.VIEWER), [], ""
    while True:
        page = key.get(f"/v1/mentions?q=lumo&monitor=Lumo&limit=1{cursor}").json()
        found += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == ["d", "c", "b", "a"]


REFUSED = {
    "?!": "no word",
    "%%": "no word",
    '"': "no word",
    "\0": "no word",
    "x" * 257: "256",
    "a " * 40: "32 words",
    "a*": "2 letters",
}


def test_what_cannot_be_looked_for_is_a_plain_422(talk: World) -> None:
    key = talk.key(Role.VIEWER)
    for q, said in REFUSED.items():
        answer = key.get("/v1/mentions", params={"q": q})
        assert answer.status_code == 422, q
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert said in answer.text
        (error,) = answer.json()["errors"]
        assert error["field"].endswith("q")


HOSTILE = """' OR 1=1 --|"; DROP TABLE mentions|NEAR(lumo)|words : lumo|lumo & !lamp|a\\'b|lumo <-> x|lumo:*|{lumo}|%s %(x)s"""


@pytest.mark.slow("asks for many answers")
def test_hostile_words_are_only_words(talk: World) -> None:
    key = talk.key(Role.VIEWER)
    for q in [*HOSTILE.split("|"), "\ufffd lumo", "lu\0mo", "😀" * 30]:
        answer = key.get("/v1/mentions", params={"q": q})
        assert answer.status_code == 200, (q, answer.text)
    assert ids(talk, q="lumo") == ["d", "c", "b", "a"]


def on_the_page(world: World, **asked: str) -> tuple[int, str]:
    client, _ = world.session("pia")
    answer = client.get("/mentions", params=asked)
    return answer.status_code, answer.text


def test_the_page_lists_searches_and_goes_on_where_there_is_more(talk: World) -> None:
    status, shown = on_the_page(talk)
    assert status == 200
    assert [shown.count(text) for text in ("burns the eyes", "Mooie lamp", "Lumo ışık", "București")] == [
        1
    ] * 4
    assert shown.index("burns the eyes") < shown.index("Mooie lamp")
    _, shown = on_the_page(talk, q="lamp", label="positive")
    assert "Mooie lamp" in shown and "burns" not in shown
    assert 'value="lamp"' in shown
    by_name, by_id = (on_the_page(talk, monitor=one)[1] for one in ("Lumo", talk.scene.monitor))
    assert f'value="{talk.scene.monitor}" selected' in by_name and by_name.count(
        'class="correct"'
    ) == by_id.count('class="correct"')
    status, shown = on_the_page(talk, monitor="Lum<o")
    assert status == 422 and "no monitor &#39;Lum&lt;o&#39;; known: Lumo" in shown
    assert 'name="monitor" aria-invalid="true"' in shown and shown.count("aria-invalid") == 1
    for index in range(40):
        talk.store_mention(f"more {index}", "again", talk.now - index * MINUTE)
    client, _ = talk.session("pia")
    shown = client.get("/mentions", params={"q": "again"}).text
    assert shown.count("<li class=") == 30
    (following,) = re.findall(r'rel="next" href="([^"]+)"', shown)
    assert client.get(unescape(following)).text.count("<li class=") == 10


def test_the_page_says_what_cannot_be_looked_for_and_shows_no_markup_of_others(talk: World) -> None:
    status, shown = on_the_page(talk, q="?!<script>alert(1)</script>" + "x" * 300)
    assert (status, "This cannot be searched for." in shown, "<script>alert" in shown) == (422, True, False)
    talk.store_mention("x", "<b>bold</b> claim", talk.now)
    _, shown = on_the_page(talk, q="bold claim", label="odd")
    assert "&lt;b&gt;bold&lt;/b&gt; claim" in shown
    assert on_the_page(talk, q="lamp", cursor="!!")[0] == 422
