"""The notifier that sends nothing: replays and back-tests may use no other."""

from __future__ import annotations

from datetime import timedelta

from alerts.notifiers.port import Notice, Outcome


class RecordNotifier:
    """Answers `sent`; the outbox row is the record. Nobody is reached."""

    kind = "record"
    honours_id = True
    time_limit = timedelta(seconds=1)

    def send(self, notice: Notice) -> Outcome:
        return Outcome("sent", f"recorded for {notice.person}; a replay reaches nobody")
