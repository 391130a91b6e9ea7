"""News of the world by the GDELT Project's DOC 2.0 search: which articles mention something, in 65 languages, without a key.

GDELT reads the news in steps of fifteen minutes and says of each article when it saw it. So the source walks along the
steps, oldest first, and looks back a little each time, because articles of a step may turn up after it. GDELT's own tone of
an article, where its chart of tones shows one, stays what it is: a figure of the network, kept beside the mention.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.plain import dig, items, listed, taken, words
from ingest.source import BudgetSpent, Cursor, Fetched, FetchFailed, Gap, SourceContext, read_cursor
from ingest.sources.gdelt_languages import LANGUAGES
from ingest.sources.places import Search, WebAddress
from ingest.web import Answer, Web
from tocsin.core.clock import iso
from tocsin.core.ids import stable_id
from tocsin.core.mention import MAX_ID_CHARS

BUDGET = Budget(1, per_s=5)
"""GDELT refuses more than one request in five seconds, from all sources of an address together."""

STEP = timedelta(minutes=15)
SEARCHED = timedelta(days=90)
MOST_ARTICLES = 250
FIRST = timedelta(days=1)
# How far back articles of a step may still turn up.
LATE = timedelta(hours=3)
MOST_SEEN = 3000
_LONE_BACKSLASH = re.compile(rb'\\(["\\/bfnrtu])|\\')


class GdeltSettings(BaseModel):
    """The settings of a search."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: Search = Field(
        min_length=3,
        max_length=500,
        description='In GDELT\'s own words, such as ("Vaillant" OR "Bosch ketel") sourcelang:dutch.',
    )
    tone: bool = Field(True, description="Whether to ask for GDELT's tone too: a second request each time.")
    interval_s: int = Field(
        900, ge=300, le=86_400, description="How often to ask; GDELT has news every 900 s."
    )
    site: WebAddress = Field("https://api.gdeltproject.org", description="GDELT's address.")


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    # The step that the next look begins with.
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    # Hashes of the articles that came lately.
    seen: tuple[str, ...] = ()
    # The tones of the articles that are asked for next, by their hashes; None: not asked for yet.
    tones: dict[str, float] | None = None


class GdeltSource:
    """A search as a source; the module's docstring describes how it is read."""

    kind = "gdelt"
    remote = True

    def __init__(self, context: SourceContext, settings: GdeltSettings) -> None:
        self._name, self._settings = context.name, settings
        self._web = Web(context, BUDGET, who="GDELT")
        self.target = f"{settings.site} {settings.query}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """One request: for the tones of what comes next, or for the articles themselves."""
        at = read_cursor(cursor, _Cursor)
        # A step that is still to come is no place to go on: the clock was wrong.
        since = at.since if at.since is not None and at.since <= now else now - FIRST
        start = max(since, now - SEARCHED)
        if self._settings.tone and at.tones is None:
            after = _Cursor(at.since, at.seen, self._tones(start, now))
            return Fetched(cursor=msgspec.to_builtins(after), more=True)
        found = _articles(self._ask("artlist", start, now, sort="dateasc", maxrecords=MOST_ARTICLES))
        known = set(at.seen)
        fresh = [one for one in found if _mark(one) not in known]
        mentions, bad = taken((fields(one, at.tones or {}) for one in fresh), self._name)
        full = len(found) >= MOST_ARTICLES
        last = max((when for one in found if (when := seen_at(one)) is not None), default=None)
        onward, gaps = _onward(start, last, now) if full else (now - LATE, [])
        if since < start:
            gaps = [Gap(since, start, "GDELT searches three months back"), *gaps]
        seen = (*at.seen, *map(_mark, fresh))[-MOST_SEEN:]
        # A list that goes on keeps its tones; the next look asks for new ones.
        after = _Cursor(onward, seen, at.tones if full else None)
        return Fetched(mentions, bad, msgspec.to_builtins(after), more=full, gaps=gaps)

    def close(self) -> None:
        pass

    def _tones(self, start: datetime, end: datetime) -> dict[str, float]:
        """The tones that GDELT shows, which are those of ten articles of each degree at most. Failing them, none."""
        try:
            chart = self._ask("tonechart", start, end)
        except FetchFailed as error:
            if isinstance(error, BudgetSpent) or error.status is not None:
                raise
            return {}
        return tones(chart)

    def _ask(self, mode: str, start: datetime, end: datetime, **more: Any) -> Any:
        params = {
            "query": self._settings.query,
            "mode": mode,
            "format": "json",
            "startdatetime": f"{start:%Y%m%d%H%M%S}",
            "enddatetime": f"{end:%Y%m%d%H%M%S}",
        }
        return _read(self._web.get(f"{self._settings.site}/api/v2/doc/doc", params=params | more))


def fields(article: Any, tones: Mapping[str, float]) -> dict[str, Any]:
    """The fields of a mention."""
    url, domain = words(article, "url"), words(article, "domain")
    seen = seen_at(article)
    language = words(article, "language")
    tone = tones.get(_mark(article))
    return {
        "id": url if len(url) <= MAX_ID_CHARS else stable_id("article", url),
        "title": words(article, "title"),
        "text": "",
        "created_at": iso(seen) if seen else None,
        "network": "news",
        "url": url,
        "lang": LANGUAGES.get(language.lower()),
        "country": words(article, "sourcecountry"),
        "author": {"id": domain, "name": domain},
        "media": [picture] if (picture := words(article, "socialimage")) else [],
        "extra": {"gdelt_tone": tone} if tone is not None else {},
    }


def tones(chart: Any) -> dict[str, float]:
    """The tone of each article that the chart shows, by the article's hash. Below zero is negative."""
    found: dict[str, float] = {}
    for column in items(chart, "tonechart"):
        tone = dig(column, "bin")
        if isinstance(tone, int | float) and abs(tone) <= 100:
            found |= {_mark(one): float(tone) for one in items(column, "toparts")[:MOST_ARTICLES]}
    return found


def seen_at(article: Any) -> datetime | None:
    """When GDELT saw the article, such as 20260301T114500Z."""
    try:
        return datetime.strptime(words(article, "seendate"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _onward(start: datetime, last: datetime | None, now: datetime) -> tuple[datetime, Sequence[Gap]]:
    """The step to go on with after a full list. The rest of a step that fills a list alone is not shown, and lost."""
    if last is not None and start < last <= now:
        return last, []
    beyond = min(start + STEP, now)
    return beyond, [Gap(start, beyond, f"GDELT shows {MOST_ARTICLES} articles of a step at most")]


def _read(answer: Answer) -> Any:
    """The answer's values. GDELT says in plain text what it does not like, and writes backslashes that JSON does not know."""
    if not answer.body.lstrip().startswith((b"{", b"[")):
        said = " ".join(answer.text().split())[:200]
        raise FetchFailed(f"GDELT answered: {said}" if said else "GDELT gave an empty answer")
    try:
        return answer.json()
    except FetchFailed:
        mended = _LONE_BACKSLASH.sub(lambda found: found[0] if found[1] else rb"\\", answer.body)
        return replace(answer, body=mended).json()


def _articles(answer: Any) -> list[Any]:
    """The articles. GDELT answers an empty object where there are none."""
    return [] if answer == {} else listed(answer, "articles", "GDELT")


def _mark(article: Any) -> str:
    return hashlib.blake2b(words(article, "url").encode("utf-8", "replace"), digest_size=6).hexdigest()
