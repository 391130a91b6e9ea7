"""A status of Mastodon as the fields of a mention. The shapes are those of docs.joinmastodon.org, entities Status and Account.

The id is the status's URI, which is the same on every instance that shows the status. So a status that several instances
show is one mention.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ingest.markup import html_to_text
from ingest.newest_first import ShownPost
from ingest.plain import dig, items, moment, number, words
from tocsin.core.ids import stable_id
from tocsin.core.mention import MAX_ID_CHARS

NETWORK = "mastodon"


def status_post(raw: Any, host: str) -> ShownPost:
    """The status that the instance `host` shows. A repost is a mention of its own, with the words of what it repeats."""
    repeated = dig(raw, "reblog")
    said = repeated if isinstance(repeated, dict) else raw
    quoted = words(said, "quote", "quoted_status", "uri")
    fields: dict[str, Any] = {
        "id": status_id(words(raw, "uri")),
        "network": NETWORK,
        "url": words(raw, "url") or words(said, "url"),
        "created_at": dig(raw, "created_at"),
        "edited_at": dig(raw, "edited_at"),
        # The content warning stands above the words.
        "title": words(said, "spoiler_text"),
        "text": html_to_text(words(said, "content")),
        "lang": words(said, "language"),
        "author": _author(dig(raw, "account"), host),
        "repost_of": status_id(words(said, "uri")) if said is not raw else None,
        "hashtags": [words(tag, "name") for tag in items(said, "tags")],
        "media": [words(one, "url") for one in items(said, "media_attachments")],
        "links": [link for link in [words(said, "card", "url")] if link],
        "engagement": {
            "likes": number(said, "favourites_count"),
            "reposts": number(said, "reblogs_count"),
            "replies": number(said, "replies_count"),
        },
        "extra": ({"bot": True} if dig(raw, "account", "bot") is True else {})
        | ({"quote_of": quoted} if quoted else {}),
    }
    return ShownPost(fields, moment(fields["created_at"]))


def is_public(raw: Any) -> bool:
    """Whether the author let everybody read the status."""
    return words(raw, "visibility") in ("public", "unlisted", "")


def status_id(uri: str) -> str:
    """The mention's id of the status with this URI; an empty text where there is none."""
    return uri if len(uri) <= MAX_ID_CHARS else stable_id("status", uri)


def _author(account: Any, host: str) -> dict[str, Any] | None:
    """The author. `acct` names no host where the account lives on the asked instance itself."""
    acct = words(account, "acct")
    known_as = words(account, "uri") or words(account, "url") or acct
    if not known_as:
        return None
    home = urlsplit(f"//{host}").hostname or host
    return {
        "id": known_as[:MAX_ID_CHARS],
        "name": words(account, "display_name")[:MAX_ID_CHARS],
        "handle": (acct if "@" in acct else f"{acct}@{home}")[:MAX_ID_CHARS] if acct else "",
        "followers": number(account, "followers_count"),
    }
