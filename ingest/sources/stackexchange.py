"""Questions and answers of Stack Exchange sites, by the time of their last activity.

Shapes and limits are those of api.stackexchange.com/docs (version 2.3): the wrapper, /questions, /answers, the filter `withbody`,
throttling. Each list of each site is a lane. `backoff` in an answer is obeyed before that list is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.lanes import InTurn, PlacesInTurn
from ingest.markup import html_to_text
from ingest.newest_first import ShownPost
from ingest.oldest_first import Climb, step, young
from ingest.plain import dig, items, number, taken, unix_moment, words
from ingest.source import Cursor, Fetched, FetchFailed, SourceContext, read_cursor
from ingest.sources.places import Secret, WebAddress
from ingest.web import Web
from tocsin.core import patterns
from tocsin.core.clock import iso
from tocsin.core.sentences import Sentence
from tocsin.core.text import one_line
from tocsin.settings.secrets import reveal

NETWORK = "stackexchange"
BUDGET = Budget(300, per_s=86_400)
# Sites in other languages have tags of their own letters.
_TAG = re.compile(r"(?=.*[^\W_])[\w+#.-]{1,35}")
"""An address without a key has 300 requests a day (api.stackexchange.com/docs/throttle)."""

BUDGET_WITH_KEY = Budget(10_000, per_s=86_400)
PAGE_SIZE = 100
# Beyond this page the API asks for a token.
MOST_PAGES = 25
LISTS: Final[Mapping[str, str]] = {"questions": "question_id", "answers": "answer_id"}
"""The lists that are read, and the field that holds the id in each."""

# The id of the error "too many requests from this address".
THROTTLED = 502
# A whole day's requests must last the day, with some to spare for tests and restarts.
SPARED = 0.85
LONGEST_BACKOFF = timedelta(hours=6)


def _tags(value: str) -> str:
    """The tags without blanks around them, parted by single semicolons. Raises ValueError for what is no tag."""
    tags = [tag for one in value.split(";") if (tag := one.strip())]
    if value and not tags:
        raise ValueError(Sentence("no tag is named: write them like python;pandas"))
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise ValueError(
                Sentence(
                    "{value} is no tag: a tag is one word of letters, digits and + # . -, such as c# or node.js",
                    value=repr(tag[:40]),
                )
            )
    return ";".join(tags)


class StackExchangeSettings(BaseModel):
    """The settings of Stack Exchange."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sites: tuple[Annotated[str, Field(pattern=patterns.SITE)], ...] = Field(
        ("stackoverflow",), min_length=1, max_length=20, description="Sites by their names in the API."
    )
    lists: tuple[Literal["questions", "answers"], ...] = Field(
        ("questions", "answers"), min_length=1, max_length=2, description="What is read of each site."
    )
    tagged: Annotated[str, AfterValidator(_tags)] | None = Field(
        None,
        max_length=200,
        description="Only questions with all of these tags, parted by semicolons; no answers.",
    )
    key: Secret | None = Field(
        None,
        description="env:NAME or file:PATH; 10,000 requests a day instead of 300.",
    )
    look_back_hours: int = Field(24, ge=1, le=2160, description="How far back the first reading goes.")
    interval_s: int | None = Field(
        None, ge=60, le=86_400, description="How often to ask; default: so that the day's requests suffice."
    )
    site: WebAddress = Field("https://api.stackexchange.com", description="The address of the API.")


class StackExchangeSource(InTurn):
    """Stack Exchange as a source; the module's docstring describes how it is read."""

    kind = "stackexchange"
    remote = True

    def __init__(self, context: SourceContext, settings: StackExchangeSettings) -> None:
        self._name, self._settings = context.name, settings
        # Each list of each site has its place in the cursor by its name, so a changed list of sites keeps the others' places.
        self.target = settings.site
        self._budget = context.budget
        self._web = Web(context, BUDGET_WITH_KEY if settings.key else BUDGET, who="Stack Exchange")
        self._max_age = timedelta(days=context.ingest.max_age_days)
        lists = ("questions",) if settings.tagged else settings.lists
        keys = [f"{site} {name}" for site in settings.sites for name in lists]
        self._lanes = PlacesInTurn(keys, self._read)
        self.interval = timedelta(seconds=settings.interval_s or _patient(len(keys), bool(settings.key)))

    def _read(self, key: str, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of one list of one site."""
        site, _, name = key.partition(" ")
        at = read_cursor(cursor, Climb)
        start = at.start(now - timedelta(hours=self._settings.look_back_hours))
        said = self._ask(site, name, start, at.pages + 1)
        self._note_quota(said, now)
        entries = [post_entry(raw, site, LISTS[name]) for raw in items(said, "items")]
        found = step(at, start, entries, now, full=dig(said, "has_more") is True, most_pages=MOST_PAGES)
        mentions, bad = taken(young(found.brought, now - self._max_age), self._name)
        cursor = msgspec.to_builtins(found.after)
        wait = backoff_of(said)
        return Fetched(mentions, bad, cursor, more=found.more, retry_after=wait, gaps=found.gaps)

    def _ask(self, site: str, name: str, start: datetime, page: int) -> Any:
        """The wrapper of the answer. Raises `FetchFailed` with the API's own words where it answers with an error."""
        settings = self._settings
        params = {
            "site": site,
            "sort": "activity",
            "order": "asc",
            "min": int(start.timestamp()),
            "page": page,
            "pagesize": PAGE_SIZE,
            "filter": "withbody",
        }
        if settings.tagged:
            params["tagged"] = settings.tagged
        if settings.key:
            params["key"] = reveal(settings.key)
        answer = self._web.get(f"{settings.site}/2.3/{name}", params=params, expected=(400,))
        said = answer.json()
        if answer.status == 400:
            raise refusal(said)
        if not isinstance(dig(said, "items"), list):
            raise FetchFailed("Stack Exchange answered with something that is no list of posts")
        return said

    def _note_quota(self, said: Any, now: datetime) -> None:
        """Tell all sources how many of today's requests are left."""
        left = number(said, "quota_remaining")
        if left is not None:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            self._budget.told(urlsplit(self._settings.site).netloc, left, midnight, now)


def post_entry(raw: Any, site: str, id_field: str) -> ShownPost:
    """A question or an answer of the site. `ShownPost.at` is its last activity."""
    id, question = words(raw, id_field), words(raw, "question_id")
    created, edited = unix_moment(dig(raw, "creation_date")), unix_moment(dig(raw, "last_edit_date"))
    user = words(raw, "owner", "account_id") or words(raw, "owner", "user_id")
    fields: dict[str, Any] = {
        "id": f"{site}/{id}" if id else "",
        "network": NETWORK,
        "url": words(raw, "link") or f"https://{domain_of(site)}/a/{id}",
        "created_at": iso(created) if created else None,
        "edited_at": iso(edited) if edited else None,
        "title": html_to_text(words(raw, "title")),
        "text": html_to_text(words(raw, "body")),
        "author": {"id": user, "name": html_to_text(words(raw, "owner", "display_name"))} if user else None,
        "in_reply_to": f"{site}/{question}" if question and question != id else None,
        "thread": f"{site}/{question}" if question else None,
        "hashtags": [words(tag) for tag in items(raw, "tags")],
        "engagement": {
            "likes": number(raw, "score"),
            "replies": number(raw, "answer_count"),
            "views": number(raw, "view_count"),
        },
        "extra": {"site": site},
    }
    return ShownPost(fields, unix_moment(dig(raw, "last_activity_date")) or created)


def domain_of(site: str) -> str:
    """The host on which people read the site."""
    return _DOMAINS.get(site) or (site if "." in site else f"{site}.stackexchange.com")


_DOMAINS: Final[Mapping[str, str]] = {
    "askubuntu": "askubuntu.com",
    "serverfault": "serverfault.com",
    "stackapps": "stackapps.com",
    "stackoverflow": "stackoverflow.com",
    "superuser": "superuser.com",
}


def backoff_of(said: Any) -> timedelta | None:
    """The wait that the answer asks for before the same list may be asked again."""
    seconds = number(said, "backoff")
    return min(timedelta(seconds=min(seconds, 10**6)), LONGEST_BACKOFF) if seconds else None


def refusal(said: Any) -> FetchFailed:
    """The failure behind an answer with an error. A throttled address is told the time to wait in the message alone."""
    message = one_line(words(said, "error_message"), 200) or "it does not say why"
    if number(said, "error_id") != THROTTLED:
        return FetchFailed(f"Stack Exchange refuses the question: {message}", status=400)
    found = re.search(r"in (\d{1,6}) seconds", message)
    wait = min(timedelta(seconds=int(found[1])), LONGEST_BACKOFF) if found else LONGEST_BACKOFF
    return FetchFailed(f"Stack Exchange takes no more requests of ours today: {message}", wait, status=400)


def _patient(lists: int, with_key: bool) -> int:
    """Seconds between two rounds over so many lists, such that the day's requests last the day."""
    budget = BUDGET_WITH_KEY if with_key else BUDGET
    return max(60, round(lists * budget.per_s / (budget.requests * SPARED)))
