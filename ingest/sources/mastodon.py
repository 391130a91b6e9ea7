"""Public and hashtag timelines of Mastodon instances, polled forward from the last status that was read.

Each timeline of each instance is a lane. `min_id` asks for what comes right after the last status, so a page limit loses
nothing. Before its first timeline, each instance is asked which timelines it shows to whom (`configuration.timelines_access`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ingest.budget import Budget
from ingest.lanes import InTurn, PlacesInTurn
from ingest.monitored import hashtags_of
from ingest.plain import dig, moment, taken, words
from ingest.source import Cursor, Fetched, FetchFailed, Gap, SourceContext, read_cursor
from ingest.sources.mastodon_status import is_public, status_post
from ingest.sources.places import Hashtag, Secret, WebAddresses
from ingest.web import Web
from tocsin.core.clock import EPOCH
from tocsin.core.sentences import Sentence
from tocsin.settings.secrets import reveal

BUDGET = Budget(300, per_s=300)
"""Mastodon allows an address 300 requests in five minutes (docs.joinmastodon.org, Rate limits)."""

PAGE_SIZE = 40
# The instance says anew which timelines it shows.
ACCESS_HOLDS = timedelta(hours=6)
# A timeline that is silent is asked for its newest statuses so often, in case the instance counts its statuses anew.
DOUBT_EVERY = timedelta(hours=1)
# Bits of a status's id below the milliseconds since 1970 (Mastodon, lib/mastodon/snowflake.rb).
SNOWFLAKE_BITS = 16
MOST_TAGS = 40
_PUBLIC, _TAG = "public", "#"
_SHOWN_TO_ALL = ("public", "")
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class MastodonSettings(BaseModel):
    """The settings of Mastodon."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instances: WebAddresses = Field(
        ("mastodon.social",), min_length=1, max_length=20, description="Instances, such as mastodon.nl."
    )
    public: bool = Field(True, description="Read the public timeline of each instance.")
    hashtags: tuple[Hashtag, ...] = Field(
        (), max_length=MOST_TAGS, description="Hashtags whose timelines are read as well."
    )
    hashtags_of_monitors: bool = Field(
        False, description="Also read the hashtags that the monitors' queries name."
    )
    only_local: bool = Field(False, description="Only what is posted on the instance itself.")
    token: Secret | None = Field(None, description="env:NAME or file:PATH, for an instance that wants one.")
    look_back_minutes: int = Field(
        0, ge=0, le=10_080, description="How far back the first reading goes; 0: the newest 40 statuses."
    )
    interval_s: int = Field(60, ge=10, le=86_400, description="How often to ask.")

    @field_validator("hashtags")
    @classmethod
    def _plain_tags(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.removeprefix("#") for one in value))

    @model_validator(mode="after")
    def _reads_something(self) -> MastodonSettings:
        if not (self.public or self.hashtags or self.hashtags_of_monitors):
            raise ValueError(Sentence("nothing is read: set public, hashtags or hashtags_of_monitors"))
        if self.token and len(self.instances) > 1:
            raise ValueError(
                Sentence("a token is for one instance; define a source for each instance that needs one")
            )
        return self


class _Timeline(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a timeline was read."""

    min_id: str | None = None
    # When the newest status that was read was posted.
    posted: _Time | None = None


class MastodonSource(InTurn):
    """Mastodon as a source; the module's docstring describes how it is read."""

    kind = "mastodon"
    remote = True
    # Each timeline has its instance in its key, so a changed list of instances keeps the others' places.
    target = "mastodon"

    def __init__(self, context: SourceContext, settings: MastodonSettings) -> None:
        self._name, self._settings, self._queries = context.name, settings, context.queries
        self._web = Web(context, BUDGET)
        self._access: dict[str, tuple[datetime, Any]] = {}
        # When each timeline was last asked for its newest statuses, and those that are in doubt.
        self._checked: dict[str, datetime] = {}
        self._doubted: set[str] = set()
        self._lanes = PlacesInTurn(self._keys(), self._read)
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        keys = self._keys()
        if not keys:
            return Fetched(cursor=cursor, warning="nothing is read: no monitor's query names a hashtag")
        self._lanes.change(keys)
        return super().fetch(cursor, now)

    def _keys(self) -> Sequence[str]:
        """The timelines to read, as `instance public` or `instance #tag`."""
        settings = self._settings
        monitored = hashtags_of(self._queries()) if settings.hashtags_of_monitors else ()
        tags = list(dict.fromkeys((*settings.hashtags, *monitored)))[:MOST_TAGS]
        timelines = [_PUBLIC] * settings.public + [f"{_TAG}{tag}" for tag in tags]
        return [f"{instance} {timeline}" for instance in settings.instances for timeline in timelines]

    def _read(self, key: str, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of one timeline."""
        instance, _, timeline = key.partition(" ")
        at = read_cursor(cursor, _Timeline)
        min_id = None if key in self._doubted else at.min_id or self._first_id(now)
        page, who = self._page(instance, timeline, min_id, now)
        if not isinstance(page, list):
            raise FetchFailed(f"{who} answered with something that is no timeline")
        if min_id is None:
            self._checked[key] = now
            self._doubted.discard(key)
        elif not page and now - self._checked.get(key, EPOCH) >= DOUBT_EVERY:
            self._doubted.add(key)
            return Fetched(cursor=cursor, more=True)
        return advanced(at, page, min_id is not None, urlsplit(instance).netloc, self._name, now)

    def _page(self, instance: str, timeline: str, min_id: str | None, now: datetime) -> tuple[Any, str]:
        """The statuses right after `min_id` (None: the newest), and who answered."""
        settings = self._settings
        access = self._access_of(instance, now)
        scope = shown(access, timeline, only_local=settings.only_local, signed_in=bool(settings.token))
        if scope is None:
            raise FetchFailed(_hidden(instance, timeline), ACCESS_HOLDS)
        path = "public" if timeline == _PUBLIC else f"tag/{quote(timeline.removeprefix(_TAG), safe='')}"
        answer = self._web.get(
            f"{instance}/api/v1/timelines/{path}",
            params={"limit": PAGE_SIZE, **scope, **({} if min_id is None else {"min_id": min_id})},
            headers=self._headers(),
            expected=() if timeline == _PUBLIC else (404,),
        )
        # Nobody on the instance has used the hashtag yet.
        return [] if answer.status == 404 else answer.json(), answer.who

    def _first_id(self, now: datetime) -> str | None:
        """The id of a status of the time where the first reading begins; None: it begins with the newest."""
        minutes = self._settings.look_back_minutes
        since = now - timedelta(minutes=minutes) - EPOCH
        return str(since // timedelta(milliseconds=1) << SNOWFLAKE_BITS) if minutes else None

    def _access_of(self, instance: str, now: datetime) -> Any:
        """The timelines that the instance shows, as it says itself. An instance that does not say shows all."""
        known = self._access.get(instance)
        if known is None or now - known[0] >= ACCESS_HOLDS:
            answer = self._web.get(f"{instance}/api/v2/instance", headers=self._headers(), expected=(404,))
            said = answer.json() if answer.status != 404 else None
            known = self._access[instance] = now, dig(said, "configuration", "timelines_access")
        return known[1]

    def _headers(self) -> Mapping[str, str]:
        token = self._settings.token
        return {"authorization": f"Bearer {reveal(token)}"} if token else {}


def shown(access: Any, timeline: str, *, only_local: bool, signed_in: bool) -> Mapping[str, str] | None:
    """The parameters that ask for as much of the timeline as the instance shows us; None where it shows nothing.

    `access` is its `timelines_access`: for local and for remote statuses `public`, `authenticated` or `disabled`.
    """
    feeds = dig(access, "live_feeds" if timeline == _PUBLIC else "hashtag_feeds")
    allowed = (*_SHOWN_TO_ALL, "authenticated") if signed_in else _SHOWN_TO_ALL
    local, remote = (words(feeds, part) in allowed for part in ("local", "remote"))
    if only_local or not remote:
        return {"local": "true"} if local else None
    return {} if local else {"remote": "true"}


def advanced(
    at: _Timeline, page: Sequence[Any], forward: bool, host: str, name: str, now: datetime
) -> Fetched:
    """The mentions of a page, and where the timeline goes on. A page that was not asked for `forward` is the newest."""
    if not page:
        return Fetched(cursor=msgspec.to_builtins(at))
    newest = max(page, key=lambda raw: _order(words(raw, "id")))
    found = [status_post(raw, host) for raw in page if is_public(raw)]
    gaps: Sequence[Gap] = ()
    if not forward and at.min_id is not None:
        if not _counts_anew(newest, at):
            # The instance is the one that it was. The newest statuses are asked for from where we are.
            more = _order(words(newest, "id")) > _order(at.min_id)
            return Fetched(cursor=msgspec.to_builtins(at), more=more)
        gaps = _gap(at, [post.at for post in found if post.at is not None], now)
    mentions, bad = taken([post.fields for post in found], name)
    posted = min(moment(dig(newest, "created_at")) or at.posted or now, now)
    after = _Timeline(words(newest, "id") or at.min_id, posted)
    more = forward and len(page) >= PAGE_SIZE
    return Fetched(mentions, bad, msgspec.to_builtins(after), more=more, gaps=gaps)


def _counts_anew(newest: Any, at: _Timeline) -> bool:
    """Whether the newest status came after the last one that was read, with a smaller id: the instance is another one now."""
    posted = moment(dig(newest, "created_at"))
    later = posted is not None and at.posted is not None and posted > at.posted
    return later and _order(words(newest, "id")) < _order(at.min_id or "")


def _gap(at: _Timeline, times: Sequence[datetime], now: datetime) -> Sequence[Gap]:
    """The time between the last status of the old count and the first one that the new count shows."""
    end = min((one for one in times if at.posted is not None and one > at.posted), default=now)
    return (
        [Gap(at.posted, end, "the instance counts its statuses anew")]
        if at.posted and at.posted < end
        else ()
    )


def _order(id: str) -> tuple[int, str]:
    """The order of ids: numbers as texts, of which the longer one is the greater."""
    return len(id), id


def _hidden(instance: str, timeline: str) -> str:
    what = "its public timeline" if timeline == _PUBLIC else "hashtags"
    host = urlsplit(instance).hostname
    return f"{host} shows {what} to nobody, or only with a token of its own: choose another instance, or give one"
