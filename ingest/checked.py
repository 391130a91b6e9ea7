"""The check of what a source brought: what is handed over, what is a dead letter, and what is refused by its times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingest.source import Bad, Fetched
from tocsin.core.errors import BadMention
from tocsin.core.mention import Handed, MentionLine, encode_mentions
from tocsin.intake.dead_letters import dead_letter_row
from tocsin.reading import check_time
from tocsin.settings import Ingest


@dataclass(frozen=True, slots=True)
class CheckedFetch:
    """The mentions of one fetch, by their fate: handed over, a dead letter, or refused and counted by reason."""

    good: list[Handed]
    letters: list[Mapping[str, Any]]
    refused: Counter[str]
    bad: int

    @property
    def unread(self) -> int:
        """The number of mentions that could not be read or dated. A mention that is merely old says nothing of the
        source's state.
        """
        return self.bad + self.refused.total() - self.refused["too_old"]

    @property
    def rejected(self) -> int:
        return self.bad + self.refused.total()


def check(fetched: Fetched, source: str, ingest: Ingest, now: datetime) -> CheckedFetch:
    """Sort the mentions of a fetch by whether their times are allowed."""
    max_age, max_ahead = timedelta(days=ingest.max_age_days), timedelta(minutes=ingest.max_ahead_minutes)
    oldest, latest = now - max_age, now + max_ahead
    checked = CheckedFetch(
        [], [_letter_of_bad(bad, source, now) for bad in fetched.bad], Counter(), len(fetched.bad)
    )
    for mention in fetched.mentions:
        edited_at = mention.edited_at
        if oldest <= mention.created_at <= latest and (edited_at is None or edited_at <= latest):
            # Nearly all mentions pass here; `check_time` names the fault of the others.
            checked.good.append(mention)
            continue
        try:
            check_time(mention, now, max_age=max_age, max_ahead=max_ahead)
        except BadMention as error:
            checked.refused[error.reason] += 1
            # An archive of old mentions would fill the store with letters, so an old mention is only refused and counted.
            if error.reason != "too_old":
                checked.letters.append(_letter_of(mention, error, source, now))
        else:
            checked.good.append(mention)
    return checked


def _letter_of(mention: Handed, error: BadMention, source: str, now: datetime) -> Mapping[str, Any]:
    return dead_letter_row(
        now=now,
        source=source,
        reason=error.reason,
        message=str(error),
        payload=mention.line if isinstance(mention, MentionLine) else encode_mentions([mention]),
    )


def _letter_of_bad(bad: Bad, source: str, now: datetime) -> Mapping[str, Any]:
    return dead_letter_row(
        now=now,
        source=source,
        reason=bad.error.reason,
        message=str(bad.error),
        payload=bad.payload,
        position=bad.position,
    )
