"""Answers that many ask for at once: rendered once for each ETag, and handed out as they are.

Fifty dashboards ask for the same list each second. After each change of an alert all of them would have it rendered anew, and
an acknowledgement would wait behind them. A tag names path, query, role and state, so equal tags have equal answers.
"""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from tocsin.reading.unpacked import GZIP_MAGIC

MOST_BYTES = 4 * 1024 * 1024
COMPRESS_LEVEL, COMPRESS_FROM = 4, 1000
"""The level of gzip of every answer, and the bytes from which on it is worth it."""


@dataclass(slots=True)
class _Answer:
    lock: threading.Lock = field(default_factory=threading.Lock)
    body: bytes | None = None


class Rendered:
    """The answers that were asked for last, `most` bytes in all. Threads may use it at once: a second one waits for the first."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._size = 0
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
                self._keep(tag, answer, len(answer.body))
            return answer.body

    def ready(self, tag: str) -> bytes | None:
        """The answer with this tag, where it is made already. Waits for no rendering."""
        with self._lock:
            answer = self._answers.get(tag)
            if answer is None or answer.body is None:
                return None
            self._answers.move_to_end(tag)
            return answer.body

    def _keep(self, tag: str, answer: _Answer, size: int) -> None:
        with self._lock:
            if self._answers.get(tag) is not answer:
                # Others have pushed it out while it was made.
                return
            self._size += size
            while self._size > self._most and self._answers:
                _, oldest = self._answers.popitem(last=False)
                self._size -= len(oldest.body or b"")


async def shared_answer(
    request: Request, rendered: Rendered, tag: str, make: Callable[[], bytes]
) -> Response:
    """The answer with this tag, as JSON, compressed where the caller takes that: both are made once for all who ask."""
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")

    def body() -> bytes:
        plain = rendered.get(tag, make)
        if takes_gzip and len(plain) >= COMPRESS_FROM:
            return rendered.get(f"{tag} gzip", lambda: gzip.compress(plain, COMPRESS_LEVEL, mtime=0))
        return plain

    ready = rendered.ready(f"{tag} gzip" if takes_gzip else tag)
    shown = ready if ready is not None else await run_in_threadpool(body)
    headers = {"ETag": tag}
    if shown.startswith(GZIP_MAGIC):
        # Of all others the middleware says that they vary.
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(shown, media_type="application/json", headers=headers)
