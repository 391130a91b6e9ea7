"""A mailbox over IMAP on loopback: its cursor, IDLE, hostile letters and servers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingest.kinds import make_source
from ingest.source import Cursor, Fetched, FetchFailed, Source
from ingest.sources.imap import LETTERS
from ingest.sources.imap_letter import fields
from ingest.sources.imap_mailbox import MOST_BYTES
from tests.contracts.sources import NOW
from tests.ingest.fake_imap import PASSWORD, FakeImap, Mailbox, fake_imap, letter
from tocsin.core.errors import BadMention
from tocsin.core.mention import whole
from tocsin.definitions.models import SourceDef
from tocsin.settings import Ingest

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeImap]:
    with fake_imap() as server:
        yield server


@pytest.fixture
def mailbox(server: FakeImap, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    server.mailbox = Mailbox()
    return server.mailbox


def make(server: FakeImap, timeout_s: float = 5, **settings: Any) -> Source:
    ingest = Ingest.model_validate(
        {"allowed_private_networks": ["127.0.0.0/8"], "fetch_timeout_s": timeout_s}
    )
    definition = {"name": "letters", "kind": "imap"} | server.settings(**settings)
    return make_source(SourceDef.model_validate(definition), ingest)


def all_of(source: Source, cursor: Cursor | None, now: datetime = NOW) -> tuple[list[str], Cursor | None]:
    found: list[str] = []
    while True:
        fetched = source.fetch(cursor, now)
        found += [whole(one).id for one in fetched.mentions]
        cursor = fetched.cursor
        if not fetched.more:
            return found, cursor


def test_a_letter_is_a_mention_that_was_posted_when_it_came_in(server: FakeImap, mailbox: Mailbox) -> None:
    mailbox.put(
        letter(
            "2@klant.example",
            "Su ısıtıcı patladı",
            Subject="=?utf-8?B?S2V0ZWwg8J+UpQ==?=",
            In_Reply_To="<1@wij.example>",
            References="<0@wij.example> <1@wij.example>",
            Date="Mon, 01 Jan 1990 00:00:00 +0000",
            Auto_Submitted="auto-replied",
        ),
        NOW - HOUR,
    )
    source = make(server, folder="R&&D &éən")
    (found,) = map(whole, source.fetch(None, NOW).mentions)
    source.close()
    assert (found.id, found.title, found.text) == ("2@klant.example", "Ketel 🔥", "Su ısıtıcı patladı")
    assert (found.created_at, found.network) == (NOW - HOUR, "mail")
    assert (found.in_reply_to, found.thread, found.extra) == (
        "1@wij.example",
        "0@wij.example",
        {"automatic": True},
    )
    assert found.author is not None
    assert (found.author.id, found.author.name) == ("ayse@klant.example", "Ayse")


def test_letters_come_in_parts_and_none_is_lost_or_marked_as_read(server: FakeImap, mailbox: Mailbox) -> None:
    for number in range(2 * LETTERS + 1):
        mailbox.put(letter(f"{number}@a.example"), NOW - HOUR)
    source = make(server)
    first = source.fetch(None, NOW)
    assert (len(first.mentions), first.more) == (LETTERS, True)
    source.close()
    rest, cursor = all_of(make(server), first.cursor)
    assert len(rest) == LETTERS + 1
    del mailbox.letters[41]
    assert all_of(make(server), cursor)[0] == []
    assert all("EXAMINE" in one or "SELECT" not in one for one in mailbox.commands)


def test_the_first_reading_goes_back_some_days(server: FakeImap, mailbox: Mailbox) -> None:
    mailbox.put(letter("old@a.example"), NOW - 30 * 24 * HOUR)
    mailbox.put(letter("new@a.example"), NOW - HOUR)
    assert all_of(make(server), None)[0] == ["new@a.example"]


def test_another_uidvalidity_reads_again_under_the_same_ids(server: FakeImap, mailbox: Mailbox) -> None:
    mailbox.put(letter("1@a.example"), NOW - HOUR)
    first, cursor = all_of(make(server), None)
    mailbox.validity = 8
    mailbox.put(letter("2@a.example"), NOW - HOUR)
    again, _ = all_of(make(server), cursor)
    assert (first, again) == (["1@a.example"], ["1@a.example", "2@a.example"])


def test_after_another_uidvalidity_all_is_read_since_the_last_look(
    server: FakeImap, mailbox: Mailbox
) -> None:
    mailbox.put(letter("1@a.example"), NOW - HOUR)
    _, cursor = all_of(make(server), None)
    mailbox.validity = 8
    mailbox.put(letter("2@a.example"), NOW + HOUR)
    assert "2@a.example" in all_of(make(server), cursor, NOW + 30 * 24 * HOUR)[0]


def test_while_the_server_idles_a_look_costs_no_request(server: FakeImap, mailbox: Mailbox) -> None:
    mailbox.put(letter("1@a.example"), NOW - HOUR)
    source = make(server)
    _, cursor = all_of(source, None)
    asked = len(mailbox.commands)
    assert mailbox.commands[-1] == "IDLE"
    assert [source.fetch(cursor, NOW) for _ in range(3)] == [Fetched(cursor=cursor)] * 3
    assert len(mailbox.commands) == asked
    mailbox.put(letter("2@a.example"), NOW)
    heard: list[str] = []
    # The word of the server comes from another thread.
    for _ in range(200):
        heard, after = all_of(source, cursor)
        if heard:
            break
        time.sleep(0.005)
    assert heard == ["2@a.example"]
    # Once a minute the server is asked all the same.
    asked = len(mailbox.commands)
    source.fetch(after, NOW + 2 * timedelta(minutes=1))
    assert any("SEARCH" in one for one in mailbox.commands[asked:])
    source.close()


def test_a_server_that_cannot_idle_is_asked(server: FakeImap, mailbox: Mailbox) -> None:
    mailbox.capabilities = "IMAP4rev1"
    source = make(server)
    _, cursor = all_of(source, None)
    mailbox.put(letter("1@a.example"), NOW)
    assert all_of(source, cursor)[0] == ["1@a.example"]
    assert "NOOP" in mailbox.commands
    source.close()


def test_a_lost_connection_is_a_failure_and_the_next_look_opens_another(
    server: FakeImap, mailbox: Mailbox
) -> None:
    source = make(server)
    _, cursor = all_of(source, None)
    mailbox.leave()
    mailbox.put(letter("1@a.example"), NOW)
    with pytest.raises(FetchFailed):
        source.fetch(cursor, NOW)
    mailbox.fault = None
    assert all_of(source, cursor)[0] == ["1@a.example"]
    source.close()


def test_what_is_wrong_is_said_without_the_password(
    server: FakeImap, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FetchFailed, match="no folder 'Nowhere'"):
        make(server, folder="Nowhere").fetch(None, NOW)
    monkeypatch.setenv("MAIL_PASSWORD", "secreţ")
    with pytest.raises(FetchFailed, match="letters that signing in cannot carry"):
        make(server).fetch(None, NOW)
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-and-secret")
    with pytest.raises(FetchFailed, match="refuses the user 'klachten'") as caught:
        make(server).fetch(None, NOW)
    assert "secret" not in str(caught.value)


def test_a_token_of_oauth_signs_in_as_well(
    server: FakeImap, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.put(letter("1@a.example"), NOW - HOUR)
    assert all_of(make(server, sign_in="token"), None)[0] == ["1@a.example"]
    monkeypatch.setenv("MAIL_PASSWORD", "stale-and-secret")
    with pytest.raises(FetchFailed, match="refuses the user 'klachten' or the token"):
        make(server, sign_in="token").fetch(None, NOW)


def test_a_private_address_that_is_not_listed_is_refused(server: FakeImap, mailbox: Mailbox) -> None:
    definition = {"name": "letters", "kind": "imap"} | server.settings()
    source = make_source(SourceDef.model_validate(definition), Ingest.model_validate({}))
    with pytest.raises(FetchFailed, match="allowed_private_networks"):
        source.fetch(None, NOW)


@pytest.mark.parametrize(
    "fault",
    [
        b"* OK hello\r\n* 1 EXISTS\r\n",
        b"* OK hello {99999999999}\r\n",
        b"x" * 2_000_000,
        b"* PREAUTH\r\n" * 1000,
        b"\x00\xff\r\n",
    ],
    ids=range(5),
)
def test_a_server_that_talks_rubbish_is_a_failure(server: FakeImap, mailbox: Mailbox, fault: bytes) -> None:
    mailbox.fault = fault
    with pytest.raises(FetchFailed):
        make(server).fetch(None, NOW)


def test_a_server_that_says_nothing_is_left_in_time(server: FakeImap, mailbox: Mailbox) -> None:
    mailbox.fault = b""
    with pytest.raises(FetchFailed):
        make(server, timeout_s=0.2).fetch(None, NOW)


def test_the_text_of_a_letter_is_what_a_person_wrote() -> None:
    parts = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
        b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nattached\r\n--x\r\n"
        b"Content-Type: text/html; charset=windows-1254\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"<p>Is=FDt=FDc=FD</p><script>x()</script><p>patlad=FD</p>\r\n--x--\r\n"
    )
    assert fields(parts, NOW, "7.1", "mail")["text"] == "Isıtıcı\npatladı"
    assert fields(letter("", Message_ID="", text="hallo"), NOW, "7.1", "mail")["id"] == "7.1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 1000,
        b"Subject: " + b"=?utf-8?B?" * 5000 + b"\r\n\r\nx",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\nx",
        b"Content-Type: text/plain; charset=zip\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"From: " + b"(" * 20_000 + b"\r\nSubject: x\r\n\r\ny",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 3000,
        b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n\r\n",
    ],
    ids=range(8),
)
def test_a_letter_that_is_none_spoils_only_itself(data: bytes) -> None:
    begun = time.process_time()
    try:
        assert fields(data, NOW, "7.1", "mail")["id"]
    except BadMention as error:
        assert error.reason == "malformed"
    assert time.process_time() - begun < 0.5


def test_there_is_a_most_of_all_that_is_read() -> None:
    assert MOST_BYTES > LETTERS * 512 * 1024
