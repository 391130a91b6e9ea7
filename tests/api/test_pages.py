"""The page over a seeded store: what each reader sees, and that reading changes nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.routing import Mount, Route

from alerts.outbox import hold
from api.auth.rules import PAGES
from tests.api.visits import (
    CSRF,
    counted,
    everything,
    page,
    press,
    signed_in,
    visitor,
    words,
)
from tests.api.visits import night as night
from tests.browser.night import NOW
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.errors import StoreUnavailable
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find, save
from tocsin.settings import Loaded
from tocsin.store import schema as s

GETS = (
    "/",
    "/alerts",
    "/alerts?status=live&severity=1",
    "/alerts/al_crisis",
    "/alerts/al_ceo",
    "/alerts/al_calm",
    "/alerts/al_supp",
    "/escalations",
    "/escalations?closed=1&team=pr",
    "/escalations/es_pr",
    "/escalations/es_done",
    "/monitors",
    "/monitors/m_orvane",
    "/monitors/m_wait",
    "/monitors/new",
    "/monitors/m_new/edit",
    "/mentions",
    "/mentions?q=kabelbrand&monitor=m_orvane&label=negative",
    "/signin",
    "/me",
    "/setup",
    "/setup/brand",
    "/setup/listen",
    "/setup/wake",
    "/setup/ring",
    "/monitors/m_orvane/history",
    "/settings",
    "/keys",
    "/sessions",
    "/people",
    "/people/new",
    "/people/p_ada",
    "/policies",
    "/policies/new",
    "/schedules",
    "/schedules/new",
    "/silences",
    "/silences/new",
    "/expected-events",
    "/expected-events/new",
)


@pytest.mark.slow("draws every page")
def test_every_page_is_drawn_without_inline_styles_or_scripts(night: SeededApp) -> None:
    client = signed_in(night, "p_root")
    for path in GETS:
        shown = page(client, path)
        assert " style=" not in shown and "<style" not in shown, path
        assert re.search(r"<script(?! src=)", shown) is None, path
        assert re.search(r"\son[a-z]+=", shown) is None, path


@pytest.mark.slow("asks for many answers")
def test_looking_at_every_page_changes_nothing(night: SeededApp) -> None:
    client, link, signin = signed_in(night, "p_root"), night.action_token(), night.signin_token()
    before = everything(night)
    for path in (*GETS, f"/links/{link}", f"/signin/{signin}"):
        page(client, path)
    assert everything(night) == before


def test_every_route_of_the_page_has_a_rule_and_every_rule_a_route(night: SeededApp) -> None:
    ours = {
        (method, route.path)
        for route in night.app.router.routes
        if isinstance(route, Route | Mount)
        and not route.path.startswith(("/v1", "/healthz", "/readyz", "/metrics", "/docs", "/openapi"))
        for method in (getattr(route, "methods", None) or {"GET"}) - {"HEAD"}
    }
    assert ours == set(PAGES)


def test_a_stranger_is_told_how_to_sign_in(night: SeededApp) -> None:
    for path in ("/", "/alerts/al_crisis", "/monitors"):
        assert "tocsin signin" in page(visitor(night), path, 401)
    assert visitor(night).post("/alerts/al_crisis/acknowledge").status_code == 401


def test_a_sign_in_link_is_spent_by_the_button_and_not_by_looking(night: SeededApp) -> None:
    client, token = visitor(night), night.signin_token()
    assert "signs you in as Ada Yılmaz" in words(page(client, f"/signin/{token}"))
    assert client.post(f"/signin/{token}", data={"csrf": ""}).status_code == 303
    assert "Ada Yılmaz" in page(client, "/")
    again = visitor(night)
    assert again.post(f"/signin/{token}").status_code == 410
    assert "used already" in page(again, f"/signin/{token}", 410)
    for cut in (token[:-1], token[:12], "x", f"{token}."):
        shown = page(again, f"/signin/{cut}", 410)
        assert "is not whole" in shown and "tocsin signin" in shown, "the way to a new one stands there"
        assert again.post(f"/signin/{cut}").status_code == 410


def test_signing_out_ends_the_session(night: SeededApp) -> None:
    client = signed_in(night)
    token = CSRF.search(page(client, "/"))
    assert token and client.post("/signout", data={"csrf": token[1]}).status_code == 303
    assert client.get("/").status_code == 401


def test_the_overview_shows_the_worst_first_with_what_it_takes_to_believe_it(night: SeededApp) -> None:
    shown = words(page(signed_in(night), "/"))
    live = shown.index("Live alerts")
    assert (
        live < shown.index("Orvane baby food") < shown.index("Orvane leadership") < shown.index("Monitors 7")
    )
    assert (
        "SEV1 crisis unanswered Orvane baby food 17x expected in 10 min, trigger: safety, violence, 126 of 203 scored negative"
        in shown
    )
    assert re.search(
        r"\d+ of \d+ scored negative 214 mentions, 12 expected · copies set aside: 17 · \d\d:\d\d", shown
    )
    assert "since 04:40 · 32 mins ago · next person: 3 mins left" in shown
    assert "Ada Yılmaz has it" in shown and "acknowledgement: 20 mins left" in shown
    assert "Calmed, unacknowledged 1" in shown and "expected event: winter flavour launch" in shown
    assert "orvane-forum feed failing" in shown and "HTTP 503" in shown and "store-reviews feed off" in shown
    assert "Orvane Romania" in shown and "learning" in shown and "no mention yet" in shown
    assert "2 escalations with PR or Legal 1 overdue" in shown


def test_what_is_merged_or_dismissed_is_set_aside_and_not_gone(night: SeededApp) -> None:
    with night.store.write() as conn:
        conn.execute(s.alerts.update().where(s.alerts.c.id == "al_ceo").values(status="merged"))
    shown = words(page(signed_in(night), "/"))
    assert "Live alerts 1 " in shown and "Merged or dismissed, not over yet 1" in shown


def test_blind_and_the_demo_are_said_on_every_page(tmp_path: Path) -> None:
    with seeded_app(tmp_path, mode="demo") as one:
        client = signed_in(one)
        for path in ("/", "/alerts", "/escalations", "/monitors"):
            shown = words(page(client, path))
            assert "DEMO" in shown and "BLIND orvane-forum : no answer for 2 hours" in shown


def test_a_role_that_stopped_reporting_is_said_to_be_down(night: SeededApp) -> None:
    client = signed_in(night)
    assert "DOWN" not in page(client, "/")
    night.clock.advance(timedelta(minutes=5))
    assert "DOWN ingest : has not reported since 05:12 ; start it again with: tocsin up" in words(
        page(client, "/")
    )


STARTS = {"en": "Start it with:", "nl": "Start het met:", "ro": "Porniți-o cu:", "tr": "Başlatmak için:"}


def test_where_roles_run_apart_the_page_names_the_command_of_the_one_that_is_missing(
    night: SeededApp,
) -> None:
    settings = night.runtime.settings
    stream = settings.stream.model_copy(update={"url": "kafka://broker.example:9092"})
    apart = settings.model_copy(update={"stream": stream})
    night.runtime.loaded = Loaded(apart, {})
    client = signed_in(night)
    night.clock.advance(timedelta(minutes=5))
    shown = page(client, "/")
    assert "start it again with: tocsin run ingest" in words(shown) and "tocsin up" not in shown
    root = signed_in(night, "p_root")
    for language, said in STARTS.items():
        with night.store.write() as conn:
            one = find(conn, Person, "p_root")
            spoken = one.value.model_copy(update={"language": language})
            save(conn, spoken, now=NOW, actor="root", id=one.id)
        helped = page(root, "/setup/ring?done=silent")
        assert f"{said} tocsin run alerts" in words(helped)


def test_parts_that_never_ran_are_said_to_be_down_in_one_line(night: SeededApp) -> None:
    with night.store.write() as conn:
        conn.execute(s.health.delete().where(s.health.c.component.in_(["detection", "relay"])))
    shown = words(page(signed_in(night), "/"))
    assert "DOWN detection, relay : has never run here; start it with: tocsin up" in shown
    assert shown.count("DOWN") == 1


def test_what_the_auditor_found_is_said_and_blind_sources_only_once(night: SeededApp) -> None:
    blind = {"kind": "blind", "object": "source:orvane-forum", "text": "orvane-forum is not heard"}
    late = {"kind": "notice late", "object": "no_1", "text": "notice no_1 waits for 9 minutes"}
    client = signed_in(night)
    for findings, state, shown in (([blind], "blind", 1), ([blind, late], "degraded", 2)):
        with night.store.write() as conn:
            night.store.put(
                conn,
                s.health,
                [{"component": "auditor", "at": NOW, "state": state, "detail": {"findings": findings}}],
            )
        drawn = page(client, "/")
        assert drawn.count('class="ribbon') == shown
    assert "REDUCED auditor : notice no_1 waits for 9 minutes" in words(drawn)


def test_an_auditor_that_could_not_look_is_said_to_be_down(night: SeededApp) -> None:
    client = signed_in(night)
    detail = {"reason": "KeyError: 'monitor'", "unexpected_errors": 1}
    with night.store.write() as conn:
        night.store.put(
            conn, s.health, [{"component": "auditor", "at": NOW, "state": "failed", "detail": detail}]
        )
    assert "auditor : KeyError: 'monitor'" in words(page(client, "/"))


def test_an_empty_house_tells_the_next_step(tmp_path: Path) -> None:
    with seeded_app(tmp_path, empty=True) as one:
        shown = words(page(signed_in(one), "/"))
        assert "Nothing is watched yet." in shown and "New monitor" in shown
        assert "tocsin apply FILE" in shown
        assert "New monitor" not in words(page(signed_in(one, "p_vic"), "/")), "who may not is not sent there"
        assert "The queue is empty." in words(page(signed_in(one), "/escalations"))
        assert "No alert matches." in words(page(signed_in(one), "/alerts"))


def test_calm_with_a_blind_source_is_not_called_calm(tmp_path: Path) -> None:
    with seeded_app(tmp_path, quiet=True) as one:
        assert "we do not see everything" in words(page(signed_in(one), "/"))
        with one.store.write() as conn:
            conn.execute(s.health.update().values(state="ok"))
        assert "we do not see everything" in words(page(signed_in(one), "/")), "a source fails still"
        with one.store.write() as conn:
            conn.execute(s.source_state.update().values(failures=0, last_event_at=NOW))
            conn.execute(
                s.definitions.delete().where(
                    s.definitions.c.kind == "source",
                    s.definitions.c.name.not_in(select(s.source_state.c.name)),
                )
            )
        told = {who: words(page(signed_in(one, who), "/")) for who in ("p_ada", "p_vic", "p_ioana")}
        assert "All calm." in told["p_ada"] and "You will be paged when that changes" in told["p_ada"]
        # Vic looks on, and Ioana is Legal.
        assert (
            "Değişirse nöbettekine haber verilir. Şimdi sizin yapmanız gereken bir şey yok." in told["p_vic"]
        )
        assert "Dumneavoastră sunteți chemat când cineva vă escaladează o alertă" in told["p_ioana"]
        with one.store.write() as conn:
            hold.hold(conn, NOW, "restored")
        shown = words(page(signed_in(one), "/"))
        assert "All calm" not in shown and "nobody would hear of one" in shown, "no notice leaves"
        with one.store.write() as conn:
            hold.let_go(conn)
            conn.execute(s.health.update().where(s.health.c.component == "alerts").values(state="down"))
        shown = words(page(signed_in(one), "/"))
        assert "All calm" not in shown and "nobody would hear of one" in shown, "nobody pages"


def test_each_reader_sees_the_times_of_their_own_zone_with_utc_behind(night: SeededApp) -> None:
    for person, clock in (("p_ada", "04:40"), ("p_root", "02:40")):
        assert (
            f'<time datetime="2026-11-22T01:40:00Z" title="2026-11-22 01:40:00 UTC">{clock}</time>'
            in page(signed_in(night, person), "/alerts/al_crisis")
        )


@pytest.mark.slow("asks for many answers")
def test_the_overview_answers_304_to_who_has_it(night: SeededApp) -> None:
    client = signed_in(night)
    tag = client.get("/").headers["etag"]
    assert client.get("/", headers={"if-none-match": tag}).status_code == 304
    press(client, "/alerts/al_crisis", "acknowledge")
    assert client.get("/", headers={"if-none-match": tag}).status_code == 200


@pytest.mark.slow("fills a store with fifty monitors")
def test_the_overview_asks_the_store_no_more_for_fifty_monitors_than_for_seven(tmp_path: Path) -> None:
    asked = []
    for name, more in (("few", 0), ("many", 50)):
        with seeded_app(tmp_path / name, monitors=more) as one:
            client = signed_in(one)
            page(client, "/")  # once a minute it is also asked whether anybody would be woken
            with counted(one) as statements:
                shown = page(client, "/")
            asked.append([st for st in statements if st.startswith("SELECT")])
            assert shown.count('class="sparkcell"') == 7 + more
    assert len(asked[0]) == len(asked[1]) <= 16, asked


@pytest.mark.parametrize(
    "path",
    ["/alerts?severity=9&status=x&monitor=%27", "/escalations?team=%3Cb%3E"],
)
def test_filters_that_make_no_sense_count_as_not_given(night: SeededApp, path: str) -> None:
    page(signed_in(night), path)


def test_an_unknown_monitor_is_not_called_calm(night: SeededApp) -> None:
    client = signed_in(night)
    assert "There is no monitor of that name." in words(page(client, "/alerts?monitor=nobody"))
    assert "No alert matches." in words(page(client, "/alerts?status=snoozed"))
    assert client.get("/v1/alerts?monitor=nobody").status_code == 404


def test_what_is_not_there_is_a_page_that_leads_back(night: SeededApp) -> None:
    client = signed_in(night)
    for path in ("/alerts/nope", "/escalations/nope", "/monitors/nope", "/nothing-here"):
        shown = page(client, path, 404)
        assert "Not found" in shown and 'href="/"' in shown
    assert client.get("/alerts/nope", headers={"accept": "application/json"}).json()["status"] == 404


def test_a_store_that_is_away_is_still_told_on_a_page(night: SeededApp) -> None:
    class Away:
        url = "sqlite:///gone"

        def read(self) -> object:
            raise StoreUnavailable("the store cannot be read just now; try again")

        write = read

    client = signed_in(night)
    store, night.runtime.store = night.runtime.store, Away()  # type: ignore[assignment]  # only what is called here
    shown = page(client, "/", 503)
    night.runtime.store = store
    assert "Not just now" in shown and "Nothing was half done" in shown


def test_static_files_may_be_kept_because_their_address_names_their_content(night: SeededApp) -> None:
    client = signed_in(night)
    sheet = re.search(r'href="(/static/tocsin.css\?v=\w+)"', page(client, "/"))
    assert sheet
    answer = visitor(night).get(sheet[1])
    assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert visitor(night).get("/static/../site.py").status_code == 404


STRANGE = ("%00", "%F0%9F%92%A9", "'--", "a" * 3000, "%ED%A0%80", "..%2F..", "<script>")


@pytest.mark.slow("sends many strange requests")
def test_no_address_and_no_form_however_strange_breaks_the_page(night: SeededApp) -> None:
    client = signed_in(night, "p_root")
    token = CSRF.search(page(client, "/"))
    assert token
    for strange in STRANGE:
        for template in (
            "/alerts/{}",
            "/escalations/{}",
            "/monitors/{}",
            "/monitors/{}/edit",
            "/signin/{}",
            "/links/{}",
            "/static/{}",
        ):
            answer = client.get(template.format(strange))
            assert 400 <= answer.status_code < 500, (template, strange[:20], answer.status_code)
            assert "<script>" not in answer.text
    odd = {
        "reason": "\x00\ud7ff" * 50,
        "team": "\x00",
        "text": "x" * 100_000,
        "minutes": "²",
        "severity": "١",
        "seen": "9" * 30,
        "decision": "?",
    }
    for method, path in PAGES:
        if method == "POST" and path not in ("/signout", "/signin/{token}", "/links/{token}"):
            for id in ("al_crisis", "es_pr", "m_lidra", "nope") if "{id}" in path else ("",):
                answer = client.post(path.replace("{id}", id), data={**odd, "csrf": token[1]})
                assert answer.status_code < 500, (path, id, answer.text[-300:])
