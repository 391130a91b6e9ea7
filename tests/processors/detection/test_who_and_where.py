"""An alert names who is in it and what is new: well-known authors, outlets, networks and languages never heard before."""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from processors.corrections.correct import correct
from processors.detection.evidence import facets_in, look
from processors.detection.habits import USUAL_FROM
from processors.understand.corrected import Rates, corrected_share
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import keep
from tocsin.core.mention import Author, Mention
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store.port import Store

NOON = START + timedelta(hours=12)
WATCHED = Monitor(
    name="Brightwater", query="brightwater", influential_followers=50_000, tier1=("news.example", "@thepaper")
)


def said(n: int, at: timedelta, *, network: str, lang: str = "en", followers: int = 10) -> Mention:
    who = Author(id=f"a{n}", handle="ThePaper" if n == 103 else f"handle{n}", followers=followers)
    url = f"https://www.news.example/{n}" if n == 101 else None
    text = f"brightwater again, number {n}"
    return Mention(
        source="x",
        id=str(n),
        text=text,
        created_at=NOON + at,
        lang=lang,
        network=network,
        author=who,
        url=url,
    )


def test_an_alert_names_outlets_and_what_was_never_heard_here_before(store: Store) -> None:
    usual = [said(n, timedelta(minutes=-10 * n - 1), network="forum") for n in range(1, 20)]
    crowd = [said(100 + n, timedelta(minutes=n), network="press", lang="ro") for n in range(4)]
    few = [said(200 + n, timedelta(minutes=11), network="radio", lang="nl") for n in range(2)]
    loud = [said(300, timedelta(minutes=2), network="forum", followers=60_000)]
    keep(store, usual + crowd + few + loud)
    with store.read() as conn:
        [monitor] = repository.listed(conn, Monitor)
        seen = look(conn, monitor.id, WATCHED, NOON, NOON + timedelta(minutes=15))
        before = look(conn, monitor.id, WATCHED, NOON - timedelta(days=1), NOON)
    assert seen.first_heard == {"network": ["press"], "lang": ["ro"]}
    assert seen.outlets == ["news.example", "thepaper"]
    assert (seen.influential, seen.influential_from, seen.top[0].reach) == (True, 50_000, 60_000)
    assert (seen.count, seen.peak) == (7, 5)
    # What is heard when nothing was heard before is no spread.
    assert before.first_heard == {}


def angry(n: int, at: timedelta) -> Mention:
    return structs.replace(
        said(n, at, network="forum"), text=f"Furious about brightwater, a disgrace, number {n}"
    )


def test_an_alert_knows_the_usual_share_of_what_is_felt_and_wanted(store: Store) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    calm = "Coffee at the brightwater mall on Tuesday"
    usual = [
        structs.replace(said(n, -n * hour, network="forum"), text=f"{calm} {n}")
        for n in range(22, USUAL_FROM + 1)
    ]
    usual += [angry(n, -n * hour) for n in range(1, 22)]
    old = [angry(500 + n, -20 * day + n * hour) for n in range(40)]
    crowd = [angry(900 + n, n * timedelta(minutes=1)) for n in range(10)]
    keep(store, usual + old + crowd)
    later = NOON + timedelta(minutes=5)
    with store.read() as conn:
        [monitor] = repository.listed(conn, Monitor)
        seen = look(conn, monitor.id, WATCHED, later, later + timedelta(minutes=5), since=NOON)
        before = facets_in(conn, monitor.id, NOON - 14 * day, NOON)
        young = look(conn, monitor.id, WATCHED, NOON - 19 * day, NOON)
        thin = look(conn, monitor.id, WATCHED, NOON - hour, NOON)
    assert seen.facets["emotion"]["anger"] == 5
    # What the episode itself brought is not usual, nor is what is older than two weeks.
    assert seen.usual_facets == {
        facet: {value: round(before[facet].get(value, 0) / USUAL_FROM, 4) for value in values}
        for facet, values in seen.facets.items()
    }
    assert 0 < seen.usual_facets["emotion"]["anger"] < 0.5
    assert young.usual_facets == thin.usual_facets == {}
    assert young.facets and thin.facets


def test_a_crowd_of_the_first_hours_makes_nothing_usual(store: Store) -> None:
    minute = timedelta(minutes=1)
    keep(store, [angry(n, -n * minute) for n in range(1, USUAL_FROM + 51)] + [angry(900, minute)])
    with store.read() as conn:
        [monitor] = repository.listed(conn, Monitor)
        seen = look(conn, monitor.id, WATCHED, NOON, NOON + 5 * minute)
    assert seen.facets and seen.usual_facets == {}


def test_what_people_labelled_is_counted_as_they_said_and_no_scorers_errors_are_undone(store: Store) -> None:
    keep(store, [said(n, timedelta(minutes=n), network="forum") for n in range(10)])
    until = NOON + timedelta(minutes=15)
    with store.write() as conn:
        [monitor] = repository.listed(conn, Monitor)
        before = look(conn, monitor.id, WATCHED, NOON, until)
        for n in range(4):
            by = {"now": until, "actor": "ana", "role": "pr"}
            correct(store, conn, monitor.id, ("x", str(n)), "negative", **by)
        seen = look(conn, monitor.id, WATCHED, NOON, until)
    ((negative, of),) = before.scored.values()
    assert (list(before.scored), negative, of) == (["en"], before.negative, 10)
    assert seen.scored == {"": (4, 4), "en": (seen.negative - 4, 6)}
    rates = {"en": Rates(caught=0.8, wrong=0.2)}
    undone, all_undone = (
        corrected_share(seen.scored, rates),
        corrected_share({"en": (seen.negative, 10)}, rates),
    )
    assert undone and all_undone and undone.upper - undone.lower < all_undone.upper - all_undone.lower
