"""Replay of dead letters, through the same reading, the same limits and the same hand-over as all other input.

A letter that is good now goes to the stream and is marked. A letter that is bad again stays, with one attempt more and the
new reason. A letter that is handed over twice counts once, because the identity of its mention is the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from tocsin.core.errors import BadMention, NotFound, TocsinError, WrongInput
from tocsin.core.mention import Mention
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import find
from tocsin.definitions.source_kinds import source_kind
from tocsin.intake.dead_letters import (
    DeadLetter,
    get_dead_letter,
    note_bad_again,
    note_replay,
    present_ids,
    waiting_ids,
)
from tocsin.intake.handover import HandOver, line_of
from tocsin.reading import MAX_LINE_BYTES, check_time, read_json_line
from tocsin.reading.files import Rows
from tocsin.settings import Ingest
from tocsin.store import audit, meta
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.source_state import source_states

# Letters of one hand-over: a few megabytes at most.
AT_ONCE = 50


class CannotReplay(TocsinError):
    """This letter cannot be read again as it is kept. The message says why, and what helps."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The outcome for one letter. For `bad again` and `cannot`, `message` says why. `reason` is a word for programs."""

    id: str
    outcome: Literal["handed over", "bad again", "cannot"]
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Who:
    """The person who replays, for the audit chain."""

    name: str
    role: str


def replay(
    store: Store,
    hand: HandOver,
    limits: Ingest,
    ids: Sequence[str],
    *,
    now: datetime,
    who: Who,
    mended: bytes | None = None,
) -> list[Replayed]:
    """Hand these letters over again, in the order given. `mended` (one JSON object) replaces the payload of a single letter.

    Raises `NotFound` for an unknown id before anything is done. Raises `StreamFull` or `StreamUnavailable` when nothing can be
    handed over just now: the letters that were handed over before stay so, and the others are as they were.
    """
    if mended is not None and len(ids) != 1:
        raise WrongInput(Sentence("a mended payload belongs to one dead letter: name exactly one"))
    if mended is not None and len(mended) > MAX_LINE_BYTES:
        raise WrongInput(
            Sentence(
                "a mended payload of {n} bytes is over the limit of {most}",
                n=len(mended),
                most=MAX_LINE_BYTES,
            )
        )
    wanted = list(dict.fromkeys(ids))
    with store.read() as conn:
        _refuse_recordings(conn)
        _refuse_unknown(conn, wanted)
    done: list[Replayed] = []
    for start in range(0, len(wanted), AT_ONCE):
        done += _some(store, hand, limits, wanted[start : start + AT_ONCE], now, who, mended)
    return done


def replay_waiting(
    store: Store,
    hand: HandOver,
    limits: Ingest,
    *,
    now: datetime,
    who: Who,
    source: str | None = None,
    reason: str | None = None,
    told: Callable[[Iterable[Replayed]], None] = lambda _: None,
) -> None:
    """Hand over again every letter that was not replayed yet, the oldest first, each once. `source` and `reason` choose among
    them. `told` hears the outcomes. Raises like `replay`.
    """
    after: tuple[datetime, str] | None = None
    while True:
        with store.read() as conn:
            _refuse_recordings(conn)
            found = waiting_ids(conn, AT_ONCE, after, source, reason)
        if not found:
            return
        after = found[-1]
        told(_some(store, hand, limits, [id for _, id in found], now, who, None))


def read_again(
    conn: Connection, letter: DeadLetter, limits: Ingest, now: datetime, mended: bytes | None = None
) -> Mention:
    """The mention in this letter, read as its source would be read now. Raises `BadMention` where the letter still holds no
    good mention, and `CannotReplay` where the letter as kept cannot be read.
    """
    mention = _read(conn, letter, mended)
    check_time(
        mention,
        now,
        max_age=timedelta(days=limits.max_age_days),
        max_ahead=timedelta(minutes=limits.max_ahead_minutes),
    )
    try:
        line_of(mention)
    except WrongInput as error:
        raise BadMention("too_large", str(error)) from None
    return mention


def _some(
    store: Store,
    hand: HandOver,
    limits: Ingest,
    ids: Sequence[str],
    now: datetime,
    who: Who,
    mended: bytes | None,
) -> list[Replayed]:
    done: list[Replayed] = []
    good: list[Mention] = []
    with store.read() as conn:
        for id in ids:
            try:
                good.append(read_again(conn, get_dead_letter(conn, id), limits, now, mended))
                done.append(Replayed(id, "handed over"))
            except BadMention as bad:
                done.append(Replayed(id, "bad again", bad.reason, str(bad)))
            # A letter that is not found has been dropped by retention meanwhile.
            except (CannotReplay, NotFound) as error:
                done.append(Replayed(id, "cannot", "cannot", str(error)))
    # Hand-over comes first. When the process dies before the note below, the letter is handed over again and counts once.
    hand.hand_over(good, now)
    with store.write() as conn:
        for one in done:
            _note(conn, one, now)
        handed = [one.id for one in done if one.outcome == "handed over"]
        if handed:
            audit.append(
                conn,
                at=now,
                actor=who.name,
                role=who.role,
                action="dead_letters.replayed",
                object=handed[0],
                detail={"ids": handed, "mended": mended is not None},
            )
    return done


def _note(conn: Connection, one: Replayed, now: datetime) -> None:
    if one.outcome == "handed over":
        note_replay(conn, one.id, now)
    elif one.outcome == "bad again":
        note_bad_again(conn, one.id, one.reason, one.message)


def _read(conn: Connection, letter: DeadLetter, mended: bytes | None) -> Mention:
    defined = _definition(conn, letter.source)
    fixed = letter.topic is None and _is_fixed(conn, letter.source, defined)
    source = None if letter.topic is not None else letter.source
    zone = _zone(defined)
    if mended is not None:
        return read_json_line(mended.strip(), source=source, zone=zone, fix_source=fixed)
    if not letter.payload:
        raise CannotReplay(f"nothing of {letter.id} was kept: read its source again")
    if not letter.whole:
        raise CannotReplay(
            f"only the first {len(letter.payload)} bytes of {letter.id} were kept:"
            " give the whole mention, as JSON, with --with FILE"
        )
    payload = letter.payload.strip()
    if letter.topic is None and _reads_files(defined) and payload[:1] != b"{":
        return _csv_row(conn, letter, zone)
    return read_json_line(payload, source=source, zone=zone, fix_source=fixed)


def _csv_row(conn: Connection, letter: DeadLetter, zone: ZoneInfo | None) -> Mention:
    """The mention in a row of CSV. The row means nothing without a header: this uses the header of the file as last read."""
    state = source_states(conn, [letter.source]).get(letter.source)
    at: Any = ((state.cursor if state is not None else None) or {}).get("at") or {}
    if at.get("format") != "csv" or not at.get("header"):
        raise CannotReplay(
            f"{letter.id} is no JSON, and no header of CSV is known for {letter.source!r}:"
            " give the mention as JSON with --with FILE"
        )
    row = letter.payload if letter.payload.endswith(b"\n") else letter.payload + b"\n"
    rows = Rows(
        io.BytesIO(row),
        letter.source,
        source=letter.source,
        zone=zone,
        format="csv",
        header=at["header"],
        delimiter=at.get("delimiter"),
        # Not the beginning of the file: the header was read before.
        offset=1,
    )
    for found in rows:
        if found.mention is not None:
            return found.mention
        if found.bad is not None:
            raise found.bad
    raise CannotReplay(f"there is no row in {letter.id}: give the mention as JSON with --with FILE")


def _is_fixed(conn: Connection, source: str, defined: SourceDef | None) -> bool:
    """Whether every mention that came through this source belongs to it, whatever source the mention names. That holds for
    feeds, signed webhooks and push keys.
    """
    if defined is not None and (source_kind(defined.kind).fixes_source or defined.settings.get("secret")):
        return True
    k = s.api_keys.c
    return conn.execute(select(k.id).where(k.source == source).limit(1)).first() is not None


def _definition(conn: Connection, name: str) -> SourceDef | None:
    try:
        return find(conn, SourceDef, name).value
    except NotFound:
        return None


def _reads_files(defined: SourceDef | None) -> bool:
    return defined is not None and source_kind(defined.kind).reads_files


def _zone(defined: SourceDef | None) -> ZoneInfo | None:
    name = defined.settings.get("timezone") if defined is not None and _reads_files(defined) else None
    return ZoneInfo(name) if isinstance(name, str) else None


def _refuse_recordings(conn: Connection) -> None:
    purpose = meta.get(conn, "mode")
    if purpose not in (None, "live"):
        raise WrongInput(
            Sentence("this data is of a {purpose} run: no processor reads its stream", purpose=purpose)
        )


def _refuse_unknown(conn: Connection, ids: Sequence[str]) -> None:
    known = present_ids(conn, ids)
    missing = [id for id in ids if id not in known]
    if missing:
        raise NotFound(
            Sentence(
                "no dead letter {id}; list them with: tocsin dead-letters list",
                id=repr(missing[0][:64]),
            )
        )
