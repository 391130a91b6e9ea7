"""What people met on the page: English in another language, clocks that ran on, sentences that were lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from api.pages.i18n import Languages
from tests.api.test_pages import page, press, send, signed_in, visitor, words
from tests.browser.seed import NOW
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.signal import encode, facts_from
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find, save
from tocsin.query.explain import explain
from tocsin.query.parser import parse_query
from tocsin.store import schema as s


@pytest.fixture
def night(tmp_path: Path) -> Iterator[SeededApp]:
    with seeded_app(tmp_path) as one:
        yield one


def speaks(one: SeededApp, code: str, person: str = "p_ada") -> None:
    with one.store.write() as conn:
        found = find(conn, Person, person)
        chosen = found.value.model_copy(update={"language": code})
        save(conn, chosen, now=one.clock.now(), actor="root", id=found.id)


@pytest.mark.parametrize(
    ("code", "title", "detail"),
    [
        ("tr", "Bulunamadı", "Burada hiç olmadı ya da artık yok."),
        ("nl", "Niet gevonden", "Het was hier nooit, of het is er niet meer."),
        ("ro", "Negăsit", "Nu a fost niciodată aici sau nu mai este."),
    ],
)
def test_a_refusal_is_said_in_the_readers_language(
    night: SeededApp, code: str, title: str, detail: str
) -> None:
    speaks(night, code)
    client = signed_in(night)
    shown = words(page(client, "/alerts/nope", 404))
    assert title in shown and detail in shown and "no alert" not in shown
    refused = press(client, "/alerts/al_crisis", "snooze", minutes="0")[1]
    assert "a snooze is" not in refused and "'0'" in words(refused)
    stranger = visitor(night)
    stranger._client.headers["accept-language"] = code
    assert "sign in (tocsin" not in words(page(stranger, "/", 401))


def test_reasons_and_receipts_are_said_in_the_readers_language(night: SeededApp) -> None:
    speaks(night, "nl")
    with night.store.write() as conn:
        told = "clearly over expected in two windows; expected event: winter flavour launch"
        line = s.alert_timeline.c.alert_id == "al_crisis"
        conn.execute(update(s.alert_timeline).where(line).values(reason=told))
        conn.execute(update(s.receipts).values(detail="refused: 550 no such user"))
    shown = words(page(signed_in(night), "/alerts/al_crisis"))
    assert (
        "in twee vensters duidelijk boven het verwachte; verwachte gebeurtenis: winter flavour launch"
        in shown
    )
    assert "geweigerd: 550 no such user" in shown and "clearly over" not in shown


def test_a_query_is_explained_in_the_readers_language() -> None:
    query = parse_query('(united OR @united*) AND lang:tr AND followers>1000 NOT "united nations"')
    told = explain(query, Languages()["nl"].translate)
    assert "ten minste een van:" in told and "een account dat begint met" in told and "de taal is" in told
    assert not re.search(r"\b(the|a word|handle|language|followers)\b", told.replace(str(query), ""))
    assert explain(query).startswith("query: ") and 'the phrase "united nations"' in explain(query)


def test_what_was_typed_into_a_refused_form_is_shown_to_be_copied(night: SeededApp) -> None:
    client = signed_in(night)
    shown = page(client, "/alerts/al_crisis")
    csrf = re.search(r'name="csrf" value="([^"]+)"', shown)[1]  # type: ignore[index]
    form = {"csrf": csrf, "seen": "0", "team": "pr", "reason": "a <b>sentence</b> of mine"}
    status, refused = send(client, "/alerts/al_crisis/escalate", form)
    assert status == 412 and "a &lt;b&gt;sentence&lt;/b&gt; of mine" in refused


def test_no_clock_runs_on_after_release_and_a_decision_waits_for_the_review(night: SeededApp) -> None:
    with night.store.write() as conn:
        e = s.escalations.c
        row = conn.execute(
            select(e.id).where(e.closed_at.is_(None), e.team != "legal").order_by(e.id)
        ).first()
        assert row is not None
        late = {"statement_due_at": NOW.replace(hour=0), "assessment_due_at": NOW.replace(hour=0)}
        conn.execute(update(s.escalations).where(e.id == row.id).values(status="released", **late))
    client, path = signed_in(night, "p_root"), f"/escalations/{row.id}"
    assert "overdue by" not in words(page(client, path)) and "no clock runs" in words(page(client, path))
    with night.store.write() as conn:
        conn.execute(update(s.escalations).where(s.escalations.c.id == row.id).values(status="claimed"))
    shown = page(client, path)
    assert f"{path}/decide" not in shown and f"{path}/review" in shown and "Who was told" in shown
    speaks(night, "en", "p_ioana")
    assert 'name="privileged" value="1" checked' in page(signed_in(night, "p_ioana"), path)


def test_nothing_is_called_usual_while_a_monitor_learns_nor_tenfold_once_it_is_more(night: SeededApp) -> None:
    with night.store.write() as conn:
        a = s.alerts.c
        facts = facts_from(conn.execute(select(a.facts).where(a.id == "al_crisis")).scalar_one())
        encoded = {**encode(facts), "learning": True, "tenfold": True, "ratio": 31.0}
        conn.execute(update(s.alerts).where(a.id == "al_crisis").values(facts=encoded))
    shown = words(page(signed_in(night), "/alerts/al_crisis"))
    assert "Usual:" not in shown and "not known yet" in shown and "ten times" not in shown
    assert "126 of 203 scored are negative" in shown


def test_a_search_says_which_operators_it_does_not_know(night: SeededApp) -> None:
    client = signed_in(night)
    assert "Not searched by: OR lang:" in words(page(client, "/mentions?q=orvane+OR+lang:tr"))
    assert "Not searched by" not in page(client, "/mentions?q=orvane+order")


def test_the_chart_of_an_alert_that_is_over_names_its_day(night: SeededApp) -> None:
    client = signed_in(night)
    assert "The last 24 hours, mentions" in page(client, "/alerts/al_crisis")
    assert "The last 24 hours, mentions" not in page(client, "/alerts/al_old")
    assert "24 hours until" in page(client, "/alerts/al_old")
