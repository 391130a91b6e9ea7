"""Posts and comments that Lemmy instances show, newest first, over version 3 or 4 of its API.

Shapes: LemmyNet/lemmy-js-client (GetPosts, GetComments, PostView, CommentView, PagedResponse). Version 4 names its times
`published_at`, keeps its counts in the post, and pages by a cursor; version 3 pages by numbers. Each list of each instance is a
lane. The id is the address that federation knows the post by, so a post that several instances show is one mention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.lanes import InTurn, PlacesInTurn
from ingest.newest_first import Pass, ShownPage, ShownPost, step
from ingest.plain import dig, number, taken, words
from ingest.source import Cursor, Fetched, FetchFailed, Removed, SourceContext, read_cursor
from ingest.sources.places import WebAddresses
from ingest.web import Answer, Web, refused
from tocsin.core.clock import iso
from tocsin.core.ids import stable_id
from tocsin.core.mention import MAX_ID_CHARS

NETWORK = "lemmy"
BUDGET = Budget(60, per_s=60)
"""Each instance sets its own limits, and tells them to nobody. This is what Tocsin asks of one at most."""

PAGE_SIZE = 50
V3, V4 = "v3", "v4"
LISTS: Final[Mapping[str, tuple[str, str]]] = {
    "posts": ("post", "posts"),
    "comments": ("comment", "comments"),
}
"""The lists that are read: the name of one in addresses and views, and of the list in an answer of version 3."""

# An instance may have been upgraded: the version is looked for anew.
VERSION_HOLDS = timedelta(hours=6)


class LemmySettings(BaseModel):
    """The settings of Lemmy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instances: WebAddresses = Field(
        ("lemmy.world",), min_length=1, max_length=20, description="Instances, such as feddit.nl."
    )
    lists: tuple[Literal["posts", "comments"], ...] = Field(
        ("posts", "comments"), min_length=1, max_length=2, description="What is read of each."
    )
    only_local: bool = Field(False, description="Only what is posted in the instance's own communities.")
    interval_s: int = Field(60, ge=10, le=86_400, description="How often to ask.")


class LemmySource(InTurn):
    """Lemmy as a source; the module's docstring describes how it is read."""

    kind = "lemmy"
    remote = True
    # Each list has its instance in its key, so a changed list of instances keeps the others' places.
    target = "lemmy"

    def __init__(self, context: SourceContext, settings: LemmySettings) -> None:
        self._name, self._settings = context.name, settings
        self._web = Web(context, BUDGET)
        # The version of each instance's API, and when it was looked for.
        self._versions: dict[str, tuple[str, datetime]] = {}
        keys = [f"{instance} {name}" for instance in settings.instances for name in settings.lists]
        self._lanes = PlacesInTurn(keys, self._read)
        self.interval = timedelta(seconds=settings.interval_s)

    def _read(self, key: str, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of one list of one instance."""
        instance, _, name = key.partition(" ")
        at = read_cursor(cursor, Pass).sound()
        version, said, at = self._page(instance, name, at, now)
        if said is None:
            return Fetched(cursor=msgspec.to_builtins(at), more=True)
        found, next_page = listed_views(said, version, name, at)
        if found is None:
            raise FetchFailed(
                f"{urlsplit(instance).hostname} answered with something that is no list of {name}"
            )
        posts, removed = views(found, name)
        result = step(at, ShownPage(posts, next_page), now, first_pages=1)
        mentions, bad = taken(result.brought, self._name)
        after = msgspec.to_builtins(result.after)
        return Fetched(mentions, bad, after, more=result.more, gaps=result.gaps, removed=removed)

    def _page(self, instance: str, name: str, at: Pass, now: datetime) -> tuple[str, Any, Pass]:
        """The version that answered, its answer, and the pass that the page belongs to. No answer: the pass begins again."""
        known = self._versions.get(instance)
        tried = (known[0],) if known and now - known[1] < VERSION_HOLDS else (V4, V3)
        for version in tried:
            page_of = at.next.partition(":")[0] if at.next else version
            if page_of != version:
                at = at.again()
            answer = self._web.get(
                f"{instance}/api/{version}/{LISTS[name][0]}/list",
                params=self._params(version, at),
                expected=(400, 404),
            )
            if answer.status == 400 and at.next is not None:
                # The instance knows the page no longer.
                return version, None, at.again()
            # Where there is no version 4, some servers answer with the web page.
            is_answer = answer.status < 300 and _is_json(answer)
            if is_answer:
                self._versions[instance] = version, known[1] if known and len(tried) == 1 else now
            if is_answer or (answer.status < 300 and version == tried[-1]):
                return version, answer.json(), at
        self._versions.pop(instance, None)
        raise refused(answer.who, answer.status, None)

    def _params(self, version: str, at: Pass) -> Mapping[str, Any]:
        listing, order = ("Local" if self._settings.only_local else "All"), "New"
        page = at.next.partition(":")[2] if at.next else None
        if version == V3:
            return {"type_": listing, "sort": order, "limit": PAGE_SIZE, "page": page or "1"}
        asked = {"type_": listing.lower(), "sort": order.lower(), "limit": PAGE_SIZE}
        return asked | ({"page_cursor": page} if page else {})


def _is_json(answer: Answer) -> bool:
    try:
        answer.json()
    except FetchFailed:
        return False
    return True


def listed_views(said: Any, version: str, name: str, at: Pass) -> tuple[list[Any] | None, str | None]:
    """The views of an answer, and the next page as the cursor holds it: the version, a colon, and the page's name."""
    found = dig(said, "items")
    if not isinstance(found, list):
        found = dig(said, LISTS[name][1])
    if not isinstance(found, list):
        return None, None
    if version == V4:
        page = words(said, "next_page")
        return found, f"{V4}:{page}" if page else None
    asked = number(at.next.partition(":")[2]) if at.next else 1
    return found, f"{V3}:{(asked or 1) + 1}" if len(found) >= PAGE_SIZE else None


def views(found: Sequence[Any], name: str) -> tuple[Sequence[ShownPost], Sequence[Removed]]:
    """The posts or comments in these views, and the ones that authors deleted or moderators removed."""
    posts: list[ShownPost] = []
    removed: list[Removed] = []
    for raw in found:
        post = view_post(raw, name)
        inner = dig(raw, LISTS[name][0])
        if dig(inner, "deleted") is True or dig(inner, "removed") is True:
            removed += [Removed(post.fields["id"])] if post.fields["id"] else []
        else:
            posts.append(post)
    return posts, removed


def view_post(raw: Any, name: str) -> ShownPost:
    """A post or a comment, with who wrote it and where. The words are Markdown, as their author wrote them."""
    one = dig(raw, LISTS[name][0])
    is_comment = name == "comments"
    created, edited = _moment(one, "published"), _moment(one, "updated")
    top = ap_id(words(raw, "post", "ap_id")) or None
    counts = dig(raw, "counts")
    fields: dict[str, Any] = {
        "id": ap_id(words(one, "ap_id")),
        "network": NETWORK,
        "url": words(one, "ap_id"),
        "created_at": iso(created) if created else None,
        "edited_at": iso(edited) if edited else None,
        "title": words(one, "name"),
        "text": words(one, "content" if is_comment else "body"),
        "author": _author(dig(raw, "creator")),
        # A path of two parts is that of a comment on the post itself.
        "in_reply_to": top if is_comment and words(one, "path").count(".") == 1 else None,
        "thread": top if is_comment else None,
        "links": [link for link in [words(one, "url")] if link],
        "engagement": {
            "likes": number(counts, "upvotes") if counts else number(one, "upvotes"),
            "replies": _replies(counts or one, is_comment),
        },
        "extra": _extra(raw),
    }
    return ShownPost(fields, created)


def ap_id(address: str) -> str:
    """The mention's id of what federation knows by this address; an empty text where there is none."""
    return address if len(address) <= MAX_ID_CHARS else stable_id("post", address)


def _author(creator: Any) -> dict[str, Any] | None:
    address = words(creator, "ap_id") or words(creator, "actor_id")
    name = words(creator, "name")
    if not address and not name:
        return None
    try:
        home = urlsplit(address).hostname
    except ValueError:
        home = None
    handle = f"{name}@{home}" if name and home else name
    shown = words(creator, "display_name") or name
    return {
        "id": (address or name)[:MAX_ID_CHARS],
        "name": shown[:MAX_ID_CHARS],
        "handle": handle[:MAX_ID_CHARS],
    }


def _extra(raw: Any) -> dict[str, Any]:
    community = words(raw, "community", "ap_id") or words(raw, "community", "actor_id")
    bot = dig(raw, "creator", "bot_account") is True
    return ({"community": community} if community else {}) | ({"bot": True} if bot else {})


def _replies(counts: Any, is_comment: bool) -> int | None:
    return number(counts, "child_count" if is_comment else "comments")


def _moment(one: Any, name: str) -> datetime | None:
    """A time, which version 4 calls `name_at`. Versions before 0.19 name no offset: it is UTC."""
    text = words(one, f"{name}_at") or words(one, name)
    try:
        found = datetime.fromisoformat(text[:64]) if text else None
        return None if found is None else found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
