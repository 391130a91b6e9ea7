"""Answers that many ask for at once: rendered once for each ETag, and handed out as they are.

Fifty dashboards ask for the same list each second. After each change of an alert all of them would have it rendered anew, and
an acknowledgement would wait behind them. A tag names path, query, role and state, so equal tags have equal answers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class _Answer:
    lock: threading.Lock = field(default_factory=threading.Lock)
    body: bytes | None = None


class Rendered:
    """The answers that were asked for last, `most` bytes in all. Threads may use it at once: a second one waits for the first."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, tag: str, make: Callable[[], bytes]) -> bytes:
        """The answer with this tag; `make` makes it where nobody has yet."""
        with self._lock:
            answer = self._answers.setdefault(tag, _Answer())
            self._answers.move_to_end(tag)
        with answer.lock:
            if answer.body is None:
                answer.body = make()
                self._forget()
            return answer.body

    def ready(self, tag: str) -> bytes | None:
        """The answer with this tag, where it is made already. Waits for nobody."""
        answer = self._answers.get(tag)
        return answer.body if answer else None

    def _forget(self) -> None:
        with self._lock:
            size = sum(len(one.body or b"") for one in self._answers.values())
            while size > self._most and self._answers:
                _, oldest = self._answers.popitem(last=False)
                size -= len(oldest.body or b"")
