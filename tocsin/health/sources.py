"""Whether a source is heard: one rule for ingest, auditor, API, web page and command. Missing data is never calm.

| state | when | blind when |
|---|---|---|
| off | somebody switched the source off | never |
| failing | its last attempts failed | the attempts have failed for `blind_after` |
| silent | nothing came for over three times the expected interval, or for long against its rhythm | it is as long as that |
| never heard | nothing has come yet | never: the source will be silent or failing in time |
| ok | else | never |

A source that was off and is on again is judged from then on: nobody listened before, so nothing failed and nothing was silent.

A silence is judged by what a person expects, else by the source's own rhythm (`tocsin.health.rhythm`). The first line that holds
is the state. A source that fails and is silent too is failing, and it is blind as soon as one of the
two rules says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, select

from tocsin.core.ids import stable_id
from tocsin.health.gaps import SourceGap, newest_gaps
from tocsin.health.rhythm import DUE, SHORTEST, UNKNOWN, Rhythm, rhythm_of
from tocsin.store import schema as s
from tocsin.store.source_state import reported_states

OK: Final = "ok"
OFF: Final = "off"
FAILING: Final = "failing"
SILENT: Final = "silent"
NEVER_HEARD: Final = "never heard"
State = Literal["ok", "silent", "failing", "off", "never heard"]
Level = Literal["ok", "degraded", "blind"]

SILENCE_FACTOR: Final = 3
"""A source is silent after so many times the interval that is expected of it."""

COMPONENT_PREFIX: Final = "source:"
MAX_COMPONENT_CHARS: Final = 128
LONGEST_EXPECTED: Final = timedelta(days=3650)
MOST_SHOWN: Final = 1000
PUSHED: Final = "pushed"
GAPS_SHOWN: Final = 20
_d = s.definitions.c
# Made once: every look at the sources asks it.
_DEFINED: Final = select(_d.name, _d.id, _d.definition, _d.created_at, _d.deleted_at, _d.on_since).where(
    _d.kind == "source"
)


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """The known facts about a source, from its definition and from `source_state`."""

    enabled: bool = True
    defined_at: datetime | None = None
    """None: mentions were pushed under a name that nobody defined."""

    expected_every: timedelta | None = None
    last_event_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    failures: int = 0
    last_news_at: datetime | None = None
    """The last time that a mention came; it may have been posted earlier."""

    rhythm: Rhythm = UNKNOWN
    on_since: datetime | None = None
    """When it was last switched on again, or brought back after its end. None: it was never off."""


@dataclass(frozen=True, slots=True)
class SourceVerdict:
    """The state of a source, whether we are blind for it, and why in words."""

    state: State
    blind: bool
    reason: str

    @property
    def level(self) -> Level:
        """The state for the table `health`. A source that is not heard is at least degraded; so is a source that warns."""
        if self.blind:
            return "blind"
        return "ok" if self.state in (OK, OFF) and self.reason == AS_EXPECTED else "degraded"


AS_EXPECTED: Final = "as expected"


def judge(source: SourceFacts, now: datetime, blind_after: timedelta) -> SourceVerdict:
    """Whether the source is heard at `now`; `blind_after` is the setting `alerting.blind_after_minutes`."""
    if not source.enabled:
        return SourceVerdict(OFF, False, AS_EXPECTED)
    silence, too_long = _silence(source, now)
    silence_is_blind = too_long is not None and silence >= blind_after
    if source.failures:
        since = _latest(source.last_success_at or source.defined_at, source.on_since)
        failing = now - since if since is not None else timedelta(0)
        reason = f"fails for {ago(failing)}: {(source.last_error or 'unknown')[:200]}"
        return SourceVerdict(FAILING, failing >= blind_after or silence_is_blind, reason)
    if too_long is not None:
        return SourceVerdict(SILENT, silence_is_blind, f"silent for {ago(silence)}, {too_long}")
    if source.last_event_at is None:
        return SourceVerdict(NEVER_HEARD, False, "nothing has come yet")
    return SourceVerdict(OK, False, source.last_error or AS_EXPECTED)


def _silence(source: SourceFacts, now: datetime) -> tuple[timedelta, str | None]:
    """The length of the silence, and why it is too long; None where it is not.

    Silence counts from the newest mention, or from the time at which the source was defined, or was on again, where no mention
    came since. The interval that
    a person expects counts; without one, the rhythm that the source has taught.
    """
    begun = _latest(source.defined_at, source.on_since)
    if begun is None:
        return timedelta(0), None
    if source.expected_every is not None:
        silence = now - max(source.last_event_at or begun, begun)
        longest = SILENCE_FACTOR * min(source.expected_every, LONGEST_EXPECTED)
        return silence, f"expected every {ago(source.expected_every)}" if silence > longest else None
    if source.last_news_at is None:
        return timedelta(0), None
    since = max(source.last_news_at, begun)
    silence, due = now - since, source.rhythm.due(since, now)
    if due < DUE or silence < SHORTEST:
        return silence, None
    return silence, f"some {due:.0f} posts used to come in such a time"


def _latest(*times: datetime | None) -> datetime | None:
    return max((one for one in times if one is not None), default=None)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source that is defined, or heard without a definition. `row` is its row of `source_state`, None where it has none."""

    name: str
    kind: str | None
    """None: pushed without a definition."""

    facts: SourceFacts
    verdict: SourceVerdict
    row: Row[Any] | None
    per_hour: float | None = None
    """The mentions that usually come in such an hour; None where that is not known yet."""

    requests: Sequence[Mapping[str, Any]] = ()
    """What each host takes: `host`, `left` of `of` requests in any `per_s` seconds, `next_at`. As the worker last reported."""

    id: str | None = None
    """The id of its definition."""

    gaps: Sequence[SourceGap] = ()
    """The newest gaps of the ledger, the newest first."""

    @property
    def next_fetch_at(self) -> datetime | None:
        """When the source is asked next, as last stored; None where nobody asks it."""
        return self.row.next_fetch_at if self.row is not None and self.facts.enabled else None


def source_reports(
    conn: Connection,
    now: datetime,
    blind_after: timedelta,
    *,
    gaps: bool = False,
    only: Sequence[str] | None = None,
) -> list[SourceReport]:
    """Every source that is defined or was heard without a definition, by name, with its state. Two queries, and a third for the
    `gaps` of each. `only` asks for the sources with these names.
    """
    defined, ends = _definitions(conn)
    known = _known(conn, defined, ends)
    names = defined.keys() | known.keys()
    if only is not None:
        names &= set(only)
    ledger = _ledger(conn, only) if gaps else {}
    reports = []
    for name in sorted(names):
        there, row = defined.get(name), known.get(name)
        definition = there.definition if there is not None else {}
        made_at, on_since = (there.created_at, there.on_since) if there is not None else (None, None)
        facts = facts_of(definition, made_at, row, on_since)
        reports.append(
            SourceReport(
                name=name,
                kind=str(definition.get("kind", "")) if there is not None else None,
                facts=facts,
                verdict=judge(facts, now, blind_after),
                row=row,
                per_hour=facts.rhythm.per_hour(now),
                requests=_requests(row),
                id=there.id if there is not None else None,
                gaps=ledger.get(name, ())[:GAPS_SHOWN],
            )
        )
    return reports


def heard_rows(conn: Connection) -> list[Row[Any]]:
    """The rows of `source_state` of the sources that `source_reports` names."""
    return list(_known(conn, *_definitions(conn)).values())


def _known(conn: Connection, defined: Mapping[str, Any], ends: Mapping[str, datetime]) -> dict[str, Row[Any]]:
    """The rows of `source_state` by name, with what the worker of the source last reported; without those of ended sources."""
    rows = reported_states(conn, COMPONENT_PREFIX, MOST_SHOWN)
    return {
        row.name: row for row in rows if row.name in defined or _is_pushed(row.name, row.last_news_at, ends)
    }


def without_a_definition(conn: Connection, news: Mapping[str, datetime | None]) -> list[str]:
    """The names, among these, under which mentions come though nobody defines them. `news` says when the last one came."""
    defined, ends = _definitions(conn)
    return [name for name, last in news.items() if name not in defined and _is_pushed(name, last, ends)]


def _definitions(conn: Connection) -> tuple[dict[str, Any], dict[str, datetime]]:
    """The definitions of sources by name; and the time of each end, by the names that no defined source has."""
    rows = conn.execute(_DEFINED).all()
    defined = {row.name: row for row in rows if row.deleted_at is None}
    ended = (row for row in rows if row.deleted_at is not None and row.name not in defined)
    ends: dict[str, datetime] = {}
    for row in ended:
        ends[row.name] = max(row.deleted_at, ends.get(row.name, row.deleted_at))
    return defined, ends


def _is_pushed(name: str, last_news_at: datetime | None, ends: Mapping[str, datetime]) -> bool:
    """Whether a name without a definition counts as a source: nobody ever defined it, or mentions came after its end."""
    end = ends.get(name)
    return end is None or (last_news_at is not None and last_news_at > end)


def _ledger(conn: Connection, only: Sequence[str] | None) -> dict[str, list[SourceGap]]:
    """The newest gaps of the sources, the newest first."""
    ledger: dict[str, list[SourceGap]] = {}
    for gap in newest_gaps(conn, MOST_SHOWN, only):
        ledger.setdefault(gap.source, []).append(gap)
    return ledger


def _requests(row: Any) -> Sequence[Mapping[str, Any]]:
    """The requests left, as the worker of the source last reported them in `health`."""
    told = row.detail.get("requests") if row is not None and isinstance(row.detail, dict) else None
    return told if isinstance(told, list) else ()


def facts_of(
    definition: Mapping[str, Any], defined_at: datetime | None, row: Any, on_since: datetime | None = None
) -> SourceFacts:
    """The facts from a source's definition as stored, and from its row of `source_state` (None: it has none)."""
    return SourceFacts(
        enabled=bool(definition.get("enabled", True)),
        defined_at=defined_at,
        on_since=on_since,
        expected_every=_minutes(definition.get("expected_every_minutes")),
        last_event_at=row.last_event_at if row is not None else None,
        last_success_at=row.last_success_at if row is not None else None,
        last_error=row.last_error if row is not None else None,
        failures=row.failures if row is not None else 0,
        last_news_at=row.last_news_at if row is not None else None,
        rhythm=rhythm_of(row.rhythm) if row is not None else UNKNOWN,
    )


def _minutes(value: Any) -> timedelta | None:
    if not isinstance(value, int | float) or value <= 0:
        return None
    return timedelta(minutes=min(value, LONGEST_EXPECTED / timedelta(minutes=1)))


def component_of(source: str) -> str:
    """The component of a source in `health`: `source:NAME`. A very long name is cut and told apart by a hash."""
    whole = COMPONENT_PREFIX + source
    return whole if len(whole) <= MAX_COMPONENT_CHARS else f"{whole[:100]}~{stable_id('s', source)}"


def ago(span: timedelta) -> str:
    """A span in minutes, or in hours from three hours on."""
    minutes = int(span / timedelta(minutes=1))
    return f"{minutes} min" if minutes < 180 else f"{minutes // 60} h"
