"""The notifier that sends nothing. Replays and back-tests may use no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from alerts.notifiers.port import Notice, Notifier, Outcome


class RecordNotifier:
    """Answers `sent`; the outbox row is the record. The notifier reaches nobody, so the outbox needs no attempt on
    record first.
    """

    kind = "record"
    honours_id = True
    time_limit = timedelta(seconds=1)

    def send(self, notice: Notice) -> Outcome:
        return Outcome("sent", f"recorded for {notice.person}; a replay reaches nobody")

    @staticmethod
    def for_every_channel() -> Mapping[str, Notifier]:
        """A mapping that records every notice, whatever its channel."""
        return _Everywhere()


class _Everywhere(Mapping[str, Notifier]):
    def __init__(self) -> None:
        self._record = RecordNotifier()

    def __getitem__(self, kind: str) -> Notifier:
        return self._record

    def __iter__(self) -> Iterator[str]:
        return iter((self._record.kind,))

    def __len__(self) -> int:
        return 1
