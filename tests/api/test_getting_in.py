"""Getting in at three in the night: a link by mail, a device that is kept, the buttons behind a notice, one's own page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from markupsafe import escape
from sqlalchemy import func, select

from alerts.alert import get
from alerts.directory import read
from alerts.outbox.deliver import deliver_due
from alerts.outbox.queue import chosen_channels
from alerts.personal import personal_path
from alerts.signin_mail import A_PERSON
from api.app import create_app
from ops.check.paging import paging
from ops.transfer.apply import apply, plan
from ops.transfer.definitions_file import stored_sections, written
from tests.alerts.fakes import OneForAll, Phone
from tests.api.visits import Visitor, page, press, send, signed_in, visitor, words
from tests.browser.served import SeededApp, seeded_app
from tests.browser.views import ADDRESSES, furnish
from tests.contracts.notifiers import notice as a_notice
from tocsin.access.links import make_action_link
from tocsin.definitions.models import Channel, Person, Role
from tocsin.definitions.repository import find, save
from tocsin.settings import Loaded, Smtp
from tocsin.store import schema as s

TYPED = 'a <b>sentence</b> & "more"'
LINK = re.compile(r"/signin/[\w-]{43}")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SeededApp]:
    """The seeded app with a mail server, and Ada with an address."""
    with seeded_app(tmp_path) as one:
        settings = one.runtime.settings.model_copy(update={"smtp": Smtp(host="mail.example")})
        one.runtime.loaded = Loaded(settings, {})
        one.app = create_app(one.runtime)
        change(one, email="Ada@Orvane.example", language=None, channels=())
        yield one


def change(one: SeededApp, person: str = "p_ada", **fields: object) -> None:
    with one.store.write() as conn:
        found = find(conn, Person, person)
        save(conn, found.value.model_copy(update=fields), now=one.clock.now(), actor="root", id=found.id)


def queued(one: SeededApp, purpose: str) -> int:
    with one.store.read() as conn:
        return int(conn.execute(select(func.count()).where(s.notices.c.alert_id == purpose)).scalar_one())


def delivered(one: SeededApp, phone: Phone) -> None:
    deliver_due(
        one.store,
        one.clock,
        OneForAll(phone),
        "test",
        personal_link=lambda conn, notice, now: f"https://t.example{personal_path(conn, notice, now)}",
    )


def test_a_link_is_mailed_to_who_is_known_and_strangers_hear_the_same(house: SeededApp) -> None:
    client, phone = visitor(house), Phone()
    shown = page(client, "/signin")
    assert "Mail me a link" in shown
    known = client.post("/signin", data={"email": " ada@orvane.example "})
    stranger = client.post("/signin", data={"email": "eve@elsewhere.example"})
    assert known.status_code == stranger.status_code == 200
    assert known.text == stranger.text and "a link is on its way" in known.text
    assert queued(house, "signin") == 1
    with house.store.read() as conn:
        assert not LINK.search(str(conn.execute(select(s.notices.c.body)).all()))
    delivered(house, phone)
    (mail,) = [one for one in phone.got if one.kind == "signin"]
    assert mail.target["to"] == "Ada@Orvane.example" and "15 minutes" in mail.text
    assert LINK.search(mail.impersonal_text) is None
    path = LINK.search(mail.text)[0]  # type: ignore[index]  # or the test fails
    assert client.post(path, data={"keep": "1"}).status_code == 303
    assert client.post(path).status_code == 410
    for _ in range(5):
        client.post("/signin", data={"email": "ada@orvane.example"})
    assert queued(house, "signin") == A_PERSON[0]


def test_who_asks_for_too_many_links_waits_and_somebody_who_left_gets_none(house: SeededApp) -> None:
    client = visitor(house)
    change(house, active=False)
    answers = [client.post("/signin", data={"email": "ada@orvane.example"}).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429] and queued(house, "signin") == 0


def test_a_kept_device_stays_for_thirty_days_and_is_ended_from_ones_own_page(house: SeededApp) -> None:
    kept, short = visitor(house), visitor(house)
    firefox = {"user-agent": "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"}
    # As a phone names itself.
    kept._client.headers.update(firefox)
    kept.post(f"/signin/{house.signin_token()}", data={"keep": "1"})
    short.post(f"/signin/{house.signin_token()}", data={})
    house.clock.advance(timedelta(days=29))
    assert page(short, "/", 401) and "Firefox, Android" in page(kept, "/me")
    other = signed_in(house)
    listed = page(other, "/me")
    (phone,) = re.findall(r'action="/me/sessions/(ses_\w+)/end">.*?Firefox, Android', listed, re.DOTALL)[-1:]
    csrf = re.search(r'name="csrf" value="([^"]+)"', listed)[1]  # type: ignore[index]
    assert other.post(f"/me/sessions/{phone}/end", data={"csrf": csrf}).status_code == 303
    assert page(kept, "/", 401)
    assert other.post("/me/sessions/ses_of_somebody/end", data={"csrf": csrf}).status_code == 404


@pytest.mark.slow("asks for many answers")
@pytest.mark.parametrize(
    ("action", "fields", "status"),
    [
        ("snooze", {"minutes": "30"}, "snoozed"),
        ("dismiss", {"reason": "noise"}, "dismissed"),
        ("escalate", {"team": "pr", "reason": "it is on the news"}, "escalated"),
    ],
)
def test_a_notices_link_shows_the_whole_card_and_does_each_thing_once(
    house: SeededApp, action: str, fields: dict[str, str], status: str
) -> None:
    token, client = link(house), visitor(house)
    shown = words(page(client, f"/links/{token}"))
    assert "Share of negatives" in shown and "What was done" in shown and "Acknowledge as Ada" in shown
    assert client.post(f"/links/{token}/resolve", data={}).status_code == 404
    # Nothing is filled in.
    assert client.post(f"/links/{token}/{action}", data={}).status_code == 410
    wrong = {"snooze": {"minutes": "x"}, "dismiss": {"note": TYPED}, "escalate": {"reason": TYPED}}[action]
    refused = client.post(f"/links/{token}/{action}", data=wrong)
    assert refused.status_code == 410 and f'action="/links/{token}/{action}"' in refused.text
    kept = re.search(rf'<details open>.*?/{action}".*?</details>', refused.text, re.DOTALL)
    assert kept and (action == "snooze" or str(escape(TYPED)) in kept[0]), "what was typed is lost"
    assert client.post(f"/links/{token}/{action}", data=fields).status_code == 200
    with house.store.read() as conn:
        assert get(conn, "al_crisis").status == status
    late = client.post(f"/links/{token}/{action}", data=fields | {"note": TYPED})
    assert late.status_code == 410 and str(escape(TYPED)) in late.text, (
        "the form is gone: it is shown to be copied"
    )


def test_a_link_does_what_the_role_of_today_may(house: SeededApp) -> None:
    token, client = link(house), visitor(house)
    change(house, role=Role.PR)
    shown = page(client, f"/links/{token}")
    assert "/escalate" in shown and f"/links/{token}/dismiss" not in shown
    assert client.post(f"/links/{token}/dismiss", data={"reason": "noise"}).status_code == 410
    with house.store.read() as conn:
        assert get(conn, "al_crisis").status == "firing"


def link(one: SeededApp) -> str:
    with one.store.write() as conn:
        bound = {"alert_id": "al_crisis", "person_id": "p_ada", "action": "acknowledge"}
        return make_action_link(conn, now=one.clock.now(), beside=("snooze", "dismiss", "escalate"), **bound)


def test_an_escalations_link_shows_it_without_privileged_notes_and_changes_nothing(house: SeededApp) -> None:
    with house.store.read() as conn:
        row = conn.execute(select(s.escalations).order_by(s.escalations.c.id)).first()
        assert row is not None
    legal = signed_in(house, "p_ioana")
    press(legal, f"/escalations/{row.id}", "note", text="counsel says wait", privileged="1")
    with house.store.write() as conn:
        notice = replace(a_notice({}), alert_id=row.alert_id, escalation_id=row.id, person_id="p_ioana")
        path = personal_path(conn, notice, house.clock.now())
    shown = words(page(visitor(house), path))
    assert row.reason in shown, shown
    assert "notă confidențială" in shown and "counsel says wait" not in shown
    assert '<form method="post" action="/escalations' not in page(visitor(house), path)
    assert visitor(house).post(path).status_code in (403, 404, 410)


def test_the_language_is_chosen_by_the_person_else_in_the_browser_else_by_the_browser(
    house: SeededApp,
) -> None:
    client = visitor(house)
    client._client.headers["accept-language"] = "nl-BE,nl;q=0.9"
    assert 'lang="nl"' in page(client, "/signin") and "Link mailen" in page(client, "/signin")
    assert (
        client.post("/language", data={"language": "ro", "back": "/signin"}).headers["location"] == "/signin"
    )
    assert '<html lang="ro"' in page(client, "/signin")
    ada = signed_in(house)
    ada._client.headers["accept-language"] = "nl"
    # She has chosen no language.
    assert '<html lang="nl"' in page(ada, "/")
    ada.post("/language", data={"language": "tr", "back": "//elsewhere.example"})
    assert '<html lang="tr"' in page(ada, "/")
    with house.store.read() as conn:
        assert find(conn, Person, "p_ada").value.language == "tr"
    assert ada.post("/language", data={"language": "xx"}).status_code == 422
    assert (
        ada.post("/language", data={"language": "en", "back": "//elsewhere.example"}).headers["location"]
        == "/"
    )


def test_a_code_proves_a_channel_and_one_without_proof_still_pages(house: SeededApp) -> None:
    change(house, channels=(Channel(kind="email"), Channel(kind="console")))
    client, phone = signed_in(house), Phone()
    shown = page(client, "/me")
    assert "not proven" in shown and "rings nowhere" in shown
    assert press(client, "/me", "channels/0/test")[0] == 303
    delivered(house, phone)
    (test,) = [one for one in phone.got if one.kind == "test"]
    code = re.search(r"\d{6}", test.subject)[0]  # type: ignore[index]
    received = words(page(client, "/me"))
    assert "TEST: this is how Tocsin pages you" in received and "e-mail · sent" in received, (
        "a notice received"
    )
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert "not the code" in press(client, "/me", "channels/0/prove", code=wrong)[1]
    assert "reaches you" in press(client, "/me", "channels/0/prove", code=f" {code[:3]} {code[3:]} ")[1]
    assert "not proven" not in page(client, "/me")
    change(house, email="new@orvane.example")
    # Another address is another channel.
    assert "not proven" in page(client, "/me")


@pytest.mark.slow("asks for many answers")
def test_a_code_is_worth_five_tries_and_ten_minutes(house: SeededApp) -> None:
    change(house, channels=(Channel(kind="email"),))
    client, phone = signed_in(house), Phone()
    press(client, "/me", "channels/0/test")
    delivered(house, phone)
    code = re.search(r"\d{6}", phone.got[-1].subject)[0]  # type: ignore[index]
    for _ in range(5):
        press(client, "/me", "channels/0/prove", code="x")
    assert "not the code" in press(client, "/me", "channels/0/prove", code=code)[1]
    house.clock.advance(timedelta(minutes=11))
    assert "not the code" in press(client, "/me", "channels/0/prove", code=code)[1]


def test_ones_own_page_keeps_what_was_typed_and_says_what_is_wrong(house: SeededApp) -> None:
    client = signed_in(house)
    # An address stands in the person's form, and no button offers to take it out here.
    shown = page(client, "/me")
    assert "pages only while no other channel is listed" in shown and "/me/channels/0/remove" not in shown
    assert 'name="drop.' not in page(signed_in(house, "p_root"), "/people/p_ada")
    status, shown = own(client, language="", timezone="Europe/Atlantis", quiet_from="22", quiet_to="7:00")
    assert status == 422 and "no such time zone" in shown and 'value="Europe/Atlantis"' in shown
    status, shown = own(
        client, language="nl", timezone="Europe/Amsterdam", quiet_from="22:00", quiet_to="07:00"
    )
    assert status == 303 and "Opgeslagen." in shown
    with house.store.read() as conn:
        mine = find(conn, Person, "p_ada").value
    assert (mine.timezone, mine.quiet_hours, mine.role) == (
        "Europe/Amsterdam",
        ("22:00", "07:00"),
        Role.COMMUNITY_MANAGER,
    )


def own(client: Visitor, **fields: str) -> tuple[int, str]:
    """Fill in the form of one's own page and send it."""
    csrf = re.search(r'name="csrf" value="([^"]+)"', page(client, "/me"))[1]  # type: ignore[index]
    return send(client, "/me", {"csrf": csrf, **fields})


def test_an_installation_that_would_wake_nobody_says_so_on_every_page(tmp_path: Path) -> None:
    with seeded_app(tmp_path, empty=True) as bare:
        client = signed_in(bare)
        for path in ("/", "/monitors", "/me"):
            shown = words(page(client, path))
            assert (
                "NOT READY" in shown and "no source is defined" in shown and "no channel rings" not in shown
            )
        change(bare, channels=())
        shown = words(page(client, "/"))
        assert "no channel rings" in shown and "All calm" not in shown
        for person in ("p_ada", "p_pim", "p_root"):
            change(bare, person, active=False)
        assert "nöbette kimse yok" in words(page(signed_in(bare, "p_vic"), "/"))


@pytest.mark.slow("asks for every view")
def test_every_view_says_that_nobody_would_be_woken_and_calls_nothing_calm(house: SeededApp) -> None:
    ids = furnish(house)
    for person in ("p_ada", "p_root"):
        change(house, person, channels=(), email=None)
    root, stranger = signed_in(house, "p_root"), visitor(house)
    unsaid = []
    for place, address in ADDRESSES.items():
        # What a token opens is seen without a session.
        client = stranger if "{token}" in place or place == "/signin" else root
        shown = words(page(client, address.format(**ids)))
        assert "All calm" not in shown
        if "NOT READY" not in shown or "no channel rings" not in shown:
            unsaid.append(place)
    # Whoever signs in is not known yet: they hear that something is amiss, and no name and no count of what is defined.
    assert unsaid == ["/signin", "/signin/{token}"]
    silent = "source:forum-of-ours"
    with house.store.write() as conn:
        row = {"component": silent, "at": house.clock.now(), "state": "blind"}
        house.store.insert_new(conn, s.health, [row | {"detail": {"why": "no post of klaas since Monday"}}])
    for place in (*unsaid, "/monitors"):
        shown = words(page(stranger, ADDRESSES[place].format(**ids), 401 if place == "/monitors" else 200))
        assert "NOT READY This installation would wake nobody now, or it does not hear everything." in shown
        assert not any(one in shown for one in ("forum-of-ours", "klaas", "policy", "BLIND")), place
    assert "forum-of-ours" in words(page(root, "/settings"))
    assert "NOT READY" in words(str(root.get("/monitors/nothing").text))


@pytest.mark.slow("a channel from its first word to its page")
def test_a_channel_from_afar_pages_nobody_before_its_code_was_typed_and_a_file_vouches(
    house: SeededApp,
) -> None:
    root, ada, phone = signed_in(house, "p_root"), signed_in(house), Phone()
    assert "NOT READY" not in words(page(ada, "/"))
    shown = page(root, "/people/p_ada")
    form = {name: re.search(rf'name="{name}" value="([^"]+)"', shown)[1] for name in ("csrf", "version")}  # type: ignore[index]
    form |= {"role": "community_manager", "timezone": "Europe/Istanbul", "active": "1"}
    assert send(root, "/people/p_ada", {**form, "email": "moved@orvane.example"})[0] == 303
    assert "no channel is proven" in words(page(ada, "/"))
    assert "not proven: pages nobody yet" in words(page(ada, "/me"))
    status = root.get("/v1/status").json()
    assert any("no channel is proven" in one for one in status["not_ready"])
    assert set(status["not_ready"]) <= set(status["why"]) and status["mode"] != "ok"
    assert paged_by(house) == ["console"]
    with house.store.read() as conn:
        said = [one.text for one in paging(conn, house.clock.now(), house.runtime.settings, ())]
    assert any("Ada Yılmaz is not paged by email: no code was typed" in one for one in said)
    (own,) = ada.get("/v1/people/p_ada/channels").json()
    assert (own["where"], own["standing"]) == ("moved@orvane.example", "unproven")
    assert ada.get("/v1/people/p_pim/channels").status_code == 403
    at = f"channels/{own['key']}"
    assert "A test page is on its way" in press(root, "/people/p_ada", f"{at}/test")[1]
    delivered(house, phone)
    code = re.search(r"\d{6}", phone.got[-1].subject)[0]  # type: ignore[index]
    assert "not the code" in press(root, "/people/p_ada", f"{at}/prove", code="x")[1]
    assert "reaches you" in press(root, "/people/p_ada", f"{at}/prove", code=code)[1]
    assert "NOT READY" not in words(page(ada, "/")) and paged_by(house) == ["email"]
    assert ada.get("/v1/people/p_ada/channels").json()[0]["standing"] == "proven"
    # Another address by the API; this time whoever runs the machine vouches for it.
    person = root.get("/v1/people/p_ada")
    put = {**person.json(), "email": "again@orvane.example"}
    tag = {"if-match": person.headers["etag"]}
    assert root.send("PUT", "/v1/people/p_ada", put, form["csrf"], **tag).status_code == 200
    assert "no channel is proven" in words(page(ada, "/")) and paged_by(house) == ["console"]
    with house.store.write() as conn:
        people = {"people": yaml.safe_load(written(stored_sections(conn)))["people"]}
        changes = plan(conn, people)
        assert next(line for one in changes for line in one.lines()) == "~ person Ada Yılmaz"
        apply(conn, changes, house.clock.now(), "tocsin apply")
        assert plan(conn, people) == []
    assert "NOT READY" not in words(page(ada, "/")) and paged_by(house) == ["email"]
    assert "a file vouches for it" in words(page(ada, "/me"))
    # An administrator takes the file's word back on the page, its person the proof by the API.
    (own,) = ada.get("/v1/people/p_ada/channels").json()
    assert "The proof was taken back" in press(root, "/people/p_ada", f"channels/{own['key']}/doubt")[1]
    assert "no channel is proven" in words(page(ada, "/")) and paged_by(house) == ["console"]
    assert "Take the proof back" not in words(page(root, "/people/p_ada"))


def paged_by(one: SeededApp) -> list[str]:
    """The channels on which a crisis would page Ada."""
    with one.store.read() as conn:
        return [way.kind for way in chosen_channels(read(conn).people["Ada Yılmaz"], 1)]


@pytest.mark.slow("types codes until the limit")
def test_codes_are_sent_and_typed_by_the_api_within_limits(house: SeededApp) -> None:
    ada, pim, phone = signed_in(house), signed_in(house, "p_pim"), Phone()
    at = "/v1/people/p_ada/channels"
    (own,) = ada.get(at).json()
    assert own["standing"] == "vouched" and not own["code_waits"]

    def sent(client: Visitor, what: str, body: object = None) -> httpx.Response:
        token = re.search(r'name="csrf" value="([^"]+)"', page(client, "/me"))[1]  # type: ignore[index]
        return client.send("POST", f"{at}/{what}", body, token)

    code, prove = f"{own['key']}/code", f"{own['key']}/prove"
    first = sent(ada, code)
    assert first.status_code == 202 and first.json()[0]["code_waits"]
    delivered(house, phone)
    arrived = re.search(r"\d{6}", phone.got[-1].subject)[0]  # type: ignore[index]
    assert sent(ada, prove, {"code": "x"}).json() == {"proven": False}
    assert sent(ada, prove, {"code": arrived}).json() == {"proven": True}
    csrf = re.search(r'name="csrf" value="([^"]+)"', page(ada, "/me"))[1]  # type: ignore[index]
    for _ in range(2):
        (taken,) = ada.send("DELETE", f"{at}/{own['key']}/proof", None, csrf).json()
        assert (taken["standing"], taken["proven_at"], taken["code_waits"]) == ("unproven", None, False)
    assert sent(ada, prove, {"code": arrived}).json() == {"proven": False}, "the old code is worth nothing"
    assert pim.send("DELETE", f"{at}/{own['key']}/proof", None, csrf).status_code == 403
    with house.store.read() as conn:
        kept = conn.execute(select(s.audit.c.action).where(s.audit.c.object == own["key"])).scalars().all()
    assert kept == ["channel.proven", "channel.proof_taken_back"]
    assert sent(ada, "ctc_none/code").status_code == 404 and sent(pim, code).status_code == 403
    answers = [sent(ada, code) for _ in range(10)]
    assert [one.status_code for one in answers] == [202] * 9 + [429] and answers[-1].headers["retry-after"]


@pytest.mark.slow("a channel from its first word to its page")
def test_an_admin_adds_a_channel_for_somebody_that_pages_once_its_code_was_typed(house: SeededApp) -> None:
    admin, phone = signed_in(house, "p_root"), Phone()
    asked = {"kind": "email", "to": "night@orvane.example"}
    wrong = press(admin, "/people/p_ada", "channels", kind="email", to="nobody")
    assert wrong[0] == 422 and 'id="fault-to"' in wrong[1] and 'value="nobody"' in wrong[1]
    assert "A test page is on its way" in press(admin, "/people/p_ada", "channels", **asked)[1]
    shown = page(admin, "/people/p_ada")
    key = re.search(r"/people/p_ada/waiting/(\w+)/prove", shown)[1]  # type: ignore[index]
    assert key in page(signed_in(house), "/me"), "the person may type it, too"
    assert key not in page(admin, "/me")
    delivered(house, phone)
    code = re.search(r"\d{6}", phone.got[-1].subject)[0]  # type: ignore[index]
    assert "not the code" in press(admin, "/people/p_ada", f"waiting/{key}/prove", code="x")[1]
    with house.store.read() as conn:
        assert find(conn, Person, "p_ada").value.channels == ()
    shown = press(admin, "/people/p_ada", f"waiting/{key}/prove", code=code)[1]
    assert "reaches you" in shown and f'name="drop.{key}"' in shown
    with house.store.read() as conn:
        assert [one.target for one in find(conn, Person, "p_ada").value.channels] == [{"to": asked["to"]}]
    form = {"role": "community_manager", "timezone": "Europe/Istanbul", "active": "1", f"drop.{key}": "1"}
    version = re.search(r'name="version" value="(\d+)"', shown)[1]  # type: ignore[index]
    csrf = re.search(r'name="csrf" value="([^"]+)"', shown)[1]  # type: ignore[index]
    assert send(admin, "/people/p_ada", {**form, "csrf": csrf, "version": version})[0] == 303
    with house.store.read() as conn:
        assert find(conn, Person, "p_ada").value.channels == ()
    press(admin, "/people/p_ada", "channels", **asked)
    assert "Removed." in press(admin, "/people/p_ada", f"waiting/{key}/drop")[1]
    assert key not in page(admin, "/people/p_ada")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page(signed_in(house), "/me"))[1]  # type: ignore[index]
    assert signed_in(house).post("/people/p_pim/channels", {"csrf": csrf, **asked}).status_code == 403


def changed_by(client: Visitor, house: SeededApp, at: str, replaces: str, to: str) -> str:
    """Ask for another address in the place of a channel; returns the key under which it waits."""
    sent = press(client, at, "channels", kind="email", to=to, replaces=replaces)
    assert "A test page is on its way" in sent[1], sent
    shown = page(client, at)
    assert "which pages until then" in shown
    return re.search(r"/waiting/(\w+)/prove", shown)[1]  # type: ignore[index]


def test_a_changed_address_takes_the_old_ones_place_once_its_code_was_typed(house: SeededApp) -> None:
    old, hook = (
        Channel.model_validate({"kind": "email", "to": "old@orvane.example"}),
        Channel(kind="console"),
    )
    change(house, channels=(old, hook))
    client, admin, phone = signed_in(house), signed_in(house, "p_root"), Phone()

    def channels() -> list[object]:
        with house.store.read() as conn:
            return [one.target.get("to") for one in find(conn, Person, "p_ada").value.channels]

    shown = page(client, "/me")
    replaces = re.search(r'name="replaces" value="(\w+)"', shown)[1]  # type: ignore[index]
    assert 'value="old@orvane.example"' in shown, "the present address stands in the form"
    wrong = press(client, "/me", "channels", kind="email", to="nobody", replaces=replaces)
    assert wrong[0] == 422 and "In place of old@orvane.example" in words(wrong[1])
    gone = press(client, "/me", "channels", kind="email", to="a@b.example", replaces="ctc_x")
    assert gone[0] == 422 and "no longer there" in gone[1]
    key = changed_by(client, house, "/me", replaces, "new@orvane.example")
    assert channels() == ["old@orvane.example", None], "the old one pages until then"
    delivered(house, phone)
    code = re.search(r"\d{6}", phone.got[-1].subject)[0]  # type: ignore[index]
    assert "not the code" in press(client, "/me", f"waiting/{key}/prove", code="x")[1]
    assert "reaches you" in press(client, "/me", f"waiting/{key}/prove", code=code)[1]
    assert channels() == ["new@orvane.example", None], "in the same place"
    replaces = re.search(r'name="replaces" value="(\w+)"', page(admin, "/people/p_ada"))[1]  # type: ignore[index]
    key = changed_by(admin, house, "/people/p_ada", replaces, "third@orvane.example")
    delivered(house, phone)
    code = re.search(r"\d{6}", phone.got[-1].subject)[0]  # type: ignore[index]
    press(admin, "/people/p_ada", f"waiting/{key}/prove", code=code)
    assert channels() == ["third@orvane.example", None]
