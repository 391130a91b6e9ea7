"""A first look at a file: its columns, its first rows, and a guess of what each column holds. A person corrects the guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from ingest.recorded.mapping import DATES, time_of
from ingest.recorded.opened import opened
from ingest.recorded.records import Records
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.reading import source_name

ROWS: Final = 50
SHOWN_ROWS: Final = 5
SHOWN_COLUMNS: Final = 60
SHOWN_CHARS: Final = 200

# The names that files use, the likeliest first. In a JSON file a name ends with one of them.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "text": (
        "text", "full_text", "tweet.full_text", "object.content", "post.record.text", "record.text", "value.text",
        "full text", "content", "snippet", "hit sentence", "message", "body", "mention content", "post text",
        "opening text", "metin", "tekst", "bericht", "mesaj",
    ),
    "created_at": (
        "created_at", "tweet.created_at", "object.published", "post.record.createdat", "record.createdat", "value.createdat",
        "published", "createdat", "indexedat", "date", "published date", "timestamp", "datetime", "time", "posted at",
        "alternate date format", "tarih", "datum", "data",
    ),
    "id": (
        "tweet.id_str", "object.id", "post.uri", "uri", "id", "id_str", "mention id", "resource id", "document id",
        "guid", "post id",
    ),
    "author": (
        "author.handle", "user.screen_name", "account.acct", "post.author.handle", "handle", "author handle", "username",
        "screen_name", "twitter screen name", "user name", "author", "influencer", "actor", "yazar", "auteur", "autor",
    ),
    "author_name": (
        "author.name", "full name", "author name", "display name", "account.display_name", "post.author.displayname",
        "user.name", "author",
    ),
    "followers": (
        "author.followers", "followers", "twitter followers", "user.followers_count", "account.followers_count", "reach",
    ),
    "url": ("url", "object.url", "link", "permalink", "original url", "address", "adres"),
    "title": ("title", "headline", "object.name", "subject"),
    "lang": ("lang", "tweet.lang", "language", "object.language", "dil", "taal", "limba"),
    "network": ("network", "site name", "platform", "page type", "content source", "source type", "source", "media type"),
    "country": ("country", "country code"),
}  # fmt: skip
# What a column tells of the whole file.
_NETWORKS: Final = (
    ("tweet.full_text", "x"),
    ("object.content", "mastodon"),
    ("post.record.text", "bluesky"),
    ("value.$type", "bluesky"),
    ("record.$type", "bluesky"),
)


_OWN: Final = frozenset(("id", "text", "created_at"))


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What the first rows show. `guess` has the fields of a `ColumnMapping`; `doubt` says that day and month may be exchanged.
    `own`: the file is of Tocsin's own form.
    """

    columns: Sequence[str]
    rows: Sequence[Mapping[str, str]]
    shape: str
    encoding: str
    guess: Mapping[str, Any]
    doubt: bool
    own: bool


def look(path: Path, encoding: str | None, most: int) -> FirstLook:
    """The first rows of the file, and the guess. Raises `WrongInput` where nothing in it can be read as rows."""
    with opened(path, encoding, most) as text:
        records = Records(text)
        first = list(islice(records, ROWS))
        rows = [one.values for one in first if one.bad is None]
        if not rows:
            reason = next((one.bad.said for one in first if one.bad is not None), Sentence("it is empty"))
            raise WrongInput(
                Sentence("{name} has no rows that can be read: {reason}", name=path.name, reason=reason)
            )
        columns = list(records.header) or list(dict.fromkeys(name for row in rows for name in row))
        guess, doubt = guessed(columns, rows, path.name)
        return FirstLook(
            columns[:SHOWN_COLUMNS],
            [_shown(row) for row in rows[:SHOWN_ROWS]],
            records.shape,
            text.encoding,
            guess,
            doubt,
            {column.lower() for column in columns} >= _OWN,
        )


def guessed(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], name: str
) -> tuple[dict[str, Any], bool]:
    """The guess, and whether day and month may be exchanged in it."""
    lowered = {column.lower().lstrip("\ufeff"): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for field, names in _NAMES.items():
        column = next(
            (lowered[one] for one in names if one in lowered and lowered[one] not in found.values()), None
        )
        if column is not None:
            found[field] = column
    times = (
        [str(row[found["created_at"]]) for row in rows if found.get("created_at") in row]
        if "created_at" in found
        else []
    )
    ways = [way for way in DATES if times and all(_is_time(one, way) for one in times)]
    network = next((network for column, network in _NETWORKS if column in lowered), None)
    guess = {
        "columns": found,
        "source": source_name(name)[:128] or "history",
        "dates": next(iter(ways), "iso"),
        "zone": None,
        "network": None if "network" in found else network,
        "lang": None,
    }
    return guess, {"dmy", "mdy"} <= set(ways) and "iso" not in ways


def _is_time(text: str, way: str) -> bool:
    try:
        at = time_of(text, way, ZoneInfo("UTC"))
    except BadMention:
        return False
    # Seconds read as milliseconds lie in 1970.
    return way not in ("seconds", "milliseconds") or 1990 < at.year < 2200


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:SHOWN_CHARS] for name, value in list(row.items())[:SHOWN_COLUMNS]}
