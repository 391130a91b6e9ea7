"""Silences and expected events as they stand in their forms: a time, a monitor or all, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from api.pages.definition_form import FormKind, Look, Typed, moment_of, router_of, typed_moment
from tocsin.definitions.models import ExpectedEvent, Silence
from tocsin.definitions.repository import Defined, names

Time = Silence | ExpectedEvent


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One of them in the list: `state` is now, later or over, and `about` the monitor's name (empty: all)."""

    one: Defined[Any]
    state: str
    about: str


def _typed_as(words: str) -> Callable[[Time | None, Look], Typed]:
    def typed(one: Time | None, look: Look) -> Typed:
        start = one.starts_at if one else look.now
        end = one.ends_at if one else look.now + timedelta(hours=2)
        filled = {
            "starts_at": typed_moment(start, look.zone),
            "ends_at": typed_moment(end, look.zone),
        }
        return (
            filled
            if one is None
            else filled
            | {
                "name": one.name,
                "monitor": one.monitor or "",
                words: str(getattr(one, words)),
            }
        )

    return typed


def _given_as(words: str) -> Callable[[Typed, Time | None, Look], tuple[dict[str, Any], set[str]]]:
    def given(typed: Typed, present: Time | None, look: Look) -> tuple[dict[str, Any], set[str]]:
        times = {name: moment_of(typed.get(name, ""), look.zone) for name in ("starts_at", "ends_at")}
        wrong = {name for name, at in times.items() if at is None}
        for name in times:
            # A form shows minutes only: what was not changed stays as it is.
            before = getattr(present, name, None)
            if before is not None and typed.get(name) == typed_moment(before, look.zone):
                times[name] = before
        start, end = times["starts_at"], times["ends_at"]
        if start is not None and end is not None and end <= start:
            wrong.add("ends_at")
        monitor = typed.get("monitor", "").strip() or None
        return {**times, "monitor": monitor, words: typed.get(words, "").strip()}, wrong

    return given


def _rows(all_: Sequence[Defined[Any]], look: Look, conn: Connection) -> list[TimeRow]:
    monitors = names(conn, "monitor", ended=True)
    order = {"now": 0, "later": 1, "over": 2}
    found = [
        TimeRow(one, _state(one.value, look), monitors.get(one.value.monitor or "", one.value.monitor or ""))
        for one in all_
    ]
    return sorted(found, key=lambda row: (order[row.state], row.one.value.starts_at))


def _state(one: Time, look: Look) -> str:
    return "over" if one.ends_at <= look.now else "now" if one.starts_at <= look.now else "later"


SILENCES = FormKind("silences", Silence, _typed_as("reason"), _given_as("reason"), _rows)
EVENTS = FormKind("expected-events", ExpectedEvent, _typed_as("note"), _given_as("note"), _rows)
ROUTERS = (router_of(SILENCES), router_of(EVENTS))
