"""From a row to a mention: which column holds what, how its dates are written, and what is true of every row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ingest.markup import html_to_text
from ingest.recorded.opened import ENCODINGS
from tocsin.core import patterns
from tocsin.core.errors import BadMention
from tocsin.core.mention import MAX_CODE_CHARS
from tocsin.core.mention import Mention as Heard
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import known_zone
from tocsin.reading import read_mention

FIELDS: Final = (
    "text",
    "created_at",
    "id",
    "author",
    "author_name",
    "followers",
    "url",
    "title",
    "lang",
    "network",
    "country",
)
"""What a column may be. A row needs `text` or `title`, and `created_at`."""

DATES: Final = ("iso", "dmy", "mdy", "seconds", "milliseconds", "x", "mail")
"""How a time may be written: ISO 8601; day or month first; since 1970; as in an archive of X; as in a mail."""

_PARTS: Final = re.compile(
    r"\s*(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp])?\.?[Mm]?\.?)?\s*"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_X: Final = "%a %b %d %H:%M:%S %z %Y"
_TAG: Final = re.compile(r"</?(?:p|br|a|span|div)\b[^>]*>", re.IGNORECASE)


class ColumnMapping(BaseModel):
    """How a file is read. `columns` names the column of each field; without any, the file is of Tocsin's own form.

    `network` and `lang` hold for rows that say none themselves. `zone` is that of times without an offset: UTC unless it is
    named; in a file of Tocsin's own form such times are refused then. `source` is the source of every mention; in Tocsin's own
    form, of mentions that name no source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, str] = Field(
        default_factory=dict,
        description="The column of each field: text, created_at, id, author and others. Empty: Tocsin's own form.",
    )
    source: str = Field(
        min_length=1, max_length=128, pattern=patterns.LINE, description="The source of every mention."
    )
    dates: str = Field("iso", description=f"How times are written: {', '.join(DATES)}.")
    zone: str | None = Field(None, max_length=64, description="The zone of times without an offset.")
    encoding: str | None = Field(
        None, description=f"Default: told from the file. One of {', '.join(ENCODINGS)}."
    )
    network: str | None = Field(None, max_length=64, description="The network of rows that name none.")
    lang: str | None = Field(None, max_length=16, description="The language of rows that name none.")

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(columns) - set(FIELDS))
        if unknown:
            raise ValueError(
                Sentence(
                    "unknown field {unknown}; known: {choices}",
                    unknown=repr(unknown[0][:40]),
                    choices=", ".join(FIELDS),
                )
            )
        named = {name: column[:256] for name, column in columns.items() if column}
        for needed, either in (("created_at", ("created_at",)), ("text", ("text", "title"))):
            if named and not any(one in named for one in either):
                raise ValueError(Sentence("say which column holds {needed}", needed=needed))
        return named

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        try:
            self.model_dump_json()
        except ValueError:
            raise ValueError(Sentence("it holds half of a character (a lone surrogate)")) from None
        return self

    @field_validator("dates")
    @classmethod
    def _known_dates(cls, dates: str) -> str:
        if dates not in DATES:
            raise ValueError(
                Sentence(
                    "unknown way to write a time {dates}; known: {choices}",
                    dates=repr(dates[:40]),
                    choices=", ".join(DATES),
                )
            )
        return dates

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        if encoding and encoding not in ENCODINGS:
            raise ValueError(
                Sentence(
                    "unknown encoding {encoding}; known: {choices}",
                    encoding=repr(encoding[:40]),
                    choices=", ".join(ENCODINGS),
                )
            )
        return encoding or None

    @field_validator("zone")
    @classmethod
    def _a_zone(cls, zone: str | None) -> str | None:
        return known_zone(zone) if zone else None


def mention_of(values: Mapping[str, Any], by: ColumnMapping) -> Heard:
    """The mention in these values. Raises `BadMention`, and nothing else, with the reason why the row makes no mention."""
    given = {field: values[column] for field, column in by.columns.items() if column in values}
    text = _plain(given.get("text", ""))
    at = time_of(given.get("created_at"), by.dates, ZoneInfo(by.zone or "UTC"))
    author = str(given.get("author", "")).strip().removeprefix("@")
    name = str(given.get("author_name", "")).strip()
    if not text.strip() and not str(given.get("title", "")).strip():
        raise BadMention("missing_field", "the row has no text", "text")
    obj: dict[str, Any] = {
        "id": str(given.get("id", "")).strip() or _made_id(text, author or name, at, given.get("url")),
        "text": text,
        "created_at": at,
        "title": _plain(given.get("title")) if "title" in given else None,
        "url": str(given.get("url", "")).strip() or None,
        "lang": _code(given.get("lang")) or by.lang,
        "network": (_code(given.get("network")) or by.network or "").lower() or None,
        "country": _code(given.get("country")),
    }
    if author or name:
        followers = str(given.get("followers", "")).replace(",", "").replace(".0", "").strip()
        obj["author"] = {
            "handle": author or None,
            "name": name or None,
            "followers": int(followers) if followers.isdecimal() and len(followers) < 12 else None,
        }
    return read_mention(obj, source=by.source, fix_source=True)


def time_of(value: object, dates: str, zone: ZoneInfo) -> datetime:
    """The time that is written so, in UTC. Raises `BadMention` where it is none."""
    text = str(value).strip()[:64] if value is not None else ""
    if not text:
        raise BadMention("missing_field", "the row has no time", "created_at")
    try:
        at = _WAYS[dates](text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        raise BadMention(
            "bad_time", f"created_at {text[:40]!r} is no time of this kind: {dates}", "created_at"
        ) from None


def _by_parts(text: str, *, month_first: bool) -> datetime:
    found = _PARTS.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first, second, third = int(found[1]), int(found[2]), int(found[3])
    if len(found[1]) == 4:
        year, month, day = first, second, third
    else:
        day, month = (second, first) if month_first else (first, second)
        year = third if third > 99 else 2000 + third
    hour = int(found[4] or 0)
    if half := (found[7] or "").lower():
        hour = hour % 12 + (12 if half == "p" else 0)
    return datetime(year, month, day, hour, int(found[5] or 0), int(found[6] or 0))  # noqa: DTZ001  # the caller knows the zone


def _since_1970(text: str, unit: float) -> datetime:
    return _EPOCH + timedelta(seconds=float(text) * unit)


_WAYS: Final[Mapping[str, Callable[[str], datetime]]] = {
    "iso": datetime.fromisoformat,
    "dmy": lambda text: _by_parts(text, month_first=False),
    "mdy": lambda text: _by_parts(text, month_first=True),
    "seconds": lambda text: _since_1970(text, 1.0),
    "milliseconds": lambda text: _since_1970(text, 0.001),
    "x": lambda text: datetime.strptime(text, _X),  # noqa: DTZ007  # the format has the offset
    "mail": parsedate_to_datetime,
}


def _plain(value: object) -> str:
    """The text without markup, where it has any."""
    text = str(value) if value is not None else ""
    return html_to_text(text) if _TAG.search(text[:4000]) else text


def _code(value: object) -> str | None:
    text = str(value).strip() if value is not None else ""
    return text[:MAX_CODE_CHARS] or None


def _made_id(text: str, author: str, at: datetime, url: object) -> str:
    """An id for a row that has none: equal rows have equal ids, so a file that is read twice counts once."""
    if url and len(str(url)) <= 256:
        return str(url)
    said = "\0".join((author, at.isoformat(), text)).encode("utf-8", "surrogatepass")
    return "h-" + hashlib.blake2b(said, digest_size=16).hexdigest()
