"""The page over a seeded store: what each reader sees, what the buttons do, and that reading changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, event, insert, select
from starlette.routing import Mount, Route

from alerts import record
from alerts.actor import ENGINE
from alerts.alert import get
from alerts.change import Move
from alerts.outbox import hold
from api.auth.rules import PAGES
from tests.browser.night import NOW, POSTS
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.errors import StoreUnavailable
from tocsin.definitions.models import Monitor, Person, Role
from tocsin.definitions.repository import find, save
from tocsin.store import schema as s

HTML = {"accept": "text/html"}
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
SEEN = re.compile(r'name="seen" value="(\d+)"')


@pytest.fixture
def night(tmp_path: Path) -> Iterator[SeededApp]:
    with seeded_app(tmp_path) as one:
        yield one


class Visitor:
    """A browser without scripts. It keeps its cookies, asks for HTML, and lets the test follow redirects."""

    def __init__(self, one: SeededApp, cookies: dict[str, str] | None = None) -> None:
        transport = httpx.ASGITransport(one.app, raise_app_exceptions=False, client=("203.0.113.9", 4711))
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=HTML, cookies=cookies
        )
        self._run = one.loop.run

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._run(self._client.get(path, headers=headers))

    def post(self, path: str, data: dict[str, str] | None = None) -> httpx.Response:
        return self._run(self._client.post(path, data=data))

    def send(self, method: str, path: str, body: object, csrf: str, **headers: str) -> httpx.Response:
        """A request of a script on the page, with the token of its session."""
        headers |= {"x-csrf-token": csrf}
        return self._run(self._client.request(method, path, json=body, headers=headers))


def visitor(one: SeededApp, **cookies: str) -> Visitor:
    return Visitor(one, cookies)


def signed_in(one: SeededApp, person: str = "p_ada") -> Visitor:
    client = visitor(one)
    answer = client.post(f"/signin/{one.signin_token(person)}", data={"csrf": ""})
    assert answer.status_code == 303
    return client


def page(client: Visitor, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
    return str(answer.text)


def press(client: Visitor, page_path: str, action: str, **fields: str) -> tuple[int, str]:
    """Fill in the form of a page and send it, as a browser without scripts does. Returns the status and the page it leads to."""
    shown = page(client, page_path)
    token, seen = CSRF.search(shown), SEEN.search(shown)
    assert token
    data = {"csrf": token[1], **({"seen": seen[1]} if seen else {}), **fields}
    return send(client, f"{page_path}/{action}", data)


def send(client: Visitor, path: str, data: dict[str, str]) -> tuple[int, str]:
    answer = client.post(path, data=data)
    if answer.status_code == 303:
        return 303, page(client, answer.headers["location"])
    return answer.status_code, answer.text


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def everything(one: SeededApp) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that a request might have changed. Sessions are left out, because signing in makes them."""
    with one.store.read() as conn:
        return {
            t.name: [tuple(r) for r in conn.execute(select(t))]
            for t in s.metadata.sorted_tables
            if t.name != "sessions"
        }


@contextmanager
def counted(one: SeededApp) -> Iterator[list[str]]:
    """The statements on this app's store, and not on a store that an earlier test left open."""
    statements: list[str] = []

    def note(conn: Connection, _cursor: object, statement: str, *_: object) -> None:
        if str(conn.engine.url.database) in one.store.url:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


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
    assert "SEV1 crisis unanswered Orvane baby food 214 mentions, 12 expected · 17× ·" in shown
    assert re.search(r"17× · \d+ of \d+ scored are negative", shown)
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
    assert "DOWN ingest : no word since 05:12 ; start it again with: tocsin up" in words(page(client, "/"))


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
        assert "Değişirse nöbettekine haber verilir; şimdi sizden bir şey istenmiyor." in told["p_vic"]
        assert "dumneavoastră, când vi se predă o alertă" in told["p_ioana"]
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
    assert found[1] in page(ada, "/escalations?closed=1") and found[1] not in page(ada, "/escalations")


def test_overdue_is_said_in_words(night: SeededApp) -> None:
    shown = words(page(signed_in(night), "/escalations/es_pr"))
    assert "SEV2 escalate PR and Legal in review overdue" in shown
    assert "First assessment overdue by 16 mins" in shown and "Holding statement 24 mins left" in shown


@pytest.mark.slow("asks for many answers")
def test_privileged_notes_are_for_legal_alone(night: SeededApp) -> None:
    legal, pr, admin = (signed_in(night, p) for p in ("p_ioana", "p_pim", "p_root"))
    assert "severance clause" in page(legal, "/escalations/es_pr")
    for other in (pr, admin):
        assert "severance clause" not in page(other, "/escalations/es_pr")
    status, _ = press(legal, "/escalations/es_pr", "note", text="Second opinion asked.", privileged="1")
    assert status == 303 and "Second opinion" not in page(admin, "/escalations/es_pr")
    status, shown = press(admin, "/escalations/es_pr", "note", text="peek", privileged="1")
    assert status == 403 and "Legal's" in unescape(shown)


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


def test_the_link_of_a_notice_shows_the_card_and_acknowledges_once(night: SeededApp) -> None:
    client, token = visitor(night), night.action_token()
    shown = words(page(client, f"/links/{token}"))
    assert "SEV1 crisis unanswered Orvane baby food" in shown and "Acknowledge as Ada Yılmaz" in shown
    first = client.post(f"/links/{token}", data={"csrf": ""})
    assert first.status_code == 200 and "It is yours now" in first.text
    with night.store.read() as conn:
        assert get(conn, "al_crisis").acknowledged_by == "Ada Yılmaz"
    assert client.post(f"/links/{token}").status_code == 410
    assert "used already" in page(client, f"/links/{token}")
    for cut in ("x" * 43, token[:-1], token[:12], "x"):
        shown = page(client, f"/links/{cut}", 410)
        assert "is not whole" in shown and "tocsin signin" in shown, "the way to the alert stands there"
        assert (
            client.post(f"/links/{cut}").status_code == client.post(f"/links/{cut}/snooze").status_code == 410
        )


def _changed(app: SeededApp, **fields: Any) -> None:
    """Change what is defined of Ada."""
    with app.store.write() as conn:
        ada = find(conn, Person, "p_ada")
        save(conn, ada.value.model_copy(update=fields), now=app.clock.now(), actor="root", id=ada.id)


def test_the_link_of_somebody_who_left_shows_and_does_nothing(night: SeededApp) -> None:
    client, token = visitor(night), night.action_token()
    _changed(night, active=False)
    for answer in (client.get(f"/links/{token}"), client.post(f"/links/{token}", data={"csrf": ""})):
        assert answer.status_code == 403
        assert "no longer active" in answer.text
        assert "Orvane" not in answer.text
    with night.store.read() as conn:
        assert get(conn, "al_crisis").acknowledged_by is None


def test_a_link_may_no_more_than_the_role_of_today(night: SeededApp) -> None:
    client, token = visitor(night), night.action_token()
    _changed(night, role=Role.VIEWER)
    shown = words(page(client, f"/links/{token}"))
    assert "Your role may not acknowledge any more" in shown and "Acknowledge as" not in shown
    refused = client.post(f"/links/{token}", data={"csrf": ""})
    assert refused.status_code == 410 and "the role viewer may not acknowledge" in refused.text
    with night.store.read() as conn:
        assert get(conn, "al_crisis").acknowledged_by is None
    _changed(night, role=Role.PR)
    assert client.post(f"/links/{token}", data={"csrf": ""}).status_code == 200


def test_the_reader_of_a_link_is_spoken_to_in_their_own_language_and_zone(night: SeededApp) -> None:
    shown = words(page(visitor(night), f"/links/{night.action_token(person='p_ioana')}"))
    assert "Preiau ca Ioana Munteanu" in shown and "din 03:40" in shown


def test_an_expired_link_still_shows_the_card_but_no_button(night: SeededApp) -> None:
    token = night.action_token()
    night.clock.advance(timedelta(days=4))
    shown = words(page(visitor(night), f"/links/{token}"))
    assert "This link has expired" in shown and "Acknowledge as" not in shown
    assert visitor(night).post(f"/links/{token}").status_code == 410


def test_a_wrong_query_is_pointed_at_and_nothing_typed_is_lost(night: SeededApp) -> None:
    client = signed_in(night)
    token = CSRF.search(page(client, "/monitors/new"))
    assert token
    form = {
        "csrf": token[1],
        "name": "Café <Ürün>",
        "query": 'orvane OR "baby',
        "languages": "tr, ro",
        "timezone": "Mars/Base",
        "policy": "default",
        "false_alerts_per_week": "0,5",
        "influential_followers": "many",
        "tier1": "",
        "enabled": "1",
    }
    status, shown = send(client, "/monitors/new", form)
    assert status == 422 and "never closed" in shown and re.search(r"<pre[^>]*>.*\n +\^</pre>", shown)
    assert "unknown time zone" in unescape(shown) and "a whole number is needed" in shown
    assert 'value="Café &lt;Ürün&gt;"' in shown and 'value="tr, ro"' in shown
    form |= {"query": "orvane OR café", "timezone": "Europe/Istanbul", "influential_followers": "5000"}
    status, shown = send(client, "/monitors/new", form)
    assert status == 303 and "Saved." in shown and "Café" in shown and "0.5" in shown
    assert send(client, "/monitors/new", form)[0] == 409


def test_a_query_can_be_tried_before_it_is_saved(night: SeededApp) -> None:
    client = signed_in(night)
    token = CSRF.search(page(client, "/monitors/new"))
    assert token
    before = everything(night)
    form = {"csrf": token[1], "name": "", "query": "plastic OR plastik", "languages": "nl", "try": "1"}
    status, shown = send(client, "/monitors/new", form)
    assert (
        status == 200
        and "What it would hear" in shown
        and 'verbrand <mark class="hit">plastic</mark>' in shown
        and "Kuzey" not in shown
    )
    assert (
        '<mark class="hit">plastic</mark>' in shown and '<ul class="warnings" id="warnings" hidden>' in shown
    )
    warned = send(client, "/monitors/new", {**form, "query": "<b> plastic or\nplastik"})[1]
    assert "the operator is written OR." in unescape(warned) and 'aria-describedby="warnings"' in warned
    assert "Line 1, column 13:" in warned
    assert '<code dir="auto">&lt;b&gt; plastic <mark class="hit">or</mark>\nplastik</code>' in warned
    assert everything(night) == before
    assert send(client, "/monitors/new", {**form, "query": "NOT x"})[0] == 422


def test_two_who_edit_one_monitor_do_not_overwrite_each_other(night: SeededApp) -> None:
    def filled(client: Visitor, **change: str) -> dict[str, str]:
        shown = page(client, "/monitors/m_lidra/edit")
        fields = {
            name: unescape(value)
            for name, value in re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', shown)
        }
        query = re.search(r"<textarea[^>]*>([^<]*)</textarea>", shown)
        assert query
        return {**fields, "query": unescape(query[1]), "policy": "default", **change}

    ada, robin = signed_in(night), signed_in(night, "p_root")
    slow = filled(ada, query="lidra OR lidrawater")
    assert send(robin, "/monitors/m_lidra", filled(robin, tier1="kuzeyhaber.example"))[0] == 303
    status, shown = send(ada, "/monitors/m_lidra", slow)
    assert status == 409 and "lidra OR lidrawater" in shown and "Robin Admin changed it at" in shown
    proposed = dict(re.findall(r'name="take\.(\w+)" value="(\w+)" required checked', shown))
    assert proposed == {"tier1": "theirs", "query": "mine"}
    version = re.search(r'name="version" value="(\d+)"', shown)[1]  # type: ignore[index]
    chosen = {"version": version, "read_at": slow["version"]} | {
        f"take.{field}": side for field, side in proposed.items()
    }
    assert send(ada, "/monitors/m_lidra", {**slow, **chosen})[0] == 303
    with night.store.read() as conn:
        both = find(conn, Monitor, "m_lidra").value
    assert (both.query, both.tier1) == ("lidra OR lidrawater", ("kuzeyhaber.example",))


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


@pytest.mark.parametrize(
    "path",
    ["/alerts?severity=9&status=x&monitor=%27", "/escalations?team=%3Cb%3E"],
)
def test_filters_that_make_no_sense_count_as_not_given(night: SeededApp, path: str) -> None:
    page(signed_in(night), path)


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
            for id in ("al_crisis", "es_pr", "m_lidra", "nope"):
                answer = client.post(path.replace("{id}", id), data={**odd, "csrf": token[1]})
                assert answer.status_code < 500, (path, id, answer.text[-300:])
