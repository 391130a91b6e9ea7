"""Reviews of one app in Apple's App Store, country by country, as the store's own feed of reviews shows them.

The feed shows ten pages of 50 reviews of a country, the newest first. Now and then a page comes empty though there are
reviews. So an empty page is never read as silence: the country counts as not heard, and the page is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.newest_first import Pass, ShownPage, ShownPost, step
from ingest.plain import dig, items, moment, number, taken, words
from ingest.source import Bad, Cursor, Fetched, FetchFailed, Gap, Natural, SourceContext, read_cursor
from ingest.sources.places import WebAddress
from ingest.web import Web
from tocsin.core import patterns
from tocsin.core.mention import Mention

BUDGET = Budget(20, per_s=60)
"""Apple names no limit for its feeds. For its search it names about 20 requests a minute."""

MOST_PAGES = 10
PAGE_SIZE = 50
# A review carries the time at which it was written, but turns up hours later, below reviews that came first.
LEAST_PAGES = 3
# How often a page in the middle is asked for before it is given up.
EMPTY_TRIES = 3
_PAGE_NUMBER = re.compile(r"/page=(\d{1,4})/")


class AppStoreSettings(BaseModel):
    """The settings of an app whose reviews are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app: str = Field(
        pattern=patterns.APP,
        description="The number in the app's address in the store, such as 1108187390.",
    )
    countries: tuple[Annotated[str, Field(pattern=patterns.STORE_COUNTRY)], ...] = Field(
        ("us",), min_length=1, max_length=40, description="Stores by country, such as tr, nl and ro."
    )
    interval_s: int = Field(900, ge=60, le=86_400, description="How often to ask.")
    site: WebAddress = Field("https://itunes.apple.com", description="The store's address.")


class _Country(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the reviews of a country were read."""

    reading: Pass = Pass()
    # When it last gave reviews, or was last told to be a gap.
    heard: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    # How often the page that is due came empty.
    empty: Natural = 0


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    countries: dict[str, _Country] = {}
    # The place of the country that is read next.
    turn: Natural = 0


class AppStoreSource:
    """The reviews of an app as a source; the module's docstring describes how they are read."""

    kind = "appstore"
    remote = True

    def __init__(self, context: SourceContext, settings: AppStoreSettings) -> None:
        self._name, self._settings = context.name, settings
        self._web = Web(context, BUDGET, who="the App Store")
        self._app = settings.app.removeprefix("id")
        self.target = f"{settings.site}/app/id{self._app}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of one country."""
        where = read_cursor(cursor, _Cursor)
        countries = self._settings.countries
        turn = where.turn % len(countries)
        country = countries[turn]
        before = where.countries.get(country, _Country())
        reading = before.reading.sound()
        asked = min(number(reading.next) or 1, MOST_PAGES)
        path = f"{country}/rss/customerreviews/page={asked}/id={self._app}/sortby=mostrecent/json"
        page = reviews(self._web.get(f"{self._settings.site}/{path}").json(), country, asked)
        if page.entries or before.empty >= EMPTY_TRIES - 1:
            read = step(reading, page, now, least_pages=LEAST_PAGES)
            mentions, bad = taken(read.brought, self._name)
            return self._answer(where, turn, _Country(read.after, now), read.gaps, read.more, mentions, bad)
        if asked > 1:
            return self._answer(where, turn, _Country(reading, before.heard, before.empty + 1))
        fault = f"the App Store gave an empty page for {country}: it has no reviews, or hides them just now"
        if len(countries) == 1:
            raise FetchFailed(fault)
        gaps = [Gap(before.heard, now, fault)] if before.heard else []
        return self._answer(where, turn, _Country(reading, now), gaps, warning=fault)

    def close(self) -> None:
        pass

    def _answer(
        self,
        where: _Cursor,
        turn: int,
        after: _Country,
        gaps: Sequence[Gap] = (),
        goes_on: bool = False,
        mentions: Sequence[Mention] = (),
        bad: Sequence[Bad] = (),
        warning: str | None = None,
    ) -> Fetched:
        """The answer of a fetch, and the turn of the next one: the same country while its pass goes on."""
        countries = self._settings.countries
        following = turn if goes_on else turn + 1
        kept = where.countries | {countries[turn]: after}
        cursor = _Cursor({name: kept[name] for name in countries if name in kept}, following % len(countries))
        return Fetched(
            mentions,
            bad,
            msgspec.to_builtins(cursor),
            more=following < len(countries),
            gaps=gaps,
            warning=warning,
        )


def reviews(answer: Any, country: str, asked: int) -> ShownPage:
    """The reviews of one page, the page with the number `asked`."""
    found = [entry for entry in items(answer, "feed", "entry") if dig(entry, "im:rating") is not None]
    last = _last_page(answer)
    is_full = len(found) >= PAGE_SIZE
    if asked >= MOST_PAGES:
        limit = f"the App Store shows {MOST_PAGES * PAGE_SIZE} reviews of a country at most"
        return ShownPage(_entries(found, country), cut=limit if is_full else None)
    if not found:
        return ShownPage(
            (), cut=f"page {asked} of the reviews came empty again and again" if asked > 1 else None
        )
    goes_on = asked < last if last is not None else is_full
    return ShownPage(_entries(found, country), next=str(asked + 1) if goes_on else None)


def _last_page(answer: Any) -> int | None:
    for link in items(answer, "feed", "link"):
        if dig(link, "attributes", "rel") == "last":
            named = _PAGE_NUMBER.search(words(link, "attributes", "href")[:2000])
            return int(named[1]) if named else None
    return None


def _entries(found: Sequence[Any], country: str) -> list[ShownPost]:
    return [ShownPost(_fields(one, country), moment(dig(one, "updated", "label"))) for one in found]


def _fields(one: Any, country: str) -> dict[str, Any]:
    author = words(one, "author", "uri", "label").rpartition("/id")[2]
    return {
        "id": words(one, "id", "label"),
        "title": words(one, "title", "label"),
        "text": words(one, "content", "label"),
        "created_at": words(one, "updated", "label") or None,
        "network": "appstore",
        "country": country.upper(),
        "url": words(one, "link", "attributes", "href"),
        "author": {"id": author, "name": words(one, "author", "name", "label")},
        "engagement": {"likes": number(one, "im:voteSum", "label")},
        "rating": number(one, "im:rating", "label"),
        "version": words(one, "im:version", "label"),
    }
