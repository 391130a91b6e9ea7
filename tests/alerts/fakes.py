"""Hand-made notifiers. They pass the same contract as the real ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from alerts.notifiers.port import Notice, Notifier, Outcome


class Phone:
    """A notifier that keeps every notice it gets. It answers with the next of `outcomes`, then with `sent` for ever."""

    kind = "phone"

    def __init__(
        self, outcomes: Sequence[Outcome] = (), honours_id: bool = False, kind: str = "phone"
    ) -> None:
        self.kind, self.honours_id = kind, honours_id
        self.time_limit = timedelta(seconds=5)
        self.got: list[Notice] = []
        self._outcomes = list(outcomes)
        self._lock = threading.Lock()

    def send(self, notice: Notice) -> Outcome:
        with self._lock:
            self.got.append(notice)
            return self._outcomes.pop(0) if self._outcomes else Outcome("sent", "it rang")


class OneForAll(Mapping[str, Notifier]):
    """The same notifier for every channel."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def __getitem__(self, kind: str) -> Notifier:
        return self._notifier

    def __iter__(self) -> Iterator[str]:
        return iter((self._notifier.kind,))

    def __len__(self) -> int:
        return 1
