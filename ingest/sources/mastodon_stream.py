"""Mastodon as it happens: the streams of one instance over a websocket, with a user's token.

The streaming interface has no memory. So each new connection first asks the timelines for what came since the last status, while
the stream waits, and nothing lies between the two. Edits and deletions come by the stream only. Shapes: docs.joinmastodon.org,
Streaming API, Timelines API, and the entities Status and Instance.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.missed import MissedFirst
from ingest.plain import dig, moment, words
from ingest.source import Cursor, Fetched, FetchFailed, Gap, Natural, SourceContext
from ingest.sources.mastodon import BUDGET, PAGE_SIZE, SNOWFLAKE_BITS
from ingest.sources.mastodon_status import is_public, status_id, status_post
from ingest.sources.places import Hashtag, Secret, WebAddress
from ingest.streaming import INTERVAL, Heard, Streaming
from ingest.web import Web
from ingest.wires import WebSocket, Wire, WireEnded, WireMessage, check_wire
from tocsin.core.clock import EPOCH
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.reading import decoded, read_mention
from tocsin.settings.secrets import reveal

# A deletion names a status by the instance's own number, so the last ones are remembered by it.
REMEMBERED = 50_000
_PAGE, _NEWEST = "page ", "newest "
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class MastodonStreamSettings(BaseModel):
    """The settings of the streams of an instance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance: WebAddress = Field(description="The instance, such as mastodon.nl.")
    token: Secret = Field(description="env:NAME or file:PATH, with a user's token for it.")
    public: bool = Field(True, description="Hear the public timeline.")
    only_local: bool = Field(False, description="Only what is posted on the instance itself.")
    hashtags: tuple[Hashtag, ...] = Field((), max_length=40, description="Hashtags to hear as well.")
    first_minutes: int = Field(
        10, ge=0, le=7 * 24 * 60, description="How much of the past to hear at the very beginning."
    )

    @model_validator(mode="after")
    def _hears_something(self) -> MastodonStreamSettings:
        if not (self.public or self.hashtags):
            raise ValueError(Sentence("nothing is heard: set public or hashtags"))
        return self


class TimelinePlaces(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest status of each timeline, by its name: `public`, or `#` and a hashtag."""

    ids: dict[str, str] = {}
    # When the newest status of all was posted.
    posted: _Time | None = None
    # The messages that came, so that no two places are the same.
    count: Natural = 0


class MastodonStreamSource:
    """The streams of an instance as a source; the module's docstring describes how they are heard."""

    kind = "mastodon_stream"
    remote = True
    interval = INTERVAL

    def __init__(self, context: SourceContext, settings: MastodonStreamSettings, **streaming: Any) -> None:
        self.target = settings.instance
        self._dialect = MastodonStreams(context, settings)
        self._streaming: Streaming[TimelinePlaces] = Streaming(context, self._dialect, **streaming)

    @property
    def caught_up(self) -> int | None:
        """The pages that the timelines gave before the stream was heard; None while they still do."""
        before = self._dialect.before
        return None if before is None or before.left else before.pages

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        return self._streaming.fetch(cursor, now)

    def close(self) -> None:
        self._streaming.close()


class MastodonStreams:
    """The dialect of Mastodon's streams."""

    form = TimelinePlaces

    def __init__(self, context: SourceContext, settings: MastodonStreamSettings) -> None:
        self._context, self._settings = context, settings
        self._web = Web(context, BUDGET)
        self._host = urlsplit(settings.instance).netloc
        self._address: str | None = None
        self._uris: OrderedDict[str, str] = OrderedDict()
        # The newest connection.
        self.before: MissedFirst | None = None

    def open(self, at: TimelinePlaces, now: datetime) -> Wire:
        headers = {"authorization": f"Bearer {reveal(self._settings.token)}"}
        address = self._address or self._streaming_address(headers)
        # It is asked for again where nobody streams there any more.
        self._address = None
        socket = WebSocket(self._context, f"{address}/api/v1/streaming", headers=headers)
        self._address = address
        try:
            for name in self._timelines():
                socket.send(json.dumps({"type": "subscribe", **self._stream(name)}))
        except WireEnded as error:
            socket.close()
            raise FetchFailed(str(error)) from None
        self.before = MissedFirst(socket, self._before(at, now, headers))
        return self.before

    def read(self, message: WireMessage, at: TimelinePlaces, heard: Heard) -> TimelinePlaces:
        said = decoded(message.data)
        for kind in (_PAGE, _NEWEST):
            if message.event.startswith(kind):
                return self._page(message.event.removeprefix(kind), said, at, heard, anew=kind == _NEWEST)
        payload = words(said, "payload")
        match words(said, "event"):
            case "update":
                return self._status(self._name_of(said), decoded(payload.encode()), at, heard)
            case "status.update":
                self._take(decoded(payload.encode()), heard)
                return _counted(at)
            case "delete" if (uri := self._uris.get(payload)) is not None:
                heard.remove(id=uri)
                return _counted(at)
            case "":
                raise BadMention("malformed", "a message of Mastodon's stream names its event")
        return at

    def skip(self, at: TimelinePlaces, heard: Heard) -> TimelinePlaces:
        reason = "a status had too many bytes to be read; the stream is heard again from now on"
        heard.gaps.append(Gap(at.posted or heard.now, heard.now, reason))
        now_id = _id_at(heard.now)
        return TimelinePlaces(dict.fromkeys(self._timelines(), now_id), heard.now, at.count)

    # -- connecting --------------------------------------------------------------------------------------

    def _timelines(self) -> list[str]:
        tags = dict.fromkeys(tag.removeprefix("#").lower() for tag in self._settings.hashtags)
        return ["public"] * self._settings.public + [f"#{tag}" for tag in tags]

    def _stream(self, name: str) -> dict[str, str]:
        local = ":local" if self._settings.only_local else ""
        if name == "public":
            return {"stream": f"public{local}"}
        return {"stream": f"hashtag{local}", "tag": name[1:]}

    def _name_of(self, said: Any) -> str:
        """The timeline that a message belongs to."""
        tag = words(said, "stream", 1)
        return f"#{tag.lower()}" if words(said, "stream", 0).startswith("hashtag") else "public"

    def _streaming_address(self, headers: Mapping[str, str]) -> str:
        """Where the instance streams, as it says itself; else at its own host."""
        instance = self._settings.instance
        answer = self._web.get(f"{instance}/api/v2/instance", headers=headers, expected=(404,))
        said = words(answer.json(), "configuration", "urls", "streaming") if answer.status != 404 else ""
        try:
            return check_wire(said).rstrip("/")
        except WrongInput:
            return f"ws{instance.removeprefix('http')}"

    def _before(self, at: TimelinePlaces, now: datetime, headers: Mapping[str, str]) -> Iterator[WireMessage]:
        """The pages of each timeline that came since its last status, oldest first. Runs in the connection's thread."""
        first = _id_at(now - timedelta(minutes=self._settings.first_minutes))
        for name in self._timelines():
            known = at.ids.get(name)
            min_id: str | None = known or first
            page, data = self._asked(name, min_id, headers)
            if not page and known and at.posted is not None:
                # The instance may count its statuses anew.
                page, data = self._asked(name, None, headers)
                if _counts_anew(page, known, at.posted):
                    yield WireMessage(data, f"{_NEWEST}{name}")
                continue
            while page:
                yield WireMessage(data, f"{_PAGE}{name}")
                min_id = max((words(one, "id") for one in page), key=_order)
                page, data = self._asked(name, min_id, headers)

    def _asked(self, name: str, min_id: str | None, headers: Mapping[str, str]) -> tuple[list[Any], bytes]:
        path = "public" if name == "public" else f"tag/{quote(name[1:], safe='')}"
        params: dict[str, Any] = {"limit": PAGE_SIZE}
        if min_id is not None:
            params["min_id"] = min_id
        if self._settings.only_local:
            params["local"] = "true"
        url = f"{self._settings.instance}/api/v1/timelines/{path}"
        answer = self._web.get(url, params=params, headers=headers)
        page = answer.json()
        if not isinstance(page, list):
            raise FetchFailed(f"{answer.who} answered with something that is no timeline")
        return page, answer.body

    # -- reading -----------------------------------------------------------------------------------------

    def _page(self, name: str, page: Any, at: TimelinePlaces, heard: Heard, *, anew: bool) -> TimelinePlaces:
        statuses = sorted(page if isinstance(page, list) else [], key=lambda one: _order(words(one, "id")))
        if anew:
            times = [when for one in statuses if (when := moment(dig(one, "created_at"))) is not None]
            end = min((when for when in times if at.posted and when > at.posted), default=heard.now)
            if at.posted and at.posted < end:
                heard.gaps.append(Gap(at.posted, end, "the instance counts its statuses anew"))
            at = TimelinePlaces({**at.ids, name: "0"}, at.posted, at.count)
        for one in statuses:
            at = self._status(name, one, at, heard)
        return at

    def _status(self, name: str, raw: Any, at: TimelinePlaces, heard: Heard) -> TimelinePlaces:
        """The place after a status, which is added."""
        try:
            self._take(raw, heard)
        except BadMention as error:
            heard.refuse(WireMessage(json.dumps(raw).encode()), error)
        id, posted = words(raw, "id"), moment(dig(raw, "created_at"))
        newest = max(at.ids.get(name, "0"), id if id.isdigit() else "0", key=_order)
        if posted is None or posted > heard.now or (at.posted is not None and posted < at.posted):
            posted = at.posted
        return TimelinePlaces({**at.ids, name: newest}, posted, _counted(at).count)

    def _take(self, raw: Any, heard: Heard) -> None:
        if not is_public(raw):
            return
        mention = read_mention(
            status_post(raw, self._host).fields, source=self._context.name, fix_source=True
        )
        self._uris[words(raw, "id")] = status_id(words(raw, "uri"))
        if len(self._uris) > REMEMBERED:
            self._uris.popitem(last=False)
        heard.add(mention)


def _counted(at: TimelinePlaces) -> TimelinePlaces:
    return TimelinePlaces(at.ids, at.posted, (at.count + 1) % 10**9)


def _counts_anew(page: list[Any], known: str, posted: datetime) -> bool:
    """Whether a status came after the last one that was heard, with a smaller id."""
    newest = max(page, key=lambda one: _order(words(one, "id")), default=None)
    when = moment(dig(newest, "created_at"))
    return when is not None and when > posted and _order(words(newest, "id")) < _order(known)


def _order(id: str) -> tuple[int, str]:
    """The order of ids: numbers as texts, of which the longer one is the greater."""
    return len(id), id


def _id_at(when: datetime) -> str:
    """The id of a status of that time."""
    return str((when - EPOCH) // timedelta(milliseconds=1) << SNOWFLAKE_BITS)
