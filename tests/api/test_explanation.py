"""An alert is explained by the API, on the page and by the command, from the same computation."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from sqlalchemy import select, update

from api.opinions import Opinions
from processors.detection.asked import MOST_SCORED
from processors.understand.deep import WIDTH, DeepModel, DeepScorer
from processors.understand.deep_facets import DeepFacets, Head
from tests.api.world import World
from tests.inside import command
from tests.processors.detection.test_judge import judge
from tocsin.core.clock import DAY
from tocsin.definitions.models import Role
from tocsin.store import schema as s

HTML = {"Accept": "text/html"}
HEAD = DeepModel("test", np.zeros(WIDTH), np.outer(np.eye(WIDTH)[0], [1, 0, -1]), np.zeros(3))
TOLD_BY = DeepFacets(
    "test",
    np.zeros(WIDTH),
    (
        Head(np.outer(np.eye(WIDTH)[0], [-1, 1, *[0] * 8]), np.array([0, 0, *[-9] * 8])),
        Head(np.zeros((WIDTH, 5)), np.array([1, *[0] * 4])),
    ),
    "test",
)
"""It tells of safety where the head says negative, and of no harm."""


def burning(text: str) -> list[float]:
    """A vector that the head calls negative where the number in the text ends with a four, else positive."""
    return [1.0 if "4 burns" in text else -1.0, *[0.0] * (WIDTH - 1)]


def days_before(made: World, start: datetime) -> None:
    """Readings of the same series on the nine days before."""
    r = s.readings
    with made.scene.store.write() as conn:
        row = conn.execute(select(r).where(r.c.kind == "volume", r.c.window_start == start)).one()
        again = [{**row._mapping, "window_start": start - n * DAY} for n in range(1, 10)]
        made.scene.store.insert_new(conn, r, again)


def other_windows_are_explained(made: World, alert: str, data: Path) -> None:
    """Each window that was over is explained by its end, and the explanation says which windows there are."""
    key, (browser, _) = made.key(Role.VIEWER), made.session("ada")
    address = f"/v1/alerts/{alert}/explanation"
    told = key.get(address).json()
    windows = told["windows"]
    assert windows["count"] == 2 and windows["last"]["end"] == told["window_end"]
    first = windows["first"]["end"]
    other = key.get(address, params={"window": first}).json()
    assert (other["window_end"], other["differs"], other["why_not"]) == (first, [], None)
    assert other["windows"] == windows and other["figures"] != told["figures"]
    page = browser.get(f"/alerts/{alert}/explanation", headers=HTML).text
    assert "2 windows were over." in page
    link = f"/alerts/{alert}/explanation?window={quote(first)}"
    assert f'href="{link}"' in page
    assert f'href="{link}"' not in browser.get(link, headers=HTML).text
    said = command("explain", alert, "--data", data).stdout.decode()
    assert (
        f"one of 2 windows that were over, its highest and last; others with --window: first {first} (score "
        in said
    )
    asked = command("explain", alert, "--window", first, "--json", "--data", data)
    assert json.loads(asked.stdout)["figures"] == other["figures"]
    wrong = {"2026-01-01T00:00:00Z": (404, "no window that ends at 2026-01-01T00:00:00Z")}
    wrong |= {"yesterday": (422, "window"), "2026-01-01T00:00:00": (422, "needs an offset")}
    for window, (status, why) in wrong.items():
        refused = key.get(address, params={"window": window})
        assert refused.status_code == status and why in refused.text
        assert browser.get(f"/alerts/{alert}/explanation?window={window}", headers=HTML).status_code == status
    refused_here = command("explain", alert, "--window", "yesterday", "--data", data)
    assert refused_here.returncode == 2 and b"--window: 'yesterday' is no time" in refused_here.stderr
    no_alert = command("explain", "united", "--window", first, "--data", data)
    assert no_alert.returncode == 2 and b"--window goes with the id of an alert" in no_alert.stderr


def what_agrees_is_told(made: World, alert: str) -> None:
    """The other kinds that were over stand in the answer, with the places in which they were."""
    a, key = s.alerts, made.key(Role.VIEWER)
    at = made.now.isoformat()
    place = {
        "dimension": "network",
        "value": "forum",
        "since": at,
        "until": at,
        "seen": 9,
        "due": 1.5,
        "z": 4.0,
    }
    figures = {"score": 4.0, "observed": 2.0, "expected": 1.0, "lower": 0.0, "upper": 1.0, "span_s": 3600.0}
    spread = {"kind": "spread", **figures, "places": [place], "numbers": {"z": 4.0}}
    address = f"/v1/alerts/{alert}/explanation"
    # After four calm hours nearly all of ten minutes is negative, so the tone is over beside the volume.
    (tone,) = key.get(address).json()["agrees"]
    assert (tone["kind"], tone["score"] > 3.0) == ("negativity", True)
    with made.scene.store.write() as conn:
        evidence = conn.execute(select(a.c.evidence).where(a.c.id == alert)).scalar_one()
        conn.execute(update(a).where(a.c.id == alert).values(evidence={**evidence, "agrees": [spread]}))
    (told,) = key.get(address).json()["agrees"]
    assert (told["kind"], told["observed"], told["places"][0]["value"]) == ("spread", 2.0, "forum")


@pytest.mark.slow("judges four hours")
def test_an_alert_is_explained_everywhere_alike(tmp_path: Path) -> None:
    made = World(tmp_path)
    try:
        start = made.now
        for i in range(40):
            made.store_mention(f"calm{i}", "Lumo works", start + timedelta(minutes=6 * i), "neutral")
        for i in range(180):
            at = start + timedelta(hours=4, seconds=3 * i)
            label = "neutral" if i == 100 else "negative"
            told = ["anger", "fear"] if i % 3 == 0 else ["anger"]
            made.store_mention(f"odd{i}", f"Lumo {i} burns", at, label, network="forum", emotion=told)
        until = start + timedelta(hours=4, minutes=10)
        judge(made.scene.store, until, cuts=1, first=start, every=timedelta(minutes=5))
        made.scene.clock.advance(until - start)
        made.scene.step()
        alert = made.scene.alert()
        days_before(made, start)
        key = made.key(Role.VIEWER)
        told = key.get(f"/v1/alerts/{alert.id}/explanation").json()
        assert told["why_not"] is None and told["differs"] == []
        assert all(figure["same"] and figure["again"] == figure["judged"] for figure in told["figures"])
        assert {"Expected", "Score"} <= {step["name"] for step in told["steps"]}
        assert told["rarity"] == {"days": 9, "as_high": 0, "one_in": 10.0}
        counted = told["negatives"]
        assert 0.9 < counted["lower"] < counted["share"] and counted["corrected_lower"] < counted["lower"]
        (anger, fear), of = told["now"]["facets"]["emotion"], told["now"]["count"]
        assert (anger["name"], fear["name"]) == ("anger", "fear")
        assert anger["count"] > 2 * fear["count"] and fear["share"] == round(fear["count"] / of, 4)
        assert key.get("/v1/alerts/al_nobody/explanation").status_code == 404
        browser, _ = made.session("ada")
        assert (
            f'href="/alerts/{alert.id}/explanation"' in browser.get(f"/alerts/{alert.id}", headers=HTML).text
        )
        page = browser.get(f"/alerts/{alert.id}/explanation", headers=HTML).text
        assert "Computed again, every number is the same." in page
        assert told["steps"][-1]["formula"] in page
        where = f"/alerts/{alert.id}/explanation"
        dutch = browser.get(where, headers={**HTML, "Accept-Language": "nl"}).text
        assert "= 3 x hitte " in dutch and "mediaan van de laatste " in dutch
        english = ("x heat", "median", "before", "taken", "told lately", "weekday", "at least", "scored")
        assert [one for one in english if re.search(rf"\b{one}\b", dutch)] == []
        undone = f"known errors undone: {counted['corrected_share']:.0%}, between "
        assert (
            f"Share of negatives: {counted['share']:.0%} of the scored mentions; {counted['lower']:.0%}–"
            in page
        )
        assert undone in page.replace("scorer&#39;s ", "")
        rare = "It was as high on 0 of the 9 days before: on one day in 10, or more rarely."
        assert rare in page and rare in browser.get(f"/alerts/{alert.id}", headers=HTML).text
        assert told["second_opinion"] is None
        assert "second opinion" not in browser.get(f"/alerts/{alert.id}", headers=HTML).text
        said = command("explain", alert.id, "--data", tmp_path)
        assert said.returncode == 0, said.stderr
        assert f"negatives: {counted['share']:.0%} of the scored mentions (".encode() in said.stdout
        assert f"known errors undone {counted['corrected_share']:.0%} (".encode() in said.stdout
        assert b"every number came out as it was judged" in said.stdout
        emotions = f"emotion: anger {anger['count']} ({anger['share']:.0%}), fear {fear['count']} ("
        assert emotions in said.stdout.decode()
        assert b"how rare: as high on 0 of the 9 days before; one day in 10, or rarer" in said.stdout
        as_json = json.loads(command("explain", alert.id, "--json", "--data", tmp_path).stdout)
        assert as_json["steps"] == told["steps"]
        assert b"second opinion" not in said.stdout and as_json["second_opinion"] is None
        other_windows_are_explained(made, alert.id, tmp_path)
        opinions = Opinions(made.scene.store, made.scene.clock, lambda: DeepScorer(burning, HEAD, TOLD_BY))
        assert opinions.once()
        while opinions.once():
            pass
        told = key.get(f"/v1/alerts/{alert.id}/explanation").json()["second_opinion"]
        window = alert.readable_evidence
        assert window and 0 < told["asked"] <= min(window.count, MOST_SCORED) and told["unscored"] == 0
        assert told["negative"] < told["agreed"] < told["asked"] and not told["agrees"]
        shown = browser.get(f"/alerts/{alert.id}", headers=HTML).text
        assert f"The second opinion differs: the same label for {told['agreed']} of {told['asked']}." in shown
        assert told["facets"] == {"crisis": {"safety": told["negative"]}}
        found = f"The second opinion finds in {told['asked']} mentions: safety <strong>{told['negative']}</strong>"
        assert found in " ".join(shown.split())
        dutch = browser.get(f"/alerts/{alert.id}", headers={**HTML, "Accept-Language": "nl"}).text
        assert f"Het tweede oordeel vindt in {told['asked']} vermeldingen: " in dutch
        said = command("explain", alert.id, "--data", tmp_path)
        agreed = f"second opinion differs ({told['agreed']} of {told['asked']})"
        line = f"{agreed}; it finds safety in {told['negative']} of {told['asked']}"
        assert f"{line}; deep-test" in said.stdout.decode()
        nobody = command("explain", f"al_{0:020x}", "--data", tmp_path)
        assert nobody.returncode == 2 or nobody.returncode == 1
        assert b"no alert" in nobody.stderr
        what_agrees_is_told(made, alert.id)
    finally:
        made.close()


def test_the_windows_of_a_rise_have_one_start_and_are_told_apart_by_their_ends(world: World) -> None:
    start, g = world.now - timedelta(minutes=5), s.signals
    for observed in (50.0, 70.0):
        at = {"window_start": start, "window_end": world.now}
        id = world.scene.signal("over", evidence=at, observed=observed, score=observed / 10)
        with world.scene.write() as conn:
            conn.execute(update(g).where(g.c.id == id).values(window_start=start))
        world.scene.step()
        world.scene.clock.advance(timedelta(minutes=5))
    key, address = world.key(Role.VIEWER), f"/v1/alerts/{world.scene.alert().id}/explanation"
    windows = key.get(address).json()["windows"]
    assert windows["first"]["start"] == windows["last"]["start"]
    for name, observed in (("first", 50.0), ("last", 70.0)):
        told = key.get(address, params={"window": windows[name]["end"]}).json()
        assert (told["window_end"], told["figures"][0]["judged"]) == (windows[name]["end"], observed)


@pytest.mark.parametrize(("joyful", "shown"), [(30, True), (1, False)])
def test_what_is_felt_is_shown_where_some_feeling_is_common(world: World, joyful: int, shown: bool) -> None:
    felt = {"count": 50, "facets": {"emotion": {"joy": joyful}}}
    world.scene.signal("over", evidence=felt, negative_over=True, networks=2, networks_heard=2)
    world.scene.step()
    browser, _ = world.session("ada")
    page = browser.get(f"/alerts/{world.scene.alert().id}", headers=HTML).text
    assert ("What they feel and want" in page, "joy <strong>60%" in page) == (shown, shown)
    assert "usually" not in page.partition("What they feel and want")[2].partition("</section>")[0]


def test_beside_what_is_felt_stands_what_is_usual(world: World) -> None:
    felt = {"count": 50, "facets": {"emotion": {"joy": 30}}, "usual_facets": {"emotion": {"joy": 0.12}}}
    world.scene.signal("over", evidence=felt, negative_over=True, networks=2, networks_heard=2)
    world.scene.step()
    browser, _ = world.session("ada")
    address = f"/alerts/{world.scene.alert().id}"
    assert "joy <strong>60%</strong> (usually 12%)" in browser.get(address, headers=HTML).text
    dutch = browser.get(address, headers=HTML | {"Accept-Language": "nl"}).text
    assert "<strong>60%</strong> (normaal 12%)" in dutch
