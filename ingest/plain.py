"""Strangers' JSON, read without trust: whatever is missing or of another kind counts as absent, and nothing here raises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ingest.source import Bad, FetchFailed
from ingest.web import Answer, refused
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention
from tocsin.reading import read_mention

MAX_DIGITS = 19


def dig(value: Any, *path: str | int) -> Any:
    """The value at the end of the path of names and places; None where there is none."""
    for part in path:
        if isinstance(part, str) and isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(part, int) and isinstance(value, list) and -len(value) <= part < len(value):
            value = value[part]
        else:
            return None
    return value


def words(value: Any, *path: str | int) -> str:
    """The text there; a number becomes text, everything else the empty text."""
    found = dig(value, *path)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int) and not isinstance(found, bool) and _fits(found) else ""


def number(value: Any, *path: str | int) -> int | None:
    """The whole number there, not below zero; a text of digits is a number as well."""
    found = dig(value, *path)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= MAX_DIGITS:
        found = int(found)
    return (
        found
        if isinstance(found, int) and not isinstance(found, bool) and found >= 0 and _fits(found)
        else None
    )


def items(value: Any, *path: str | int) -> list[Any]:
    """The list there. One object in the place of a list, as XML turned into JSON has it, is a list of one."""
    found = dig(value, *path)
    if isinstance(found, list):
        return found
    return [found] if isinstance(found, Mapping) else []


def moment(text: object) -> datetime | None:
    """The time that a text in ISO 8601 names, in UTC; None where it names none, or no offset."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) and len(text) <= 64 else None
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def unix_moment(seconds: object) -> datetime | None:
    """The time that is so many seconds after 1970."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def values(answer: Answer) -> Any:
    """The values of an answer in JSON. Raises `FetchFailed`: where the answer is a refusal in other words, as that refusal."""
    try:
        return answer.json()
    except FetchFailed:
        if answer.status < 300:
            raise
        raise refused(answer.who, answer.status, None) from None


def listed(value: Any, name: str, who: str) -> list[Any]:
    """The list of that name. Raises `FetchFailed` where there is none: a list that is missing is no empty list."""
    found = dig(value, name)
    if isinstance(found, list):
        return found
    raise FetchFailed(
        f"{who} answered without {name!r}: its answers have another shape now, or it has a fault"
    )


def taken(found: Iterable[Mapping[str, Any]], source: str) -> tuple[Sequence[Mention], Sequence[Bad]]:
    """These fields as mentions of the source, and the fields that make no mention."""
    mentions: list[Mention] = []
    bad: list[Bad] = []
    for index, fields in enumerate(found):
        try:
            mentions.append(read_mention(fields, source=source, fix_source=True))
        except BadMention as error:
            bad.append(Bad(index, shown(fields), error))
    return mentions, bad


def shown(fields: Mapping[str, Any]) -> bytes:
    """The fields as JSON, so that a person can mend them and hand them over again."""
    return json.dumps(fields, default=str).encode()


def _fits(value: int) -> bool:
    return value.bit_length() < 64
