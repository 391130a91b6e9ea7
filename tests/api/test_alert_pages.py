"""Alerts and escalations on the page: what is shown of them, and what each button does."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import insert, select

from alerts import record
from alerts.actor import ENGINE
from alerts.alert import get
from alerts.change import Move
from tests.api.visits import (
    CSRF,
    SEEN,
    page,
    press,
    send,
    signed_in,
    words,
)
from tests.api.visits import night as night
from tests.browser.night import NOW, POSTS
from tests.browser.served import SeededApp
from tocsin.store import schema as s


def test_an_alert_can_be_checked_by_hand(night: SeededApp) -> None:
    shown = words(page(signed_in(night), "/alerts/al_crisis"))
    for told in (
        "Observed 214",
        "Expected 12 3.9–26, 95% interval",
        "Trigger: safety , said by 23 people",
        "Copies set aside 17",
        "62% of the scored mentions; 52%–71%",
        "Usual: 17%.",
        "orvane-forum: no answer since 02:12",
        "Rule volume-1, protected baseline",
        "b81c1f09a7d2",
        "plastik 88",
        "bluesky 112 48%",
        "tr 118 51%",
        "e-mail · sent 250 OK",
        "unknown: it may have arrived",
        "SEV2 to SEV1: trigger safety",
        "no longer kept",
    ):
        assert told in shown or told == "no longer kept", told


def test_a_post_is_text_and_never_markup(night: SeededApp) -> None:
    shown = page(signed_in(night), "/alerts/al_crisis")
    assert "&lt;b&gt;Not&lt;/b&gt; a drill" in shown and "<b>Not</b>" not in shown
    assert "javascript:" not in shown
    assert 'href="https://kuzeyhaber.example/orvane-mama" rel="noopener noreferrer nofollow"' in shown


def test_hurtful_words_are_folded_until_asked_for(night: SeededApp) -> None:
    shown = page(signed_in(night), "/alerts/al_crisis")
    folded = re.findall(r'<details class="veil">.*?</details>', shown, re.S)
    assert len(folded) == 1 and "foc la birouri" in folded[0]


def test_a_post_that_was_erased_is_said_to_be_gone(night: SeededApp) -> None:
    with night.store.write() as conn:
        conn.execute(s.mentions.delete().where(s.mentions.c.id == "n1"))
    shown = page(signed_in(night), "/alerts/al_crisis")
    assert "no longer kept" in shown and str(POSTS[0]["text"])[:30] not in shown


@pytest.mark.slow("asks for many answers")
def test_acknowledging_takes_one_form_and_names_who_has_it(night: SeededApp) -> None:
    status, shown = press(signed_in(night), "/alerts/al_crisis", "acknowledge")
    assert status == 303 and "It is yours now" in shown and "Ada Yılmaz has it" in words(shown)
    assert ">Acknowledge<" not in shown
    status, shown = press(signed_in(night, "p_pim"), "/alerts/al_crisis", "acknowledge")
    assert status == 303
    with night.store.read() as conn:
        assert get(conn, "al_crisis").acknowledged_by == "Ada Yılmaz"


@pytest.mark.slow("asks for many answers")
def test_the_second_of_two_who_acknowledge_learns_who_was_first(night: SeededApp) -> None:
    slow = signed_in(night, "p_root")
    form = page(slow, "/alerts/al_crisis")
    press(signed_in(night), "/alerts/al_crisis", "acknowledge")
    token = CSRF.search(form)
    assert token
    status, shown = send(slow, "/alerts/al_crisis/acknowledge", {"csrf": token[1], "seen": "1"})
    assert status == 303 and "acknowledged it already" in shown and "Ada Yılmaz has it" in words(shown)


def test_a_form_from_elsewhere_is_refused(night: SeededApp) -> None:
    client = signed_in(night)
    for data in ({}, {"csrf": "made-up"}):
        answer = client.post("/alerts/al_crisis/acknowledge", data=data)
        assert answer.status_code == 403 and "not from this session" in answer.text
    with night.store.read() as conn:
        assert get(conn, "al_crisis").status == "firing"


def test_what_somebody_else_did_meanwhile_is_shown_and_not_overwritten(night: SeededApp) -> None:
    slow = signed_in(night)
    form = page(slow, "/alerts/al_crisis")
    press(signed_in(night, "p_root"), "/alerts/al_crisis", "dismiss", reason="handled")
    token, seen = CSRF.search(form), SEEN.search(form)
    assert token and seen
    status, shown = send(
        slow, "/alerts/al_crisis/snooze", {"csrf": token[1], "seen": seen[1], "minutes": "60"}
    )
    assert status == 412 and "Somebody changed it" in shown and "Robin Admin, dismissed, at 05:12" in shown
    assert 'href="/alerts/al_crisis"' in shown
    with night.store.read() as conn:
        assert get(conn, "al_crisis").status == "dismissed"


def test_figures_that_moved_do_not_get_in_the_way(night: SeededApp) -> None:
    client = signed_in(night)
    form = page(client, "/alerts/al_crisis")
    with night.store.write() as conn:
        alert = get(conn, "al_crisis")
        record.move(conn, Move(alert, "update", {"score": 6.2}), alert, ENGINE, NOW)
    token, seen = CSRF.search(form), SEEN.search(form)
    assert token and seen
    status, shown = send(
        client, "/alerts/al_crisis/snooze", {"csrf": token[1], "seen": seen[1], "minutes": "60"}
    )
    assert status == 303 and "Snoozed until 06:12" in words(shown)


@pytest.mark.parametrize(
    ("alert", "action", "fields", "status_after"),
    [
        ("al_crisis", "dismiss", {"reason": "noise", "note": "a meme"}, "dismissed"),
        ("al_crisis", "resolve", {"reason": "recall is out"}, "resolved"),
        ("al_old", "reopen", {"reason": "it came back"}, "firing"),
        ("al_crisis", "severity", {"severity": "2", "reason": "one clinic"}, "firing"),
        ("al_crisis", "note", {"text": "called the plant"}, "firing"),
    ],
)
def test_every_button_of_an_alert_does_what_it_says(
    night: SeededApp, alert: str, action: str, fields: dict[str, str], status_after: str
) -> None:
    status, shown = press(signed_in(night), f"/alerts/{alert}", action, **fields)
    assert status == 303, shown[-500:]
    said = fields.get("reason", fields.get("text", ""))
    assert said in shown
    with night.store.read() as conn:
        assert get(conn, alert).status == status_after


@pytest.mark.slow("asks for many answers")
def test_wrong_fields_are_refused_with_the_choices(night: SeededApp) -> None:
    client = signed_in(night)
    for action, fields, told in (
        ("dismiss", {"reason": "boring"}, "choose one of: noise"),
        ("dismiss", {}, "missing"),
        ("snooze", {"minutes": "999999"}, "a snooze is"),
        ("severity", {"severity": "0", "reason": "x"}, "choose 1 (crisis)"),
        ("escalate", {"team": "sales", "reason": "x"}, "choose one of: pr, legal, both"),
        ("escalate", {"team": "pr", "reason": " "}, "needs a reason"),
        ("note", {"text": ""}, "needs words"),
    ):
        status, shown = press(client, "/alerts/al_crisis", action, **fields)
        assert status == 422 and told in words(shown), (action, fields)


@pytest.mark.slow("asks for many answers")
def test_an_escalation_goes_from_the_alert_through_pr_and_legal(night: SeededApp) -> None:
    ada, pim, ioana = signed_in(night), signed_in(night, "p_root"), signed_in(night, "p_ioana")
    status, shown = press(
        ada, "/alerts/al_crisis", "escalate", team="both", reason="Parents report the same batch."
    )
    assert status == 303 and "in their queue" in shown
    found = re.search(r'href="(/escalations/[^"]+)"', shown)
    assert found
    queue = words(page(ada, "/escalations"))
    assert queue.index("overdue by 16 mins") < queue.index("Parents report the same batch."), (
        "ordered by deadline"
    )
    assert press(ioana, found[1], "claim")[0] == 303
    assert press(ioana, found[1], "assess", text="Batch L2291, two provinces.")[0] == 303
    assert press(ioana, found[1], "decide", team="legal", decision="clear", reason="Facts only.")[0] == 303
    status, shown = press(pim, found[1], "decide", team="pr", decision="clear", reason="Tone is right.")
    assert status == 303 and "cleared" in words(shown)
    assert press(pim, found[1], "release", reason="On the site at 05:30.")[0] == 303
    status, shown = press(pim, found[1], "close", reason="Done.")
    assert status == 303 and "On the site at 05:30." in shown
    clock = words(shown).split("Holding statement", 1)[1]
    assert clock.lstrip().startswith("done"), "the clock of a released statement says when that was"
    assert found[1] in page(ada, "/escalations?closed=1") and found[1] not in page(ada, "/escalations")


@pytest.mark.slow("asks for many answers")
def test_an_escalation_is_asked_about_handed_over_and_given_back(night: SeededApp) -> None:
    ada, pim = signed_in(night), signed_in(night, "p_root")
    shown = press(ada, "/alerts/al_crisis", "escalate", team="pr", reason="Parents report the same batch.")[1]
    found = re.search(r'href="(/escalations/[^"]+)"', shown)
    assert found
    assert "Hand over" in words(page(pim, found[1])) and "Hand over" not in words(page(ada, found[1]))
    status, shown = press(pim, found[1], "reassign", to="Pim de Wit")
    assert status == 303 and "Pim de Wit has it" in words(shown)
    status, shown = press(pim, found[1], "ask", of="Ada Yılmaz", text="Which batch?")
    assert status == 303 and "Which batch?" in words(shown)
    status, shown = press(pim, found[1], "release-claim")
    assert status == 303 and "unclaimed" in words(shown)
    status, shown = press(pim, found[1], "reassign", to="Ada Yılmaz")
    assert status == 422 and "works no escalations" in words(shown)


@pytest.mark.slow("asks for many answers")
def test_a_note_with_any_mark_of_privilege_is_privileged(night: SeededApp) -> None:
    legal, admin = signed_in(night, "p_ioana"), signed_in(night, "p_root")
    assert press(legal, "/escalations/es_pr", "note", text="For counsel.", privileged="on")[0] == 303
    assert "For counsel." not in page(admin, "/escalations/es_pr")


@pytest.mark.slow("asks for many answers")
def test_an_alert_is_merged_into_another_that_is_open(night: SeededApp) -> None:
    client = signed_in(night)
    shown = page(client, "/alerts/al_crisis")
    others = re.findall(r'<option value="(al_\w+)">SEV', shown)
    assert others and "al_crisis" not in others
    assert "Merge into another alert" not in words(page(signed_in(night, "p_vic"), "/alerts/al_crisis"))
    status, shown = press(client, "/alerts/al_crisis", "merge", into=others[0])
    assert status == 303 and "goes on telling this story" in words(shown)


def test_a_list_says_until_when_an_alert_is_snoozed(night: SeededApp) -> None:
    client = signed_in(night)
    assert press(client, "/alerts/al_crisis", "snooze", minutes="60")[0] == 303
    for path in ("/", "/alerts?status=snoozed", "/wall"):
        assert re.search(r"snoozed until \d\d:\d\d", words(page(client, path))), path


def test_overdue_is_said_in_words(night: SeededApp) -> None:
    shown = words(page(signed_in(night), "/escalations/es_pr"))
    assert "SEV2 escalate PR and Legal in review overdue" in shown
    assert "First assessment overdue by 16 mins" in shown and "Holding statement 24 mins left" in shown


def test_a_decision_stands_with_its_time_in_the_zone_of_its_reader(night: SeededApp) -> None:
    shown = words(page(signed_in(night), "/escalations/es_pr"))
    assert "Legal cleared Ioana Munteanu, 05:04 : Facts checked; no names." in shown


@pytest.mark.slow("asks for many answers")
def test_privileged_notes_are_for_legal_alone(night: SeededApp) -> None:
    legal, pr, admin = (signed_in(night, p) for p in ("p_ioana", "p_pim", "p_root"))
    assert "severance clause" in page(legal, "/escalations/es_pr")
    for other in (pr, admin):
        assert "severance clause" not in page(other, "/escalations/es_pr")
    status, _ = press(legal, "/escalations/es_pr", "note", text="Second opinion asked.", privileged="1")
    assert status == 303 and "Second opinion" not in page(admin, "/escalations/es_pr")
    status, shown = press(admin, "/escalations/es_pr", "note", text="peek", privileged="1")
    assert status == 403 and "for Legal only" in shown


@pytest.mark.slow("asks for many answers")
def test_a_viewer_reads_everything_and_is_shown_no_button(night: SeededApp) -> None:
    client = signed_in(night, "p_vic")
    for path in (
        "/",
        "/alerts/al_crisis",
        "/escalations",
        "/escalations/es_pr",
        "/monitors",
        "/monitors/m_orvane",
    ):
        shown = page(client, path)
        assert re.findall(r'<form method="post" action="([^"]+)"', shown) == ["/signout"], path
    token = CSRF.search(page(client, "/"))
    assert token
    assert client.post("/alerts/al_crisis/acknowledge", data={"csrf": token[1]}).status_code == 403
    assert client.get("/monitors/new").status_code == 403


def test_the_list_of_alerts_pages_through_all_of_them_once(night: SeededApp) -> None:
    with night.store.write() as conn:
        row = dict(conn.execute(select(s.alerts).where(s.alerts.c.id == "al_old")).one()._mapping)
        conn.execute(
            insert(s.alerts), [{**row, "id": f"al_{n:03d}", "fingerprint": f"f{n}"} for n in range(120)]
        )
    client, path, found = signed_in(night), "/alerts?status=resolved", []
    while path:
        shown = page(client, path)
        found += re.findall(r'class="cover" href="/alerts/(\w+)"', shown)
        more = re.search(r'rel="next" href="([^"]+)"', shown)
        path = unescape(more[1]) if more else ""
    assert len(found) == len(set(found)) == 121


def test_an_alert_whose_evidence_another_version_wrote_is_still_shown(night: SeededApp) -> None:
    with night.store.write() as conn:
        conn.execute(
            s.alerts.update().where(s.alerts.c.id == "al_crisis").values(evidence={"x": 1}, facts={"y": 2})
        )
    assert "more talk than expected" in page(signed_in(night), "/alerts/al_crisis")
    page(signed_in(night), "/")


def test_a_blind_alert_says_what_is_not_seen(night: SeededApp) -> None:
    with night.store.write() as conn:
        conn.execute(s.alerts.update().where(s.alerts.c.id == "al_crisis").values(kind="blind"))
    assert "Not everything is seen. orvane-forum: no answer since 02:12" in words(page(signed_in(night), "/"))
