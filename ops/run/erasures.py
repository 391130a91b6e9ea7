"""An erasure carried out from where it stands to its end. Each piece looks anew for rows that are left, so an erasure that was
killed goes on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from alerts.forgetting import Quotes, forget_quotes, quotes_of
from alerts.typed import forget_typed
from api import erasures
from api.erasures import Erasure, names_of, words_of
from api.refusals import forget_refusals
from ops.run.jobs import JobWorker, Kind
from ops.runtime import Runtime
from processors.forgetting import Subject, drop_sampled, erase_posts, next_posts, removals_of, sampled
from tocsin.core.errors import TocsinError
from tocsin.intake.dead_letters import drop_letters, letters_naming
from tocsin.intake.removals import note_removals
from tocsin.store.port import Store

LONGEST: Final = timedelta(hours=6)


def carry_out(runtime: Runtime, id: str) -> None:
    """Carry out the erasure with this id, which is running. One that fails says why, and may go on again."""
    with runtime.store.read() as conn:
        job = erasures.get(conn, id)
    if job.subject is None:
        return
    try:
        _Run(runtime, job, job.subject).to_the_end()
    except (TocsinError, OSError) as error:
        erasures.fail(runtime.store, id, runtime.clock.now(), str(error) or type(error).__name__)


class _Run:
    """An erasure under way."""

    def __init__(self, runtime: Runtime, job: Erasure, subject: Subject) -> None:
        self._runtime, self._store, self._job, self._subject = runtime, runtime.store, job, subject

    def to_the_end(self) -> None:
        while posts := self._next():
            self._erase(posts)
        self._samples()
        self._letters()
        self._note({"notices": forget_quotes(self._store, Quotes(frozenset(), self._names), None)})
        self._note({"refusals": forget_refusals(self._store, words_of(self._subject))})
        if self._subject.typed:
            self._note({"typed": forget_typed(self._store, words_of(self._subject))})
        with self._store.write() as conn:
            # Mentions that were handed over and are not stored yet go when they are.
            note_removals(conn, removals_of(conn, self._subject), self._runtime.clock.now())
            erasures.finish(conn, self._job.id, self._runtime.clock.now())

    def _next(self) -> Any:
        with self._store.read() as conn:
            return next_posts(conn, self._subject)

    def _erase(self, posts: Any) -> None:
        """Notices first: their quotes are found by the texts."""
        others = [row for row in posts if row.passed_on]
        quotes = quotes_of([row for row in posts if not row.passed_on], others, self._names)
        changed = forget_quotes(self._store, quotes, min(row.created_at for row in posts))
        passed_on = len(others)
        with self._store.write(alone=False) as conn:
            labels = erase_posts(conn, posts)
            counts = {"posts": len(posts) - passed_on, "reposts": passed_on}
            counts |= {"corrections": labels, "notices": changed}
            erasures.note(conn, self._job.id, self._runtime.clock.now(), counts)

    def _samples(self) -> None:
        with self._store.read() as conn:
            keys = sampled(conn, self._subject)
        with self._store.write(alone=False) as conn:
            drop_sampled(conn, keys)
            erasures.note(conn, self._job.id, self._runtime.clock.now(), {"samples": len(keys)})

    def _letters(self) -> None:
        words, after = words_of(self._subject), ""
        while words:
            with self._store.read() as conn:
                found, to = letters_naming(conn, words, after)
            if found:
                with self._store.write(alone=False) as conn:
                    drop_letters(conn, found)
                    erasures.note(conn, self._job.id, self._runtime.clock.now(), {"dead_letters": len(found)})
            if to is None:
                return
            after = to

    def _note(self, counts: dict[str, int]) -> None:
        with self._store.write(alone=False) as conn:
            erasures.note(conn, self._job.id, self._runtime.clock.now(), counts)

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(names_of(self._subject))


def eraser(runtime: Runtime) -> JobWorker:
    """The worker of erasures."""
    return JobWorker(runtime, KIND)


def _state_of(store: Store, id: str) -> str:
    with store.read() as conn:
        return erasures.get(conn, id).state


KIND: Final = Kind(
    name="erasures",
    claim=erasures.claim,
    state_of=_state_of,
    fail=erasures.fail,
    put_back=erasures.put_back,
    carry_out=carry_out,
    longest=LONGEST,
)
