"""What a source's state says of it. Missing data is BLIND, never calm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.core.ids import stable_id

OK, DEGRADED, BLIND = "ok", "degraded", "blind"
HEALTH_PREFIX = "source:"
MAX_COMPONENT_CHARS = 128
SILENCE_FACTOR = 3  # of `expected_every_minutes`


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a source, from `source_state` and its definition."""

    defined_at: datetime
    expected_every: timedelta | None
    last_event_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    failures: int = 0


def judge(seen: Seen, now: datetime, *, blind_after: timedelta) -> tuple[str, str]:
    """The state (ok | degraded | blind) and the reason in words.

    Blind: it fails for `blind_after`, or has been silent for three times as long as it may be. Silence counts
    from the newest mention, or from when the source was defined where none came yet.
    """
    if seen.expected_every is not None:
        silence = now - max(seen.last_event_at or seen.defined_at, seen.defined_at)
        if silence > SILENCE_FACTOR * seen.expected_every:
            return BLIND, f"silent for {_minutes(silence)}, expected every {_minutes(seen.expected_every)}"
    if seen.failures:
        failing = now - (seen.last_success_at or seen.defined_at)
        state = BLIND if failing > blind_after else DEGRADED
        return state, f"{seen.failures} failures in a row: {seen.last_error or 'unknown'}"
    if seen.last_error:
        return DEGRADED, seen.last_error
    return OK, "as expected"


def component_of(source: str) -> str:
    """The source's row in `health`: `source:NAME`, a very long name cut and told apart by a hash."""
    whole = HEALTH_PREFIX + source
    return whole if len(whole) <= MAX_COMPONENT_CHARS else f"{whole[:100]}~{stable_id('s', source)}"


def _minutes(span: timedelta) -> str:
    return f"{int(span / timedelta(minutes=1))} min"
