"""What a Telegram bot of the user's own hears: posts of channels and groups that it was added to, and letters to it.

Telegram keeps what the bot has not confirmed, for 24 hours. Asking with an offset confirms everything before it. So only an
offset is sent that was stored after a hand-over, and a bot that was not asked for a day has a gap. After a quiet week Telegram
goes on counting from any number, maybe a lower one. So an offset is sent until Telegram has nothing more, and then none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.plain import dig, items, listed, number, taken, unix_moment, values, words
from ingest.source import Cursor, Fetched, FetchFailed, Gap, SourceContext, read_cursor
from ingest.sources.places import Secret, WebAddress
from ingest.web import Answer, Web, retry_after
from tocsin.core.clock import iso
from tocsin.settings.secrets import reveal

BUDGET = Budget(30, per_s=60)
"""Telegram names limits for sending only. This one is ours."""

MOST_UPDATES = 100
KEPT = timedelta(hours=24)
# A bot that hears nothing changes its cursor no more often than this.
NOTED = timedelta(minutes=10)
PER_DAY = 86_400
_POSTS = ("message", "edited_message", "channel_post", "edited_channel_post")
_HELP: Mapping[int, str] = {
    401: "it does not know this token; ask @BotFather for the bot's token",
    404: "it does not know this token; ask @BotFather for the bot's token",
    409: "somebody else reads this bot's updates (a webhook, or another program); take that away first",
}


class TelegramBotSettings(BaseModel):
    """The settings of a bot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Secret = Field(description="The bot's token, as env:NAME or file:PATH.")
    private: bool = Field(False, description="Whether messages to the bot itself are heard, too.")
    interval_s: int = Field(10, ge=2, le=3600, description="How often to ask.")
    site: WebAddress = Field(
        "https://api.telegram.org", description="The address of Telegram's API for bots."
    )


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    # The first update that was not handed over; None: Telegram holds none that was.
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    asked_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class TelegramBotSource:
    """A bot as a source; the module's docstring describes how it is read."""

    kind = "telegram_bot"
    remote = True

    def __init__(self, context: SourceContext, settings: TelegramBotSettings) -> None:
        self._name, self._settings = context.name, settings
        self._web = Web(context, BUDGET, who="Telegram")
        self.target = f"{settings.site} {settings.token}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        at = read_cursor(cursor, _Cursor)
        params: dict[str, Any] = {
            "limit": MOST_UPDATES,
            "timeout": 0,
            "allowed_updates": json.dumps(_POSTS),
        }
        if at.offset is not None:
            params["offset"] = at.offset
        url = f"{self._settings.site}/bot{reveal(self._settings.token)}/getUpdates"
        updates = _result(self._web.get(url, params=params, expected=(*_HELP, 429)), now)
        ids = [id for one in updates if (id := number(one, "update_id")) is not None]
        posts = [post for one in updates if (post := self._post(one)) is not None]
        mentions, bad = taken(posts, self._name)
        late = at.asked_at is not None and now - at.asked_at > KEPT
        gaps = (
            [Gap(at.asked_at, now - KEPT, "Telegram keeps updates for 24 hours")]
            if late and at.asked_at
            else []
        )
        is_new = at.asked_at is None or bool(ids) or now - at.asked_at > NOTED
        # An empty answer says that all before the offset is confirmed: the next update is the first, whatever its number.
        offset = max(ids) + 1 if ids else at.offset if updates else None
        after = _Cursor(offset, now if is_new else at.asked_at)
        return Fetched(
            mentions,
            bad,
            msgspec.to_builtins(after),
            more=len(updates) >= MOST_UPDATES and bool(ids),
            gaps=gaps,
        )

    def close(self) -> None:
        pass

    def _post(self, update: Any) -> dict[str, Any] | None:
        post = next((found for name in _POSTS if (found := dig(update, name)) is not None), None)
        if post is None or (words(post, "chat", "type") == "private" and not self._settings.private):
            return None
        return fields(post)


def fields(post: Any) -> dict[str, Any]:
    """The fields of a mention, from a `Message` of the API."""
    chat = words(post, "chat", "id")
    handle = words(post, "chat", "username")
    id = words(post, "message_id")
    posted, edited = unix_moment(dig(post, "date")), unix_moment(dig(post, "edit_date"))
    answered = words(post, "reply_to_message", "message_id")
    origin = dig(post, "forward_origin")
    text = words(post, "text") or words(post, "caption") or words(post, "poll", "question")
    entities = [*items(post, "entities"), *items(post, "caption_entities")]
    return {
        "id": f"{chat}/{id}" if chat and id else "",
        "text": text,
        "created_at": iso(posted) if posted else None,
        "edited_at": iso(edited) if edited else None,
        "network": "telegram",
        "url": f"https://t.me/{handle}/{id}" if handle else "",
        "author": _author(post),
        "in_reply_to": f"{chat}/{answered}" if answered else "",
        "repost_of": _origin(origin),
        "thread": f"{chat}/{words(post, 'message_thread_id')}" if dig(post, "message_thread_id") else "",
        "hashtags": [tag for one in entities if (tag := _part(text, one, "hashtag"))],
        "links": [link for one in entities if (link := words(one, "url") or _part(text, one, "url"))],
        "chat": words(post, "chat", "title"),
    }


def _author(post: Any) -> dict[str, Any]:
    """The person; in a channel, or behind a group's own name, the chat."""
    person = dig(post, "from")
    one = dig(post, "sender_chat") or person or dig(post, "chat")
    name = " ".join(filter(None, (words(one, "first_name"), words(one, "last_name")))) or words(one, "title")
    return {"id": words(one, "id"), "handle": words(one, "username"), "name": name}


def _origin(origin: Any) -> str:
    chat, id = words(origin, "chat", "id"), words(origin, "message_id")
    return f"{chat}/{id}" if chat and id else ""


def _part(text: str, entity: Any, kind: str) -> str:
    """The part of the text that the entity marks. Telegram counts in units of UTF-16."""
    start, length = number(entity, "offset"), number(entity, "length")
    if words(entity, "type") != kind or start is None or length is None:
        return ""
    units = text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * (start + length)]
    return units.decode("utf-16-le", "replace")


def _result(answer: Answer, now: datetime) -> list[Any]:
    """The updates. Raises `FetchFailed` with what the API says is wrong."""
    found = values(answer)
    if dig(found, "ok") is True:
        return listed(found, "result", "Telegram")
    code = number(found, "error_code") or answer.status
    seconds = number(found, "parameters", "retry_after")
    wait = (
        timedelta(seconds=min(seconds, PER_DAY))
        if seconds
        else retry_after(answer.headers.get("retry-after"), now)
    )
    said = _HELP.get(code) or words(found, "description")[:200] or "it gives no updates"
    raise FetchFailed(f"Telegram answered {code}: {said}", wait, status=code)
