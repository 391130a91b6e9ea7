"""A look at networks that need no key: what they would answer for a query now. Nothing is stored, and the time is bounded.

Some networks search for the query's words. Others show their newest posts, and the look picks out the posts that match.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from ingest.budget import HostBudget
from ingest.kinds import make_source
from ingest.trial import try_source
from tocsin.core.errors import TocsinError
from tocsin.core.mention import Mention
from tocsin.definitions.models import SourceDef
from tocsin.query import Query, fold
from tocsin.query.tree import And, Node, Or, Phrase, Word
from tocsin.settings import Ingest

WITHIN: Final = timedelta(seconds=8)
"""How long a look takes at most, however many networks are silent."""

ONE: Final = timedelta(seconds=5)
ANSWER_S: Final = 6.0
MOST_WORDS: Final = 3
LOOK_BACK_HOURS: Final = 14 * 24
MOST_DAYS: Final = 31


@dataclass(frozen=True, slots=True)
class WordsAsked:
    """What a query asks a network for: words and phrases that stand under no NOT, and hashtags without `#`."""

    words: Sequence[str]
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class OpenNetwork:
    """A network that can be looked at, and the settings of a source that asks it."""

    kind: str
    settings: Callable[[WordsAsked], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class NetworkAnswer:
    """What a network answered: how many posts came, how many match, the newest that do, and how many of them were posted on each
    day (UTC). `error` says why none came.
    """

    kind: str
    came: int = 0
    matched: int = 0
    newest: Sequence[Mention] = ()
    error: str | None = None
    by_day: Mapping[date, int] = field(default_factory=dict)

    @property
    def days(self) -> list[tuple[date, int]]:
        """The matches by day as they are shown, the oldest first: the last 31 days that have one."""
        return sorted(self.by_day.items())[-MOST_DAYS:]


PLACES: Final = (
    OpenNetwork(
        "hackernews", lambda asked: {"query": f'"{asked.words[0]}"', "look_back_hours": LOOK_BACK_HOURS}
    ),
    OpenNetwork("mastodon", lambda asked: {"public": False, "hashtags": list(asked.tags[:MOST_WORDS])}),
    OpenNetwork("lemmy", lambda _: {}),
    OpenNetwork("gdelt", lambda asked: {"query": _either(asked.words), "tone": False}),
)


def look(
    query: Query,
    fits: Callable[[Mention], bool],
    settings: Ingest,
    now: datetime,
    places: Sequence[OpenNetwork] = PLACES,
    within: timedelta = WITHIN,
    budget: HostBudget | None = None,
) -> list[NetworkAnswer]:
    """Ask each place at the same time; returns what each answered, in their order. `fits` says whether a post matches. Looks that
    share a `budget` ask no host oftener than it likes.

    A place that fails, or that has not answered `within` this time, says so in its `error`. Raises nothing of its own tree.
    """
    asked, found = asked_for(query), dict[str, NetworkAnswer]()
    # A network that is silent must not hold up the end of the process: nothing waits for a daemon.
    hasty = settings.model_copy(update={"fetch_timeout_s": min(settings.fetch_timeout_s, ANSWER_S)})

    def one(place: OpenNetwork) -> None:
        found[place.kind] = _looked(place, asked, fits, hasty, now, budget)

    threads = [threading.Thread(target=one, args=(place,), daemon=True) for place in places]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + within.total_seconds()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    late = f"took longer than {within.total_seconds():g} s"
    return [
        found.get(place.kind) or NetworkAnswer(place.kind, error=f"{place.kind} {late}") for place in places
    ]


def asked_for(query: Query) -> WordsAsked:
    """What this query asks a network for."""
    words = (
        tuple(dict.fromkeys(_words(query.root)))[:MOST_WORDS] or tuple(sorted(query.hashtags))[:MOST_WORDS]
    )
    tags = tuple(sorted(query.hashtags)) or tuple("".join(fold(one).split()) for one in words[:1])
    return WordsAsked(words, tags)


def _looked(
    place: OpenNetwork,
    asked: WordsAsked,
    fits: Callable[[Mention], bool],
    settings: Ingest,
    now: datetime,
    budget: HostBudget | None,
) -> NetworkAnswer:
    try:
        body = {"name": place.kind, "kind": place.kind, **place.settings(asked)}
        source = make_source(SourceDef.model_validate(body), settings, budget=budget)
        trial = try_source(source, now, ONE, fits)
    except (TocsinError, ValueError, IndexError) as error:
        return NetworkAnswer(place.kind, error=str(error).partition("\n")[0])
    return NetworkAnswer(place.kind, trial.count, trial.kept, trial.newest, trial.error, trial.by_day)


def _either(words: Sequence[str]) -> str:
    quoted = [f'"{one}"' for one in words]
    return quoted[0] if len(quoted) == 1 else f"({' OR '.join(quoted)})"


def _words(node: Node) -> Iterator[str]:
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from _words(part)
    elif isinstance(node, Word | Phrase):
        yield node.text.replace('"', " ").strip()
