"""Dead letters at a terminal: shown without harm and handed over again; and the fuse of the stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ops.runtime import Runtime
from tocsin.core.clock import iso
from tocsin.core.errors import WrongInput
from tocsin.core.text import escaped, one_line
from tocsin.definitions.references import closest
from tocsin.definitions.repository import names
from tocsin.intake import fuse, redeliver
from tocsin.intake.dead_letters import MAX_LIST, DeadLetter, known_by_letters, list_dead_letters
from tocsin.intake.handover import HandOver
from tocsin.intake.redeliver import Replayed
from tocsin.reading import MAX_LINE_BYTES, REASONS
from tocsin.reading.files import open_regular
from tocsin.store import audit
from tocsin.store.source_state import source_states
from tocsin.stream.port import MENTIONS

ROLE: Final = "admin"
"""The role of a person at the command line: whoever can use it on this data may do everything."""


def newest(
    runtime: Runtime, source: str | None, reason: str | None, waiting: bool | None, at_once: int = MAX_LIST
) -> Iterator[DeadLetter]:
    """Dead letters, newest first, read `at_once` at a time.

    `waiting` is True for letters that were not handed over again yet, False for the others, None for all.
    """
    cursor = None
    while True:
        with runtime.store.read() as conn:
            page, cursor = list_dead_letters(conn, min(at_once, MAX_LIST), cursor, source, reason, waiting)
        yield from page
        if cursor is None:
            return


def require_known(runtime: Runtime, source: str | None, reason: str | None) -> None:
    """Raise `WrongInput` for a source that nobody defined, nobody pushed under and no letter has, and for a reason that no letter
    has or can have.
    """
    with runtime.store.read() as conn:
        sources, reasons = known_by_letters(conn)
        sources |= set(names(conn, "source", ended=True).values()) | source_states(conn).keys() | {MENTIONS}
    for what, value, known in (("source", source, sources), ("reason", reason, reasons | REASONS.keys())):
        if value is not None and value not in known:
            raise WrongInput(f"unknown {what} {value!r}{closest(value, known)}")


def which(source: str | None, reason: str | None, waiting: bool | None) -> str:
    """The letters that were asked for, in words: `dead letters of 'forum' refused for 'in_future' that wait`."""
    of = "" if source is None else f" of {source!r}"
    why = "" if reason is None else f" refused for {reason!r}"
    when = {None: "", True: " that wait", False: " that were handed over again"}[waiting]
    return f"dead letters{of}{why}{when}"


class ReplayPrinter:
    """Prints what became of each dead letter. Counts the letters that were handed over, and the others."""

    def __init__(self, out: Callable[[str], None], as_json: bool) -> None:
        self._out = out
        self._as_json = as_json
        self.handed_over = 0
        self.others = 0

    def __call__(self, replayed: Iterable[Replayed]) -> None:
        for one in replayed:
            if one.outcome == "handed over":
                self.handed_over += 1
            else:
                self.others += 1
            self._out(self._line(one))

    def _line(self, one: Replayed) -> str:
        if self._as_json:
            fields = ("id", "outcome", "reason", "message")
            return as_json({name: getattr(one, name) for name in fields})
        why = {
            "bad again": f": {escaped(one.reason)}: {escaped(one.message)}",
            "cannot": f": {escaped(one.message)}",
        }.get(one.outcome, "")
        return f"{one.id}  {one.outcome}{why}"


def replay(
    runtime: Runtime,
    actor: str,
    told: Callable[[Iterable[Replayed]], None],
    *,
    ids: Sequence[str] | None,
    source: str | None,
    reason: str | None,
    mended: bytes | None,
) -> None:
    """Hand over the dead letters with these ids, else all that wait (of this source and reason). `told` gets the outcomes."""
    settings, now = runtime.settings, runtime.clock.now()
    hand = HandOver.to(runtime.stream, settings.stream, runtime.clock)
    who = redeliver.Who(actor, ROLE)
    if ids:
        told(redeliver.replay(runtime.store, hand, settings.ingest, ids, now=now, who=who, mended=mended))
        return
    redeliver.replay_waiting(
        runtime.store, hand, settings.ingest, now=now, who=who, source=source, reason=reason, told=told
    )


def blown_fuses(runtime: Runtime) -> list[Any]:
    """The fuses that have blown: the processors have stopped before a stream that is nearly all bad."""
    with runtime.store.read() as conn:
        return list(fuse.standing(conn))


def mend_fuses(runtime: Runtime, actor: str) -> list[Any]:
    """Let the records that are on the stream now pass. Returns the fuses that had blown."""
    ends = runtime.stream.end_offsets(MENTIONS)
    with runtime.store.write() as conn:
        passed = fuse.let_pass(conn, ends, runtime.stream.cluster, MENTIONS)
        for one in passed:
            audit.append(
                conn,
                at=runtime.clock.now(),
                actor=actor,
                role=ROLE,
                action="fuse.passed",
                object=f"{one.topic}/{one.partition}",
                detail={"offset": one.offset},
            )
    return passed


def read_mended(path: Path) -> bytes:
    """The mended mention in this file. Raises `WrongInput` where the file is too large for one."""
    with open_regular(path) as file:
        payload = file.read(MAX_LINE_BYTES + 1)
    if len(payload) > MAX_LINE_BYTES:
        raise WrongInput(f"{path}: more than {MAX_LINE_BYTES} bytes; a mended payload is one mention")
    return payload


def in_a_line(one: DeadLetter) -> str:
    """A dead letter as a line of the list."""
    state = "replayed" if one.replayed_at is not None else "waiting"
    begins = one_line(one.payload[:400].decode("utf-8", "replace"), 60)
    source = one_line(one.source, 24)
    return f"{one.id}  {one.at:%Y-%m-%d %H:%M:%SZ}  {source}  {escaped(one.reason)}  {one.attempts}  {state}  {begins}"


def in_full(one: DeadLetter) -> Iterator[str]:
    """A dead letter as lines, with its payload; nothing in them can steer a terminal."""
    yield f"{one.id}  {iso(one.at)}  attempts {one.attempts}"
    yield f"from     {escaped(one.source)}, {escaped(one.origin)}"
    yield f"reason   {escaped(one.reason)}: {escaped(one.message)}"
    if one.replayed_at is not None:
        yield f"replayed {iso(one.replayed_at)}"
    kept = "" if one.whole else f", of which the first {len(one.payload)} were kept"
    yield f"payload  {one.payload_size} bytes{kept}; SHA-256 {one.payload_hash}"
    for line in one.payload.decode("utf-8", "backslashreplace").split("\n"):
        yield f"  | {escaped(line)}"


def fields(one: DeadLetter) -> dict[str, Any]:
    """A dead letter as JSON values."""
    values = {name: getattr(one, name) for name in one.__slots__}
    return values | {"payload": one.payload.decode("utf-8", "replace")}


def as_json(value: object) -> str:
    """JSON in ASCII, so that no byte of a payload can steer the terminal."""
    return json.dumps(value, default=str)
