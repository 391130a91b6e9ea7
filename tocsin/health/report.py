"""What each part last said of itself: one row per component, read by the auditor, `tocsin doctor` and the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from tocsin.store import schema as s
from tocsin.store.port import Store

EVERY = timedelta(seconds=10)

State = Literal["ok", "degraded", "blind", "failed"]


class Reporter:
    """Writes one component's row, at most every `EVERY` while its state stays the same."""

    def __init__(self, store: Store, component: str) -> None:
        self._store = store
        self._component = component
        self._last: tuple[datetime, State] | None = None

    def say(self, now: datetime, state: State, **detail: Any) -> None:
        """Report, if it is time or the state has changed. Raises `StoreUnavailable` when it cannot."""
        if self._last is not None and self._last[1] == state and now - self._last[0] < EVERY:
            return
        row: Mapping[str, Any] = {"component": self._component, "at": now, "state": state, "detail": detail}
        with self._store.write(alone=False) as conn:
            self._store.put(conn, s.health, [row])
        self._last = (now, state)
