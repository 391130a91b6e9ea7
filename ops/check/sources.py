"""Sources as a person at a terminal asks about them: a table of all, and the newest posts of one, without storing anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection

from api.pages.source_fields import fields_of
from ingest.kinds import KINDS
from ingest.looking import NetworkAnswer
from ingest.source import FetchFailed, Source
from ingest.trial import pushed_posts, try_source
from ops.runtime import Runtime
from tocsin.core.errors import WrongInput
from tocsin.core.faults import fault_of
from tocsin.core.mention import Mention
from tocsin.core.text import one_line
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import Defined, listed
from tocsin.definitions.source_kinds import source_kind
from tocsin.health.report import shown_state, source_rows
from tocsin.health.sources import NEVER_HEARD, component_of
from tocsin.store.source_state import source_states

HEADER: Final = ("SOURCE", "KIND", "STATE", "LAST MENTION", "RECEIVED", "REJECTED", "NEXT TRY", "WHY")

Say = Callable[[str], None]


def table(conn: Connection, now: datetime) -> list[tuple[str, ...]]:
    """A row for each defined source, with the columns of `HEADER`."""
    states, health = source_states(conn), source_rows(conn)
    return [
        _row(one, states.get(one.name), health.get(component_of(one.name)), now)
        for one in listed(conn, SourceDef)
    ]


def looked(looks: Sequence[NetworkAnswer]) -> Iterator[str]:
    """What networks answered, as lines: how many posts match or why none came, the days (UTC), and the newest that match."""
    for one in looks:
        said = f"{one.matched} of {one.came} posts match" if one.error is None else one_line(one.error, 200)
        yield f"{one.kind}: {said}"
        if one.days:
            yield f"  by day: {', '.join(f'{day} {count}' for day, count in one.days)}"
        for post in one.newest:
            yield f"  {post.created_at:%Y-%m-%d %H:%M}Z  {one_line(_titled(post), 200)}"


def aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """The rows as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def newest_posts(runtime: Runtime, source: Source, name: str, say: Say) -> Sequence[Mention]:
    """The newest posts that this source has now. For a source that others push to, they are the newest that are kept.

    `say` gets lines on the first items that could not be read, on warnings, and on whether there is more. Raises `FetchFailed`
    for a source that cannot be read.
    """
    if not source_kind(source.kind).asked:
        return _pushed(runtime, name, say)
    trial = try_source(source, runtime.clock.now(), limits=runtime.settings.ingest)
    for one in trial.bad:
        say(f"cannot read {one.position}: {one_line(str(one.error), 200)}")
    for warning in trial.warnings:
        say(f"warning: {one_line(warning, 300)}")
    if trial.error is not None and not trial.newest:
        raise FetchFailed(trial.error)
    if trial.error is not None:
        say(f"then it failed: {one_line(trial.error, 300)}")
    say(
        f"{trial.count} posts read, {trial.bad_count} could not be read{'; there are more' if trial.more else ''}"
    )
    return trial.newest


def undefined(kind: str, settings: Sequence[str]) -> SourceDef:
    """The definition of a source that nobody has saved, from settings NAME=VALUE. Raises `WrongInput`."""
    given: dict[str, Any] = {}
    known = fields_of(KINDS[kind][0]) if kind in KINDS else ()
    lists = {one.name for one in known if one.widget == "lines"}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise WrongInput(f"--set {one_line(text, 80)!r} is no NAME=VALUE")
        found = _value(value)
        given[key] = _parts(found) if key in lists and isinstance(found, str) else found
    try:
        return SourceDef.model_validate({"name": kind, "kind": kind} | given)
    except ValidationError as error:
        raise WrongInput(f"--kind {kind}: {fault_of(error.errors()[0])}") from None


def _value(text: str) -> Any:
    """A list, an object, true, false or null as JSON; everything else as it stands."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if found is None or isinstance(found, bool | list | dict) else text


def _parts(text: str) -> list[str]:
    """The parts of a list that is written with commas, also in brackets whose quotation marks a shell has taken."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    return [part for one in text.split(",") if (part := one.strip().strip("\"'"))]


def in_a_line(mention: Mention) -> str:
    """A post as one line that cannot steer a terminal."""
    author = mention.author
    who = (author.handle or author.name or author.id) if author else "-"
    return f"{_time(mention.created_at)}  {one_line(who, 24)}  {one_line(_titled(mention), 100)}"


def _titled(mention: Mention) -> str:
    """The title, if there is one, and the text, with a mark between them on the one line."""
    return " | ".join(filter(None, (mention.title, mention.text)))


def _row(one: Defined[SourceDef], state: Any, health: Any, now: datetime) -> tuple[str, ...]:
    if not one.value.enabled:
        shown, why = "off", ""
    elif health is None:
        shown, why = NEVER_HEARD, "ingest has not looked at it yet"
    else:
        shown, why = shown_state(health), "" if health.state == "ok" else str(health.detail.get("reason", ""))
    return (
        one_line(one.name, 40),
        one_line(one.value.kind, 16),
        shown,
        _time(state.last_event_at if state else None),
        str(state.received if state else 0),
        str(state.rejected if state else 0),
        _next_try(state.next_fetch_at if state and one.value.enabled else None, now),
        one_line(why, 200),
    )


def _next_try(due: datetime | None, now: datetime) -> str:
    """When a source is asked next. One that is due is asked by and by; one without a time is off, or others push to it."""
    return "now" if due is not None and due <= now else _time(due)


def _pushed(runtime: Runtime, name: str, say: Say) -> Sequence[Mention]:
    say(
        "others push to this source (POST /v1/mentions); its newest posts that are kept (what a monitor matches, and a sample of "
        "the rest) are these:"
    )
    with runtime.store.read() as conn:
        trial = pushed_posts(conn, name)
    say(f"{trial.count} posts came, {trial.bad_count} could not be read")
    return trial.newest


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else "-"
