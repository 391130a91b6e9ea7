"""`tocsin doctor`: says in plain words what works and what does not.

The doctor runs the auditor's checks, and more that help a person.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection

from alerts.auditor import audit
from api.pages.reach import heartbeat_faults, reach_faults
from api.pages.readiness import ALL_PAUSED, DEAF, READY, NotReady, not_ready
from ingest.heard import Deaf
from ops.check.models import models
from ops.check.observation import Observation
from ops.check.paging import paging
from ops.runtime import Runtime, open_runtime
from tocsin.core.clock import iso
from tocsin.core.errors import StreamUnavailable, TocsinError, WrongInput
from tocsin.definitions.models import (
    Monitor,
    Policy,
    SourceDef,
)
from tocsin.definitions.repository import listed
from tocsin.definitions.source_kinds import source_kind
from tocsin.health.disk import disk_trouble
from tocsin.health.report import in_words, part_rows, shown_state, troubled_sources
from tocsin.health.roles import PARTS_OF, is_gone, start_command
from tocsin.health.sources import NEVER_HEARD, OK
from tocsin.intake.dead_letters import count_dead_letters
from tocsin.settings import Settings, reveal
from tocsin.store import meta
from tocsin.store.offsets import stored
from tocsin.store.server import first_damage, server_facts
from tocsin.stream.port import MENTIONS

LEAST_DISK = 1024**3
# A source whose next try is later than this is said with its time.
SOON = timedelta(minutes=1)
LOOK_FOR_DAMAGE = timedelta(seconds=20)
SERVER_APART = timedelta(seconds=5)
"""A server whose clock differs by more from this machine's is worth a line."""


def observations(
    config: Path | None, data: Path | None, store: str | None, stream: str | None
) -> Iterator[Observation]:
    """Every check, one after the other. A part that cannot be checked is an observation of its own."""
    try:
        with open_runtime(config, data, store, stream) as runtime:
            trouble = disk_trouble(runtime.settings)
            can = "read" if trouble is not None and trouble.stops else "read and written"
            yield Observation("ok", f"store {runtime.store.url} can be {can}")
            yield from _server(runtime)
            yield from _disk(runtime.settings)
            yield from _damage(runtime)
            yield from _stream(runtime)
            now = runtime.clock.now()
            with runtime.store.read() as conn:
                yield from models(conn)
                yield from _settings(runtime.settings)
                live = meta.get(conn, "mode") in (None, "live")
                lacks = not_ready(conn, runtime.settings, now) if live else READY
                yield from _definitions(conn, lacks)
                yield from paging(conn, now, runtime.settings, lacks.policies)
                yield from _running(conn, now, runtime.settings)
                yield from _audited(conn, now, runtime.settings)
    except WrongInput as error:
        yield Observation("bad", str(error))
    except TocsinError as error:
        yield Observation("bad", str(error), "the other checks need this mended first")


def _server(runtime: Runtime) -> Iterator[Observation]:
    """Checks of the store's server, where the store has one."""
    with runtime.store.read() as conn:
        asked = runtime.clock.now()
        server = server_facts(conn)
        if server is None:
            return
        apart = abs(server.clock - (asked + (runtime.clock.now() - asked) / 2))
    yield Observation("ok", f"the store's server is {server.name}")
    if server.superuser:
        yield Observation(
            "bad",
            "the store's role is a superuser: whoever gets at Tocsin gets at the whole server",
            "make a role of its own: docs/engines.md",
        )
    if not server.waits_for_disk:
        yield Observation(
            "bad", "the store's server does not wait for its disk (fsync = off)", "set fsync = on there"
        )
    if apart > SERVER_APART:
        yield Observation(
            "bad",
            f"the clocks of this machine and of the store's server differ by {apart.total_seconds():.0f} s",
            "set both by a time server",
        )


def _damage(runtime: Runtime) -> Iterator[Observation]:
    """Whether the embedded store's file is whole. Damage would else be met page by page, perhaps in months."""
    with runtime.store.read() as conn:
        found = first_damage(conn, LOOK_FOR_DAMAGE)
    if found is not None:
        yield Observation(
            "bad", f"the store's file is damaged: {found}", "restore a backup: tocsin restore FILE"
        )


def _disk(settings: Settings) -> Iterator[Observation]:
    if settings.store.url != "sqlite" and settings.stream.url != "sqlite":
        return
    # With the store on a server, nothing has been written here before the first start.
    if not settings.data.is_dir():
        return
    # The page says what stops the work. Before it comes to that, the doctor has a note.
    trouble, soon = disk_trouble(settings), disk_trouble(settings, LEAST_DISK)
    if said := trouble or soon:
        found, _, help = said.words.rpartition(": ")
        yield Observation("bad" if trouble else "note", found, help)
    else:
        free = shutil.disk_usage(settings.data).free
        yield Observation("ok", f"{free // 1024**3} GiB free in {settings.data}")


def _stream(runtime: Runtime) -> Iterator[Observation]:
    try:
        ends = runtime.stream.end_offsets(MENTIONS)
        cluster = runtime.stream.cluster
    except StreamUnavailable as error:
        yield Observation(
            "bad", str(error), "start it, or check stream.url; sources and pushes wait meanwhile"
        )
        return
    with runtime.store.read() as conn:
        at = stored(conn, cluster, MENTIONS)
    behind = sum(max(0, end - at.get(partition, 0)) for partition, end in ends.items())
    if behind:
        yield Observation(
            "note",
            f"records that wait to be processed: {behind}",
            f"normal while tocsin runs; else start it with: {start_command(['processors'], runtime.settings.stream.url)}",
        )
    else:
        yield Observation("ok", f"stream {runtime.stream.url} can be read; nothing waits")


def _settings(settings: Settings) -> Iterator[Observation]:
    for fault in (*reach_faults(settings), *heartbeat_faults(settings)):
        yield Observation("bad" if fault.bad else "note", str(fault.words), str(fault.to_do))
    if settings.smtp.password is not None:
        try:
            reveal(settings.smtp.password)
        except WrongInput as error:
            yield Observation("bad", f"smtp.password: {error}")


WHAT_IS_HEARD: Final[Mapping[Deaf, str]] = {
    "no source": "add feeds or files, or push to POST /v1/mentions",
    "pushes ended": "define it as a source, so that its silence is told in time, or look at who pushes",
    "all off": "switch one on, on the page or with: tocsin apply FILE",
}


def _definitions(conn: Connection, lacks: NotReady) -> Iterator[Observation]:
    monitors = [one.value for one in listed(conn, Monitor) if one.value.enabled]
    sources = [one.value for one in listed(conn, SourceDef) if one.value.enabled]
    policies = {one.name for one in listed(conn, Policy)}
    if lacks.all_paused:
        yield Observation("bad", ALL_PAUSED, "switch one on, on the page or with: tocsin apply FILE")
    elif not monitors:
        yield Observation(
            "bad", "no monitor: nothing is watched", "make one on the page, or with: tocsin apply FILE"
        )
    else:
        yield Observation("ok", f"monitors that are watched: {len(monitors)}")
    if lacks.deaf is not None:
        yield Observation("bad", DEAF[lacks.deaf], WHAT_IS_HEARD[lacks.deaf])
    elif not sources:
        yield Observation("ok", "no source is asked for mentions; what was pushed is heard")
    else:
        yield Observation("ok", f"sources that are switched on: {len(sources)}")
    for names in _twins(sources):
        yield Observation(
            "note",
            f"sources {', '.join(names)} read the same: each of its posts is counted once for each of them",
            "switch all but one off, on the page or with: tocsin apply FILE",
        )
    for name in sorted({one.policy for one in monitors} - policies):
        yield Observation(
            "note",
            f"policy {name!r} is not defined",
            "its monitors page every community manager, else the admins",
        )


def _twins(sources: Sequence[SourceDef]) -> Iterator[Sequence[str]]:
    """The names of sources with the same kind and settings, where Tocsin asks them. A mention is one of its source, however
    often that is asked.
    """
    alike = dict[str, list[str]]()
    for one in sources:
        if source_kind(one.kind).asked:
            asked = {name: value for name, value in one.settings.items() if name != "interval_s"}
            settings = json.dumps(asked, sort_keys=True, default=str)
            alike.setdefault(f"{one.kind} {settings}", []).append(one.name)
    return (sorted(names) for names in alike.values() if len(names) > 1)


def _running(conn: Connection, now: datetime, settings: Settings) -> Iterator[Observation]:
    half, moved = meta.get(conn, meta.FILLING), meta.get(conn, meta.MOVED)
    if half is not None:
        yield Observation(
            "bad", f"this store was half filled from {half}: nothing runs on it", "run that command again"
        )
        return
    if moved is not None:
        yield Observation(
            "note", f"this installation has moved: {moved}", "take it back with: tocsin move --undo"
        )
        return
    if meta.get(conn, "mode") not in (None, "live"):
        yield Observation("note", f"this data is of a {meta.get(conn, 'mode')} run: nothing runs on it live")
        return
    seen = {row.component: row for row in part_rows(conn)}
    for role, part in ((role, part) for role, parts in PARTS_OF.items() for part in parts):
        row, start = seen.get(part), start_command([role], settings.stream.url)
        if row is None:
            yield Observation("note", f"{part} has never run here", f"start it with: {start}")
        elif is_gone(row.at, now):
            yield Observation("bad", f"{part} was last heard of at {iso(row.at)}", f"start it with: {start}")
        elif row.state != "ok":
            yield Observation("bad", f"{part} is {row.state}", in_words(row.detail))
        else:
            yield Observation("ok", f"{part} spoke {max(0, round((now - row.at).total_seconds()))} s ago")
    for row in troubled_sources(conn):
        # A source that is not heard since a moment, or not yet, needs nobody: it is blind after a time.
        state: Literal["bad", "note"] = "bad" if row.state == "blind" else "note"
        yield Observation(
            state, f"{row.component.replace(':', ' ')} {_is(shown_state(row))}", _told(row.detail, now)
        )


def _is(state: str) -> str:
    """The state of a source that does not say ok, after its name. One that is heard warns of something."""
    return {NEVER_HEARD: f"was {NEVER_HEARD}", OK: "is heard, with a warning"}.get(state, f"is {state}")


def _told(detail: Mapping[str, Any], now: datetime) -> str:
    """What a source suffers from, and when it is asked again where that is later than in a moment."""
    said, due = in_words(detail), detail.get("next_fetch_at")
    waits = bool(detail.get("failures")) and due is not None and datetime.fromisoformat(due) > now + SOON
    return f"{said}; it is asked again at {due}" if waits else said


def _audited(conn: Connection, now: datetime, settings: Settings) -> Iterator[Observation]:
    looked = audit(conn, now, timedelta(minutes=settings.alerting.blind_after_minutes))
    # `_running` has told of silent and failing roles already, with what to do.
    found = [one for one in looked if one.kind not in ("role silent", "role failing")]
    for one in found:
        yield Observation("bad", one.text)
    letters = count_dead_letters(conn, waiting=True)
    if letters:
        yield Observation("note", f"dead letters: {letters}", "look at them with: tocsin dead-letters list")
    if not found:
        yield Observation(
            "ok", "every open alert has a next step, no notice is late, the audit chain is whole"
        )
