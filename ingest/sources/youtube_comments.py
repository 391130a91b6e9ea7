"""Comments on the videos of a YouTube channel, by the YouTube Data API with a key of the user's own.

Comment threads come newest first. A thread brings some of its replies along; where it has more, they are asked for one by
one. Each request costs one unit of the key's daily quota.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.newest_first import MOST_MARKS, Pass, ShownPage, ShownPost, step
from ingest.plain import dig, items, listed, moment, number, taken, values, words
from ingest.source import Cursor, Fetched, FetchFailed, SourceContext, read_cursor
from ingest.sources.places import Secret, WebAddress
from ingest.web import Answer, Web
from tocsin.core import patterns
from tocsin.settings.secrets import reveal

PER_DAY = 86_400
PAGE_SIZE = 100
# Pages of a channel that is read for the first time.
FIRST_PAGES = 3
# Threads whose replies wait to be read.
MOST_WAITING = 200
_HELP: Mapping[str, str] = {
    "quotaExceeded": "the key's quota of the day is spent; it is new at midnight in California",
    "dailyLimitExceeded": "the key's quota of the day is spent; it is new at midnight in California",
    "rateLimitExceeded": "it wants fewer requests",
    "commentsDisabled": "the channel or video takes no comments",
    "channelNotFound": "it knows no channel with this id",
    "keyInvalid": "it does not know the key; check it in the Google Cloud console",
    "badRequest": "it does not accept the key; check it in the Google Cloud console",
    "accessNotConfigured": "the key's project has not enabled the YouTube Data API v3",
}
_SPENT = {"quotaExceeded", "dailyLimitExceeded"}
_PAGE_IS_GONE = {"invalidPageToken", "processingFailure"}
_REFUSALS = (400, 403, 404)


class YouTubeCommentsSettings(BaseModel):
    """The settings of a channel whose comments are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = Field(
        pattern=patterns.YOUTUBE_CHANNEL,
        description="The channel's id, which begins with UC (not its @handle).",
    )
    key: Secret = Field(description="The API key, as env:NAME or file:PATH.")
    interval_s: int = Field(
        300, ge=30, le=86_400, description="How often to ask; each time costs a unit or more."
    )
    quota_per_day: int = Field(
        10_000, ge=10, le=10_000_000, description="Units that these requests may cost in 24 hours."
    )
    site: WebAddress = Field("https://www.googleapis.com", description="The address of Google's APIs.")


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    reading: Pass = Pass()
    # How many replies the threads had that were read lately.
    replies: dict[str, int] = {}
    # Threads with replies that are still to be read, and the page of each (empty: the first).
    waiting: dict[str, str] = {}


class YouTubeCommentsSource:
    """A channel's comments as a source; the module's docstring describes how they are read."""

    kind = "youtube_comments"
    remote = True

    def __init__(self, context: SourceContext, settings: YouTubeCommentsSettings) -> None:
        self._name, self._settings = context.name, settings
        self._web = Web(context, Budget(settings.quota_per_day, per_s=PER_DAY), who="YouTube")
        self.target = f"{settings.site} {settings.channel}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page, of threads or of the replies to one thread."""
        at = read_cursor(cursor, _Cursor)
        at = msgspec.structs.replace(at, reading=at.reading.sound())
        return self._replies(at) if at.waiting else self._threads(at, now)

    def close(self) -> None:
        pass

    def _threads(self, at: _Cursor, now: datetime) -> Fetched:
        answer = self._ask(
            "commentThreads",
            part="snippet,replies",
            allThreadsRelatedToChannelId=self._settings.channel,
            order="time",
            pageToken=at.reading.next,
        )
        if answer is None:
            return Fetched(cursor=msgspec.to_builtins(_Cursor(at.reading.again(), at.replies)), more=True)
        found = listed(answer, "items", "YouTube")
        read = step(at.reading, threads(found, words(answer, "nextPageToken")), now, FIRST_PAGES)
        replies, waiting = dict(at.replies), {}
        for thread in found:
            id, total = words(thread, "id"), number(thread, "snippet", "totalReplyCount") or 0
            if total > len(items(thread, "replies", "comments")) and total != at.replies.get(id):
                waiting[id] = ""
            if total:
                replies = {id: total} | {key: value for key, value in replies.items() if key != id}
        kept = _Cursor(read.after, dict(islice(replies.items(), MOST_MARKS)), waiting)
        mentions, bad = taken(read.brought, self._name)
        return Fetched(
            mentions, bad, msgspec.to_builtins(kept), more=read.more or bool(waiting), gaps=read.gaps
        )

    def _replies(self, at: _Cursor) -> Fetched:
        thread, page = next(iter(at.waiting.items()))
        left = {id: token for id, token in at.waiting.items() if id != thread}
        answer = self._ask("comments", part="snippet", parentId=thread, pageToken=page or None)
        following = words(answer, "nextPageToken")
        if following:
            left = {thread: following} | left
        found = [] if answer is None else listed(answer, "items", "YouTube")
        mentions, bad = taken(map(_fields, found), self._name)
        # A whole pass of threads may still be under way.
        more = bool(left) or at.reading.next is not None
        after = _Cursor(at.reading, at.replies, left)
        return Fetched(mentions, bad, msgspec.to_builtins(after), more=more)

    def _ask(self, resource: str, **params: str | None) -> Any:
        """The answer; None where the page that was asked for is gone."""
        given = {name: value for name, value in params.items() if value is not None}
        answer = self._web.get(
            f"{self._settings.site}/youtube/v3/{resource}",
            params={"maxResults": PAGE_SIZE, "textFormat": "plainText"} | given,
            headers={"x-goog-api-key": reveal(self._settings.key)},
            expected=_REFUSALS,
        )
        found = values(answer)
        if answer.status not in _REFUSALS:
            return found
        reason = words(found, "error", "errors", 0, "reason")
        if reason in _PAGE_IS_GONE and "pageToken" in given:
            return None
        if resource == "comments" and answer.status == 404:
            # The thread was deleted meanwhile.
            return None
        raise _refusal(answer, reason)


def threads(found: list[Any], following: str) -> ShownPage:
    """The comments on a page of threads, with the replies that stand there."""
    entries = []
    for thread in found:
        top = dig(thread, "snippet", "topLevelComment")
        replies = number(thread, "snippet", "totalReplyCount")
        entries.append(_entry(_fields(top) | {"engagement": _figures(top, replies)}))
        # A reply to an old thread is not old itself, and an old reply makes no thread old.
        entries += [_entry(_fields(one)) for one in items(thread, "replies", "comments")]
    return ShownPage(entries, following or None)


def _entry(fields: dict[str, Any]) -> ShownPost:
    return ShownPost(fields, moment(fields["created_at"]))


def _fields(comment: Any) -> dict[str, Any]:
    id, video = words(comment, "id"), words(comment, "snippet", "videoId")
    posted, updated = words(comment, "snippet", "publishedAt"), words(comment, "snippet", "updatedAt")
    address = f"https://www.youtube.com/watch?v={video}&lc={id}" if video else ""
    return {
        "id": id,
        "text": words(comment, "snippet", "textOriginal") or words(comment, "snippet", "textDisplay"),
        "created_at": posted or None,
        "edited_at": updated if updated and updated != posted else None,
        "network": "youtube",
        "url": address,
        "author": {
            "id": words(comment, "snippet", "authorChannelId", "value"),
            "name": words(comment, "snippet", "authorDisplayName"),
        },
        "in_reply_to": words(comment, "snippet", "parentId") or video,
        "thread": video,
        "engagement": _figures(comment, None),
    }


def _figures(comment: Any, replies: int | None) -> dict[str, int | None]:
    return {"likes": number(comment, "snippet", "likeCount"), "replies": replies}


def _refusal(answer: Answer, reason: str) -> FetchFailed:
    said = _HELP.get(reason) or f"{reason or 'it'} refuses this request"[:200]
    wait = timedelta(hours=1) if reason in _SPENT else None
    return FetchFailed(f"YouTube answered {answer.status}: {said}", wait, status=answer.status)
