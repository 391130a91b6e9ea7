"""Receivers that misbehave as real ones do, by real sockets and on a simulated clock: no crisis falls silent or rings twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.engine import anything_due
from alerts.notifiers.email import EmailNotifier
from alerts.notifiers.webhook import WebhookNotifier
from alerts.outbox.deliver import deliver_due, due
from alerts.outbox.retries import ATTEMPTS
from tests.alerts.peers import HttpPeer, SmtpPeer, http_peer, smtp_peer
from tests.alerts.scene import POLICY, Scene
from tests.alerts.test_engine import CRISIS
from tests.contracts.examples import examples
from tocsin.definitions.models import Channel, Person, Role
from tocsin.settings import Smtp
from tocsin.store import schema as s

SECRET = "whsec_" + "bWFkZSB1cCBmb3IgdGVzdHMgb25seQ=="
STEP = timedelta(seconds=15)


class House:
    """Ada by webhook, then Ben by mail, and their receivers."""

    def __init__(self, folder: Path, hook: HttpPeer, mail: SmtpPeer, url: str = "") -> None:
        target = {"kind": "webhook", "url": url or hook.url, "secret": "env:STRANGE_HOOK"}
        ada = Person(name="ada", role=Role.ADMIN, channels=(Channel.model_validate(target),))
        ben = Person(name="ben", role=Role.ADMIN, email="ben@example.org")
        self.scene = Scene(folder, people=(ada, ben), policy=POLICY)
        self.hook, self.mail = hook, mail
        limit = timedelta(seconds=0.1)
        smtp = Smtp(host="127.0.0.1", port=mail.port, security="none", timeout_s=0.3, sender="t@example.org")
        self.notifiers = {
            "webhook": WebhookNotifier(["127.0.0.0/8"], limit, self.scene.clock),
            "email": EmailNotifier(smtp),
        }

    def play(self, **span: float) -> None:
        """Let the worker work, and look after each step whether the crisis still has its time."""
        for _ in range(timedelta(**span) // STEP):
            self.scene.clock.advance(STEP)
            for _ in range(20):
                with self.scene.store.read() as conn:
                    if not (anything_due(conn, self.scene.now) or due(conn, self.scene.now)):
                        break
                self.scene.step()
                deliver_due(self.scene.store, self.scene.clock, self.notifiers, "test")
            alert = self.scene.alert()
            assert alert.next_step_at is not None
            assert self.scene.now < alert.next_step_at <= self.scene.now + timedelta(minutes=15)

    def taken(self) -> Counter[str]:
        """How often the webhook's receiver has taken each notice, by id."""
        return Counter(
            headers["webhook-id"]
            for (headers, _), status in zip(self.hook.requests, self.hook.answered, strict=False)
            if status < 300
        )

    def outcomes(self, notice: str) -> list[str]:
        """How each attempt of a notice ended, by its receipts."""
        r = s.receipts.c
        with self.scene.store.read() as conn:
            found = conn.execute(select(r.outcome).where(r.notice_id == notice).order_by(r.at, r.attempt))
            return list(found.scalars())


@contextmanager
def house(
    folder: Path, statuses: list[int], mail: str = "ok", url: str = "", *, silent: bool = False
) -> Iterator[House]:
    with http_peer(statuses, silent) as hook, smtp_peer(mail) as server:
        one = House(folder, hook, server, url)
        one.scene.over(**CRISIS)
        yield one
        one.scene.store.close()


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRANGE_HOOK", SECRET)


@pytest.mark.hypothesis
@pytest.mark.slow("plays minutes against sockets; in `make chaos` an hour")
def test_a_webhook_that_answers_500_for_long_rings_again_when_it_is_well(tmp_path: Path) -> None:
    with house(tmp_path, [500] * 10_000, mail="refuse_greeting") as one:
        minutes = min(60, examples(5))
        one.play(minutes=minutes)
        assert one.taken() == Counter()
        tries = len(one.hook.requests)
        assert tries < 12 + 2.5 * minutes, (
            "a receiver that is away is asked about once a minute, and by each ring"
        )
        one.hook.statuses.clear()
        one.play(minutes=2)
        assert one.taken() and set(one.taken().values()) == {1}


@pytest.mark.slow("a whole story")
@pytest.mark.parametrize(
    ("statuses", "mail"),
    [
        ([429, 429], "ok"),
        ([503, 500], "refuse_greeting"),
        # No redirect is followed: the notice fails for good, and the next person is asked.
        ([302] * 3, "ok"),
        # Greylisted.
        ([200] * 99, "busy_rcpt"),
        ([200] * 99, "refuse_rcpt"),
    ],
)
def test_somebody_is_rung_within_a_minute_whatever_one_receiver_does(
    tmp_path: Path, statuses: list[int], mail: str
) -> None:
    with house(tmp_path, statuses, mail) as one:
        one.play(minutes=1)
        assert one.taken() or one.mail.messages
        assert set(one.taken().values()) <= {1}
        one.play(minutes=2)


@pytest.mark.slow("waits for time-outs")
@pytest.mark.parametrize("url", ["", "http://no-such-host.invalid/ring"])
def test_a_receiver_that_says_nothing_or_has_no_address_does_not_hold_up_the_next_person(
    tmp_path: Path, url: str
) -> None:
    with house(tmp_path, [], "ok", url, silent=not url) as one:
        one.play(minutes=3)
        assert len(one.mail.messages) == 1


@pytest.mark.slow("a whole story")
def test_a_receiver_that_asks_for_an_hour_is_left_alone_for_five_minutes_and_the_next_person_is_asked_at_once(
    tmp_path: Path,
) -> None:
    with house(tmp_path, [429] * 99) as one:
        one.hook.retry_after = "3600"
        one.play(seconds=15)
        assert len(one.mail.messages) == 1
        one.play(minutes=4)
        assert len(one.hook.requests) == 1
        one.hook.statuses.clear()
        one.play(minutes=2)
        assert one.taken() and set(one.taken().values()) == {1}


@pytest.mark.slow("waits for time-outs")
def test_a_receiver_that_answers_after_its_time_gets_the_same_id_again_and_nobody_calls_that_delivered(
    tmp_path: Path,
) -> None:
    with house(tmp_path, []) as one:
        one.hook.late_s = 0.3
        one.play(minutes=2)
        first = next(row.id for row in one.scene.notices() if row.person == "ada")
        assert one.taken()[first] == ATTEMPTS, "repeated under one id, which the receiver may drop"
        assert one.outcomes(first) == ["unknown"] * ATTEMPTS
        assert [row.status for row in one.scene.notices() if row.id == first] == ["unknown"]
        assert len(one.mail.messages) == 1, "the next person was asked"
        one.hook.late_s = 0.0
        one.play(minutes=2)
        assert one.outcomes(first)[ATTEMPTS:] == ["sent"]


@pytest.mark.slow("waits for a mail server that hangs")
@pytest.mark.parametrize(
    ("mail", "tried", "mails", "ends"),
    [
        ("silent", 4, 0, {"failed"}),
        ("hang_after_data", 4, 0, {"failed"}),
        # The server may have taken it: once more, as a repeat that says so.
        ("hang_after_content", 2, 2, {"unknown"}),
    ],
)
def test_a_mail_server_that_hangs_delays_nobody_elses_ring_and_has_reached_nobody(
    tmp_path: Path, mail: str, tried: int, mails: int, ends: set[str]
) -> None:
    with house(tmp_path, [500] * 4, mail) as one:
        one.play(minutes=3)
        assert (one.mail.connections, len(one.mail.messages)) == (tried, mails)
        assert {row.status for row in one.scene.notices() if row.person == "ben"} == ends
        assert one.taken() and set(one.taken().values()) == {1}
        assert "unreached" in one.scene.timeline(one.scene.alert())
