"""Every notifier against a real peer on loopback, tested by one contract."""

from __future__ import annotations

import email
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.policy import SMTP, default
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from alerts.notifiers import apprise
from alerts.notifiers.apprise import AppriseNotifier
from alerts.notifiers.console import ConsoleNotifier
from alerts.notifiers.email import EmailNotifier, message
from alerts.notifiers.record import RecordNotifier
from alerts.notifiers.registry import KINDS, notifiers
from alerts.notifiers.webhook import WebhookNotifier
from tests.alerts.fakes import Phone
from tests.alerts.peers import closed_port, http_peer, smtp_peer
from tests.contracts.notifiers import SENT_AT, Bench, NotifierContract, notice
from tocsin.core.clock import SimulatedClock, SystemClock
from tocsin.core.errors import WrongInput
from tocsin.net import check_host
from tocsin.settings import Settings, Smtp

# Apprise itself imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

LOOPBACK = ("127.0.0.0/8",)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHORT = timedelta(seconds=0.3)


@contextmanager
def webhook_bench(folder: Path) -> Iterator[Bench]:
    secret = folder / "secret"
    secret.write_text(SECRET)
    (folder / "bad").write_text("whsec_!")
    with http_peer() as peer, http_peer(silent=True) as mute, http_peer([503] * 9) as busy:
        busy.retry_after = "90"
        good = {"url": peer.url, "secret": f"file:{secret}"}
        yield Bench(
            WebhookNotifier(LOOPBACK, timedelta(seconds=5)),
            good,
            lambda: "\n".join(body.decode() for _, body in peer.requests),
            unusable=[
                {},
                {"url": peer.url},
                {"url": peer.url, "secret": SECRET},
                {"url": peer.url, "secret": f"file:{folder / 'nowhere'}"},
                {"url": peer.url, "secret": f"file:{folder / 'bad'}"},
                good | {"url": "ftp://127.0.0.1/"},
                good | {"url": "http://10.0.0.1/"},
            ],
            unreachable=good | {"url": f"http://127.0.0.1:{closed_port()}/"},
            silent=(WebhookNotifier(LOOPBACK, SHORT), good | {"url": mute.url}),
            pausing=good | {"url": busy.url},
            secrets=(SECRET,),
        )


@contextmanager
def email_bench(folder: Path) -> Iterator[Bench]:
    with smtp_peer() as peer, smtp_peer("silent") as mute:
        smtp = Smtp(host="127.0.0.1", port=peer.port, security="none", timeout_s=5)
        yield Bench(
            EmailNotifier(smtp),
            {"to": "ada@example.org"},
            lambda: "\n".join(_readable(one) for one in peer.messages),
            unusable=[
                {},
                {"to": "nobody"},
                {"to": "ada@example.org\r\nBcc: eve@example.org"},
                {"to": "ada@example.org, eve@example.org"},
                {"to": "<ada@example.org> SIZE=1"},
            ],
            silent=(
                EmailNotifier(smtp.model_copy(update={"port": mute.port, "timeout_s": 0.3})),
                {"to": "a@example.org"},
            ),
        )


@contextmanager
def apprise_bench(folder: Path) -> Iterator[Bench]:
    with http_peer() as peer, http_peer(silent=True) as mute:

        def reference(name: str, text: str) -> dict[str, str]:
            (folder / name).write_text(text)
            return {"url": f"file:{folder / name}"}

        there = peer.url.removeprefix("http://")
        yield Bench(
            AppriseNotifier(timedelta(seconds=10), LOOPBACK),
            reference("good", f"json://{there}"),
            lambda: "\n".join(body.decode("unicode-escape") for _, body in peer.requests),
            unusable=[
                {},
                {"url": f"json://{there}"},
                reference("none", "no-such-service://hello"),
                reference("two", f"json://{there}, json://{there}"),
            ],
            unreachable=reference("away", f"json://127.0.0.1:{closed_port()}/"),
            silent=(
                AppriseNotifier(SHORT, LOOPBACK),
                reference("mute", f"json://{mute.url.removeprefix('http://')}"),
            ),
        )


@contextmanager
def console_bench(folder: Path) -> Iterator[Bench]:
    out = io.StringIO()
    yield Bench(ConsoleNotifier(out), {}, out.getvalue)


@contextmanager
def record_bench(folder: Path) -> Iterator[Bench]:
    record = RecordNotifier()
    details = [record.send(notice({})).detail]
    yield Bench(record, {}, lambda: f"SEV2 Lumo repeat {details}")


@contextmanager
def phone_bench(folder: Path) -> Iterator[Bench]:
    phone = Phone()
    yield Bench(phone, {}, lambda: "\n".join(one.text for one in phone.got))


BENCHES = {
    "apprise": apprise_bench,
    "console": console_bench,
    "email": email_bench,
    "phone": phone_bench,
    "record": record_bench,
    "webhook": webhook_bench,
}


class TestEveryNotifier(NotifierContract):
    @pytest.fixture(params=BENCHES)
    def bench(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
        with BENCHES[request.param](tmp_path) as made:
            yield made


def _readable(message: bytes) -> str:
    """The message as text: its headers as they went over the wire, and its parts decoded."""
    mail = email.message_from_bytes(message, policy=default)
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return message.decode() + "\n".join(parts)


def test_every_registered_notifier_stands_in_the_contract() -> None:
    assert set(KINDS) <= set(BENCHES)
    assert {kind: one.kind for kind, one in notifiers(Settings()).items()} == {kind: kind for kind in KINDS}


def test_a_webhook_is_signed_over_the_notice_id_and_time(tmp_path: Path) -> None:
    with webhook_bench(tmp_path) as bench, http_peer() as peer:
        WebhookNotifier(LOOPBACK, clock=SystemClock()).send(notice(bench.good | {"url": peer.url}))
        headers, body = peer.requests[0]
        assert headers["webhook-id"] == "ntc_0123456789abcdef0123"
        data = Webhook(SECRET).verify(body, headers)
        assert data["data"]["alert_id"] == "al_0123456789abcdef0123"
        with pytest.raises(Exception, match="signature"):
            Webhook(SECRET).verify(body.replace(b"Lumo", b"Lima"), headers)


@pytest.mark.parametrize(
    ("status", "outcome", "for_good"),
    [
        (204, "sent", False),
        (302, "failed", True),
        (400, "failed", True),
        (404, "failed", True),
        (410, "failed", True),
        (408, "failed", False),
        (429, "failed", False),
        (500, "failed", False),
        (503, "failed", False),
    ],
)
def test_what_a_webhook_answers_decides_the_outcome(
    tmp_path: Path, status: int, outcome: str, for_good: bool
) -> None:
    with webhook_bench(tmp_path) as bench, http_peer([status]) as peer:
        got = bench.notifier.send(notice(bench.good | {"url": peer.url}))
        assert (got.status, got.for_good) == (outcome, for_good)
        assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("status", "header", "pause_s"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (503, "Wed, 05 Mar 2031 10:02:00 GMT", 120),
        (429, "Wed, 05 Mar 2031 09:00:00 GMT", None),
        (429, "9" * 400, 86_400),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        (429, "", None),
        (429, "soon", None),
        (429, "-5", None),
        (429, "1e9", None),
        (429, "\u0664", None),
        (500, "120", None),
        (404, "120", None),
    ],
)
def test_a_receiver_may_ask_for_a_pause_in_seconds_or_by_a_date(
    tmp_path: Path, status: int, header: str, pause_s: int | None
) -> None:
    with webhook_bench(tmp_path) as bench, http_peer([status]) as peer:
        peer.retry_after = header.encode().decode("latin-1")
        hook = WebhookNotifier(LOOPBACK, clock=SimulatedClock(SENT_AT))
        got = hook.send(notice(bench.good | {"url": peer.url}))
        assert got.status == "failed"
        assert got.pause == (None if pause_s is None else timedelta(seconds=pause_s))


def test_a_webhook_that_takes_the_request_and_says_nothing_is_unknown(tmp_path: Path) -> None:
    with webhook_bench(tmp_path) as bench:
        assert bench.silent is not None
        mute, target = bench.silent
        assert mute.send(notice(target)).status == "unknown"


def test_a_webhook_to_a_private_address_is_refused_unless_listed(tmp_path: Path) -> None:
    with webhook_bench(tmp_path) as bench:
        got = WebhookNotifier(()).send(notice(bench.good))
        assert (got.status, got.for_good) == ("failed", True)
        assert "loopback" in got.detail
        assert bench.received() == ""


def test_the_signature_carries_the_clock_that_was_given(tmp_path: Path) -> None:
    with webhook_bench(tmp_path) as bench, http_peer() as peer:
        WebhookNotifier(LOOPBACK, clock=SimulatedClock(SENT_AT)).send(notice(bench.good | {"url": peer.url}))
        assert peer.requests[0][0]["webhook-timestamp"] == str(int(SENT_AT.timestamp()))


@pytest.mark.parametrize(
    ("behaviour", "outcome", "for_good"),
    [
        ("ok", "sent", False),
        ("refuse_greeting", "failed", False),
        ("refuse_rcpt", "failed", True),
        ("busy_rcpt", "failed", False),
        ("refuse_content", "failed", True),
        ("drop_after_content", "unknown", False),
        ("silent", "failed", False),
        ("hang_after_data", "failed", False),
        ("hang_after_content", "unknown", False),
    ],
)
def test_where_a_mail_breaks_decides_the_outcome(behaviour: str, outcome: str, for_good: bool) -> None:
    with smtp_peer(behaviour) as peer:
        limit = 0.4 if behaviour.startswith(("silent", "hang")) else 5
        mail = EmailNotifier(Smtp(host="127.0.0.1", port=peer.port, security="none", timeout_s=limit))
        got = mail.send(notice({"to": "ada@example.org"}))
        assert (got.status, got.for_good) == (outcome, for_good), got


def test_a_mail_server_that_is_away_has_failed_and_is_tried_again() -> None:
    got = EmailNotifier(Smtp(host="127.0.0.1", port=closed_port(), security="none")).send(
        notice({"to": "a@example.org"})
    )
    assert (got.status, got.for_good) == ("failed", False)


def test_a_mail_has_the_notice_id_as_message_id_and_two_readable_parts() -> None:
    with smtp_peer() as peer:
        smtp = Smtp(host="127.0.0.1", port=peer.port, security="none", sender="Tocsin <pager@example.org>")
        EmailNotifier(smtp).send(notice({"to": "ada@example.org"}))
        mail = email.message_from_bytes(peer.messages[0], policy=default)
    assert mail["Message-ID"] == "<ntc_0123456789abcdef0123@example.org>"
    assert (mail["From"], mail["To"]) == ("Tocsin <pager@example.org>", "ada@example.org")
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = (part.get_content() for part in mail.iter_parts())
    assert ". a line that begins with a dot\nîn bucătărie, mutfağında" in plain.replace("\r\n", "\n")
    assert "<p>SEV2 Lumo</p>" in html
    assert "MAIL FROM:<pager@example.org>" in peer.commands


def test_a_mail_does_not_begin_with_its_subject_again() -> None:
    sent = notice({"to": "ada@example.org"}, subject="SEV2 Lumo", text="SEV2 Lumo\n“the top post”\n")
    plain = message(sent, "ada@example.org", "pager@example.org").get_body(("plain",))
    assert plain is not None and plain.get_content() == "“the top post”\n"


OUR_HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Importance",
    "MIME-Version",
    "Content-Type",
}
INJECTION = "=?utf-8?q?=0aBcc:evil=40evil.example=0aX-Injected:_yes?="
NAMES = (
    *(f"Lu{char}mo" for char in "\x00\n\r\x0b\x0c\x1c\x1d\x1e\x7f\x85\u2028\u2029\u202e\u2066\ufeff"),
    "Lumo\r\nBcc: evil@evil.example",
    f"{INJECTION} {'Zürich ' * 40}",
    INJECTION,
    "Zürich 日本語 \U0001f6b2" * 20,
    "word" * 200,
)


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:24] for name in NAMES])
def test_whatever_a_monitor_is_called_its_mail_leaves_with_our_headers_and_no_other(name: str) -> None:
    sent = notice({"to": "ada@example.org"}, subject=f"SEV2 {name}: 5.6x the expected talk")
    head, _, _ = (
        message(sent, "ada@example.org", "pager@example.org").as_bytes(policy=SMTP).partition(b"\r\n\r\n")
    )
    assert b"\n" not in head.replace(b"\r\n", b"") and b"\r" not in head.replace(b"\r\n", b"")
    named = {line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"}
    assert named == OUR_HEADERS
    read = email.message_from_bytes(head, policy=default)
    assert str(read["Subject"]).startswith("SEV2 ") and "\n" not in str(read["Subject"])


def test_nothing_goes_out_in_the_clear_where_the_server_offers_no_encryption() -> None:
    with smtp_peer() as peer:
        got = EmailNotifier(Smtp(host="127.0.0.1", port=peer.port, security="starttls")).send(
            notice({"to": "ada@example.org"})
        )
        assert got.status == "failed"
        assert not any(command.startswith(("MAIL", "AUTH", "DATA")) for command in peer.commands)


def test_apprise_that_says_no_is_unknown_for_it_may_be_wrong(tmp_path: Path) -> None:
    with http_peer([500]) as peer:
        (tmp_path / "url").write_text(f"json://{peer.url.removeprefix('http://')}")
        got = AppriseNotifier(allowed_private_networks=LOOPBACK).send(
            notice({"url": f"file:{tmp_path / 'url'}"})
        )
    assert got.status == "unknown"


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("json://127.0.0.1:{port}", True),
        ("json://user:word@localhost:{port}/hook", True),
        ("ntfy://[::1]:{port}/topic", True),
        ("mailto://a:b@localhost:{port}?smtp=127.0.0.1", True),
        # Not a host: the service has an address of its own, and the token is shown to no resolver.
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyzabcdefghi/12315544", False),
    ],
)
def test_apprise_reaches_no_private_network_that_is_not_listed(url: str, refused: bool) -> None:
    import apprise as library

    service = library.Apprise.instantiate(url.format(port=80))
    hosts = list(apprise._own_hosts(service))
    if not refused:
        assert hosts == []
        return
    with pytest.raises(WrongInput, match=r"ingest\.allowed_private_networks"):
        for host, port in hosts:
            check_host(host, port)


def test_a_channel_of_apprise_in_a_private_network_has_failed_and_says_what_to_list(tmp_path: Path) -> None:
    with http_peer() as peer:
        (tmp_path / "url").write_text(f"json://{peer.url.removeprefix('http://')}")
        got = AppriseNotifier().send(notice({"url": f"file:{tmp_path / 'url'}"}))
        assert (got.status, got.for_good, peer.requests) == ("failed", True, [])
    assert "ingest.allowed_private_networks" in got.detail


def test_a_console_that_is_gone_has_failed() -> None:
    out = io.StringIO()
    out.close()
    assert ConsoleNotifier(out).send(notice({})).status == "failed"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


OWN = "https://tocsin.example/links/own"
PAGE = notice(
    {}, text=f"SEV2 Lumo\n1. [reach 5] a post\n{OWN}\n", personal_link=OWN, subject="SEV2 Lumo: 5.6x"
)


def test_the_console_prints_no_link_that_acts_and_posts_on_a_terminal_only() -> None:
    terminal, log = Terminal(), io.StringIO()
    for out in (terminal, log):
        assert ConsoleNotifier(out).send(PAGE).status == "sent"
        assert OWN not in out.getvalue() and "https://tocsin.example/alerts/x\n" in out.getvalue()
        assert "page for ada" in out.getvalue() and "SEV2 Lumo" in out.getvalue()
    assert ("a post" in terminal.getvalue(), "a post" in log.getvalue()) == (True, False)


def test_a_post_cannot_steer_the_terminal() -> None:
    out = Terminal()
    ConsoleNotifier(out).send(notice({}, text="SEV2\x1b[2J\x9b2J\n"))
    assert "\x1b" not in out.getvalue() and "\x9b" not in out.getvalue()
