"""The contract of every notifier, the fakes included. A test module makes each notifier with its peer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.notifiers.port import Notice, Notifier

LONGEST = timedelta(minutes=2)
SENT_AT = datetime(2031, 3, 5, 10, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Bench:
    """A notifier with a target that works, others that do not, and what its peer has received."""

    notifier: Notifier
    good: dict[str, Any]
    # Everything that arrived, as text.
    received: Callable[[], str]
    # Targets with wrong settings.
    unusable: list[dict[str, Any]] = field(default_factory=list)
    # A target where nobody listens.
    unreachable: dict[str, Any] | None = None
    # A notifier and a target that takes the notice and never answers.
    silent: tuple[Notifier, dict[str, Any]] | None = None
    # a target whose receiver asks not to be asked again for ninety seconds
    pausing: dict[str, Any] | None = None
    secrets: tuple[str, ...] = ()


MakeBench = Callable[[], AbstractContextManager[Bench]]


def notice(target: dict[str, Any], **values: Any) -> Notice:
    """A plain notice, with `values` changed."""
    plain: dict[str, Any] = {
        "id": "ntc_0123456789abcdef0123",
        "alert_id": "al_0123456789abcdef0123",
        "escalation_id": None,
        "person_id": "person_ada",
        "person": "ada",
        "channel": "any",
        "target": target,
        "kind": "page",
        "severity": 2,
        "subject": "SEV2 Lumo: 5.6x the expected talk",
        "text": "SEV2 Lumo: 5.6x the expected talk\n. a line that begins with a dot\nîn bucătărie, mutfağında\n",
        "html": "<!doctype html><p>SEV2 Lumo</p>",
        "facts": {"link": "https://tocsin.example/alerts/x", "severity": 2},
        "created_at": SENT_AT,
    }
    return Notice(**plain | values)


class NotifierContract:
    """Subclasses give `bench`, a fixture."""

    def test_it_says_what_it_is(self, bench: Bench) -> None:
        assert bench.notifier.kind
        assert bench.notifier.honours_id in (True, False)
        assert timedelta(0) < bench.notifier.time_limit <= LONGEST

    def test_a_good_notice_is_sent_and_arrives(self, bench: Bench) -> None:
        outcome = bench.notifier.send(notice(bench.good))
        assert outcome.status == "sent", outcome
        assert "SEV2 Lumo" in bench.received()

    def test_a_repeat_is_marked(self, bench: Bench) -> None:
        text = "Repeat: it is not known whether you got this.\nSEV2 Lumo\n"
        outcome = bench.notifier.send(notice(bench.good, kind="repeat", repeat_of="ntc_first", text=text))
        assert outcome.status == "sent"
        assert "repeat" in bench.received().lower()

    def test_a_target_that_is_set_up_wrongly_has_failed_for_good(self, bench: Bench) -> None:
        for target in bench.unusable:
            outcome = bench.notifier.send(notice(target))
            assert (outcome.status, outcome.for_good) == ("failed", True), (target, outcome)

    def test_nobody_there_is_not_sent_and_never_raises(self, bench: Bench) -> None:
        if bench.unreachable is not None:
            outcome = bench.notifier.send(notice(bench.unreachable))
            assert outcome.status in ("failed", "unknown") and not outcome.for_good, outcome

    def test_silence_ends_in_time_and_is_not_called_sent(self, bench: Bench) -> None:
        if bench.silent is not None:
            notifier, target = bench.silent
            assert notifier.send(notice(target)).status in ("failed", "unknown")

    def test_a_receiver_that_asks_for_a_pause_is_not_called_gone(self, bench: Bench) -> None:
        if bench.pausing is not None:
            outcome = bench.notifier.send(notice(bench.pausing))
            assert (outcome.status, outcome.for_good) == ("failed", False), outcome
            assert outcome.pause == timedelta(seconds=90)

    def test_a_subject_with_a_line_break_never_raises(self, bench: Bench) -> None:
        outcome = bench.notifier.send(notice(bench.good, subject="SEV2\r\nBcc: eve@example.org"))
        assert outcome.status in ("sent", "failed")
        assert "\nBcc: eve@example.org" not in bench.received()

    def test_the_detail_is_one_line_without_secrets(self, bench: Bench) -> None:
        for target in (bench.good, *bench.unusable):
            detail = bench.notifier.send(notice(target)).detail
            assert "\n" not in detail
            assert not any(secret in detail for secret in bench.secrets)
