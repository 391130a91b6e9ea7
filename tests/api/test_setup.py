"""The set-up without scripts: from an empty home to a page that rang, left and taken up again, with each step's wrong input."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from sqlalchemy import insert

from alerts.notifiers.port import Outcome
from alerts.outbox.deliver import deliver_due
from api.app import create_app
from api.pages.setup import FIRST_SIGHT, TAPS
from ingest.looking import OpenNetwork
from ops.transfer.apply import plan
from ops.transfer.definitions_file import stored_sections, written
from tests.alerts.fakes import OneForAll, Phone
from tests.api.test_defining import told
from tests.api.test_getting_in import change
from tests.api.visits import CSRF, Visitor, page, signed_in, visitor, words
from tests.browser.served import SeededApp, seeded_app
from tests.contracts.loopback import INGEST, Loopback, Post, posts
from tests.contracts.loopback import loopback as loopback
from tests.ingest.networks import NETWORKS
from tocsin.core.clock import minute_of
from tocsin.definitions.models import Monitor, Person, Policy, SourceDef
from tocsin.definitions.repository import find, listed
from tocsin.settings import Loaded, Smtp
from tocsin.store import schema as s

CODE = re.compile(r"\b(\d{6})\b")
WAITING = re.compile(r"/me/waiting/([\w-]+)/prove")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SeededApp]:
    """An app with people and nothing else, that may listen to loopback and has a mail server."""
    with seeded_app(tmp_path, empty=True) as one:
        change = {"ingest": INGEST, "smtp": Smtp(host="mail.example")}
        one.runtime.loaded = Loaded(one.runtime.settings.model_copy(update=change), {})
        one.app = create_app(one.runtime)
        yield one


def post(client: Visitor, path: str, **fields: str) -> tuple[int, str]:
    """Send a form of the set-up; returns the status and where it leads, or the page."""
    token = CSRF.search(page(client, "/setup"))
    assert token
    answer = client.post(path, data={"csrf": token[1], **fields})
    return answer.status_code, answer.headers.get("location") or str(answer.text)


def delivered(one: SeededApp, phone: Phone) -> None:
    deliver_due(one.store, one.clock, OneForAll(phone), "test")


def test_the_first_sign_in_of_an_administrator_leads_into_the_set_up(home: SeededApp) -> None:
    root, other = visitor(home), visitor(home)
    assert root.post(f"/signin/{home.signin_token('p_root')}").headers["location"] == "/setup"
    assert other.post(f"/signin/{home.signin_token('p_ada')}").headers["location"] == "/"
    shown = words(page(root, "/"))
    assert "NOT READY" in shown and "Set it up" in shown
    assert "Set it up" not in words(page(other, "/"))
    assert other.get("/setup").status_code == 403
    # What the page promises of itself is what the set-up in a browser counts.
    assert f"Four steps, some {TAPS} taps" in words(page(root, "/setup"))
    # Before anybody types an address it is said that no mail leaves, and the administrator is shown where a server is set.
    where = 'href="/settings/mail"'
    assert where not in page(root, "/setup/wake")
    home.runtime.loaded = Loaded(home.runtime.settings.model_copy(update={"smtp": Smtp()}), {})
    home.app = create_app(home.runtime)
    assert where in page(signed_in(home, "p_root"), "/setup/wake")
    assert where not in page(signed_in(home, "p_ada"), "/me")


@pytest.mark.slow("asks for many answers")
def test_a_name_becomes_a_monitor_by_ticks(home: SeededApp) -> None:
    client, name = signed_in(home, "p_root"), "Orvane & Co"
    assert post(client, "/setup/brand", name=" ")[0] == 422
    status, shown = post(client, "/setup/brand", name="(((")
    assert status == 422 and "Nothing in this name can be searched for" in shown
    status, shown = post(client, "/setup/brand", name=name, handles="@orvane")
    assert status == 200 and "&#34;Orvane &amp; Co&#34;" in shown and "Nothing has been heard yet" in shown
    ticks = dict.fromkeys(re.findall(r'name="(t:[^"]+)"', shown), "1")
    parts = re.search(r'name="shown" value="([^"]+)"', shown)
    assert parts and "t:@orvane" in ticks
    seen = {"name": name, "handles": "@orvane", "shown": unescape(parts[1])}
    status, shown = post(client, "/setup/brand", **seen, save="1")
    assert status == 422 and "Nothing is ticked" in shown and 'value="@orvane"' in shown, (
        "nothing typed is lost"
    )
    status, shown = post(client, "/setup/brand", **seen, own="(orvane", save="1")
    assert status == 422 and 'id="fault-own"' in shown and 'value="(orvane"' in shown
    assert "query, line 1, column" in shown and re.search(r"<pre[^>]*> *\(orvane\n *\^</pre>", shown), (
        "its place is shown"
    )
    status, place = post(client, "/setup/brand", **seen, **{"t:@orvane": "1"}, own="orvane food", save="1")
    assert (status, place) == (303, "/setup/listen?done=saved")
    with home.store.read() as conn:
        (made,) = listed(conn, Monitor)
    assert made.value.query == "@orvane OR (orvane food)" and made.value.timezone == "Europe/Amsterdam"
    assert made.value.own_accounts == ("@orvane",), "what the brand itself says is no talk about it"
    # Left here, and taken up again on another device: what is done stays, and the next step is offered.
    other = signed_in(home, "p_root")
    shown = page(other, "/setup")
    assert 'class="button primary" href="/setup/listen"' in shown
    for path in ("/setup", "/setup/ring"):
        shown = words(page(other, path))
        # A monitor that has heard nothing sees bursts two days after it hears; single posts ring it from now on.
        until = (home.clock.now() + FIRST_SIGHT).astimezone(ZoneInfo("Europe/Amsterdam"))
        assert f"Orvane & Co : learning until {until.day} Nov" in shown, shown[-900:]
        assert "Until then a single post raises an alert if it speaks of: safety" in shown
        assert "No mention has been heard yet." in shown
    heard_of(home, made.id, home.clock.now() - timedelta(minutes=7))
    assert re.search(
        r"Your monitors hear. The first mention is from [^.]*03:05", words(page(other, "/setup/ring"))
    )
    assert ("monitor.made", 1) in [(what, detail.get("version")) for what, detail in told(home) if detail]
    status, shown = post(client, "/setup/brand", **seen, **{"t:@orvane": "1"}, save="1")
    assert status == 422 and "There is a monitor of that name already." in shown
    assert "Watched already: Orvane &amp; Co." in page(client, "/setup/brand")


def heard_of(home: SeededApp, monitor: str, at: datetime) -> None:
    """The monitor has heard one mention, written then."""
    count = {"count": 1, "negative": 0, "neutral": 1, "positive": 0, "unscored": 0, "reach": 0, "reposts": 0}
    row = {"monitor_id": monitor, "minute": minute_of(at), "partition": 0, **count, "authors": b""}
    with home.store.write() as conn:
        conn.execute(insert(s.tallies), row)


@pytest.mark.live
def test_a_network_is_tested_with_the_monitors_words_marked_and_made_by_its_tick(
    home: SeededApp, loopback: Loopback
) -> None:
    world = loopback.begin(NETWORKS["feed"])
    world.posts = posts(9)
    client = signed_in(home, "p_root")
    ketel = {"t:Ketel": "1", "shown": "Ketel", "name": "Ketel", "save": "1"}
    assert post(client, "/setup/brand", **ketel)[0] == 303
    feed = {"feed": "1", "feed.value": f"{world.url}/feed"}
    status, shown = post(client, "/setup/listen", **feed, **{"try": "feed"})
    assert status == 200 and '<mark class="hit">ketel</mark> lekt alweer (9)' in shown
    assert "9 posts came. A monitor hears 5 of the newest 5." in words(shown)
    with home.store.read() as conn:
        assert listed(conn, SourceDef) == []
    status, shown = post(
        client, "/setup/listen", feed="1", **{"feed.value": "http://127.0.0.1:1/", "try": "feed"}
    )
    assert "the feed cannot be fetched: Connection refused" in words(shown) and "0 posts came" not in words(
        shown
    )
    assert post(client, "/setup/listen", save="1")[0] == 422
    status, shown = post(client, "/setup/listen", feed="1", **{"feed.value": ""})
    assert status == 422 and 'id="fault-feed"' in shown
    status, shown = post(client, "/setup/listen", lemmy="1", feed="1", **{"feed.value": "nowhere"})
    assert status == 422 and 'value="nowhere"' in shown and 'name="lemmy" value="1" checked' in shown
    assert post(client, "/setup/listen", **feed, save="1") == (303, "/setup/wake?done=saved")
    with home.store.read() as conn:
        (made,) = listed(conn, SourceDef)
    assert made.value.settings["url"] == f"{world.url}/feed"


def test_networks_are_asked_for_the_proposed_query_without_scripts_and_a_failure_stands_on_its_own_line(
    home: SeededApp, loopback: Loopback
) -> None:
    world = loopback.begin(NETWORKS["hackernews"])
    world.posts = [
        Post(n, text, home.clock.now() - timedelta(minutes=n))
        for n, text in enumerate(("De ketel & meer", "Iets anders"), 1)
    ]
    home.app.state.tocsin.look_at = (
        OpenNetwork("hackernews", lambda _: {"site": world.url}),
        OpenNetwork("lemmy", lambda _: {"instances": "no address"}),
    )
    client = signed_in(home, "p_root")
    ketel = {"t:Ketel": "1", "shown": "Ketel", "name": "Ketel"}
    assert 'name="look" value="1"' in post(client, "/setup/brand", name="Ketel")[1]
    assert not world.requests, "nobody is asked before somebody wants it"
    status, shown = post(client, "/setup/brand", **ketel, look="1")
    assert status == 200 and '<mark class="hit">ketel</mark> &amp; meer' in shown
    assert "Of 2 posts that came, 1 match. By day 2026-11-22 1" in words(shown) and "lemmy:" in words(shown)
    assert 'name="t:Ketel" value="1" checked' in shown, "the form stands as it was"
    with home.store.read() as conn:
        assert listed(conn, Monitor) == []
    for _ in range(6):
        status, shown = post(client, "/setup/brand", **ketel, look="1")
    assert status == 429, "not more often than six times a minute"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"kind": "email", "to": "nobody"}, "to"),
        ({"kind": "email", "to": "a@b.example\r\nBcc: c@d.example"}, "to"),
        ({"kind": "webhook", "to": "ftp://x"}, "to"),
        ({"kind": "webhook", "to": "https://x.example/", "secret": "env:TOCSIN_KEY"}, "secret"),
        ({"kind": "webhook", "to": "https://x.example/", "secret": "file:/etc/passwd"}, "secret"),
        ({"kind": "apprise", "to": "no address"}, "to"),
        ({"kind": "fax", "to": "1"}, "kind"),
    ],
)
def test_a_wrong_channel_is_said_at_its_field_and_keeps_what_was_typed(
    home: SeededApp, fields: dict[str, str], fault: str
) -> None:
    status, shown = post(signed_in(home, "p_root"), "/setup/wake", **fields)
    assert status == 422 and f'id="fault-{fault}"' in shown
    assert f'value="{fields["to"].split()[0]}' in shown


@pytest.mark.slow("asks for many answers")
def test_a_channel_pages_only_when_its_code_was_typed_and_the_rest_is_made_then(home: SeededApp) -> None:
    client, phone = signed_in(home, "p_root"), Phone()
    assert post(client, "/setup/wake", kind="email", to="robin@orvane.example")[0] == 303
    with home.store.read() as conn:
        assert find(conn, Person, "p_root").value.channels == ()
    shown = page(client, "/setup/wake")
    waiting = WAITING.search(shown)
    assert waiting and "waits for its code" in shown and "robin@orvane.example" in shown
    assert waiting[1] in page(client, "/me"), "it is found again elsewhere"
    assert "has not arrived" not in shown
    refused = Outcome("failed", "refused: 550 no such mailbox", for_good=True)
    delivered(home, Phone([refused]))
    for place in ("/setup/wake", "/me", "/people/p_root"):
        assert "The test page has not arrived: refused: 550 no such mailbox" in words(page(client, place)), (
            place
        )
    change(home, "p_root", language="tr")
    assert "Deneme bildirimi ulaşmadı: reddedildi: 550 no such mailbox" in words(page(client, "/me"))
    change(home, "p_root", language=None)
    assert post(client, f"/me/waiting/{waiting[1]}/test")[0] == 303
    delivered(home, phone)
    assert "has not arrived" not in page(client, "/setup/wake"), "the newest one has"
    code = CODE.search(phone.got[-1].subject)
    assert code and phone.got[-1].target == {"to": "robin@orvane.example"}
    prove = f"/me/waiting/{waiting[1]}/prove"
    wrong = f"{(int(code[1]) + 1) % 10**6:06d}"
    assert post(client, prove, code=wrong, back="setup") == (303, "/setup/wake?done=wrong_code#channels")
    assert post(client, prove, code=code[1], back="setup") == (303, "/setup/wake?done=proven#channels")
    with home.store.read() as conn:
        root = find(conn, Person, "p_root").value
        policy = find(conn, Policy, "default").value
    assert [one.target for one in root.channels] == [{"to": "robin@orvane.example"}]
    assert policy.steps[0].targets == ("person:Ada Yılmaz", "person:Robin Admin"), (
        "who was woken before still is"
    )
    assert policy.steps[1].targets == ("person:Pim de Wit",)
    assert "proven" in words(page(client, "/setup/wake"))
    status, shown = post(client, "/setup/wake", kind="email", to="robin@orvane.example")
    assert status == 422 and "You have this channel already." in shown
    assert post(client, "/setup/ring")[1] == "/setup/ring?done=paged"
    assert "What happened to the test page" in words(page(client, "/setup/ring"))
    delivered(home, phone)
    assert phone.got[-1].subject.startswith("TEST") and not CODE.search(phone.got[-1].subject)
    assert "Nothing came" in words(page(client, "/setup/ring"))
    status, place = post(client, "/setup/ring", said="silent")
    assert "the mail server is wrong" in page(client, place)
    assert post(client, "/setup/ring")[1] == "/setup/ring?done=paged"
    delivered(home, Phone([refused]))
    assert "failed refused: 550 no such mailbox" in words(page(client, "/setup/ring"))
    status, place = post(client, "/setup/ring", said="rang")
    assert place == "/setup?done=rang" and "It rang." in page(client, place)
    assert [what for what, _ in told(home)][-1] == "setup.rang"
    assert post(client, "/me/channels/0/remove")[1] == "/me?done=removed#channels"
    with home.store.read() as conn:
        assert find(conn, Person, "p_root").value.channels == ()


@pytest.mark.slow("asks for many answers")
def test_a_typed_secret_lies_in_a_file_and_never_in_a_definition_and_the_export_applies_again(
    home: SeededApp, tmp_path: Path
) -> None:
    client, phone = signed_in(home, "p_root"), Phone()
    post(client, "/setup/wake", kind="apprise", to="ntfy://ntfy.example/very-secret-topic")
    post(client, "/setup/wake", kind="webhook", to="https://chat.example/hook")
    delivered(home, phone)
    shown = page(client, "/setup/wake")
    assert "very-secret-topic" not in shown
    codes = [code[1] for one in phone.got if (code := CODE.search(one.subject))]
    for key in WAITING.findall(shown):
        answers = [post(client, f"/me/waiting/{key}/prove", code=code)[1] for code in codes]
        assert sum("done=proven" in one for one in answers) == 1
    files = list((tmp_path / "secrets").iterdir())
    assert "ntfy://ntfy.example/very-secret-topic" in {one.read_text() for one in files}
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}
    with home.store.read() as conn:
        text = written(stored_sections(conn))
        assert "very-secret-topic" not in text and "chat.example/hook" in text
        assert plan(conn, yaml.safe_load(text)) == []


def test_who_is_no_administrator_adds_a_channel_and_names_no_secret_of_the_machine(home: SeededApp) -> None:
    client = signed_in(home, "p_pim")
    token = CSRF.search(page(client, "/me"))
    assert token
    named = {"csrf": token[1], "kind": "apprise", "to": "env:SOMETHING"}
    assert client.post("/me/channels", data=named).status_code == 422
    added = client.post("/me/channels", data={"csrf": token[1], "kind": "email", "to": "pim@orvane.example"})
    assert added.headers["location"] == "/me?done=rung#channels"
    waiting = WAITING.search(page(client, "/me"))
    assert waiting
    dropped = client.post(f"/me/waiting/{waiting[1]}/drop", data={"csrf": token[1]})
    assert dropped.status_code == 303 and WAITING.search(page(client, "/me")) is None
