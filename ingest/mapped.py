"""Others' records as mentions, by a mapping that a person wrote: which part of a record is which field of a mention.

A mapping is a text for each field: a path into the record such as `body.text` or `tags.0`, `=` and a constant, or one of
`SPECIAL`, which stand for what comes with the record. Times may be numbers: seconds, milliseconds or microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ingest.plain import dig
from tocsin.core.clock import iso
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Author, Engagement, Mention
from tocsin.core.sentences import Sentence

KEY, TIMESTAMP, PLACE = "$key", "$timestamp", "$place"
SPECIAL = (KEY, TIMESTAMP, PLACE)
_TIMES = ("created_at", "edited_at")
_NESTED = {"author": Author, "engagement": Engagement}
FIELDS = frozenset(
    {name for name in Mention.__struct_fields__ if name not in ("source", "extra", "truncated")}
    | {f"{whole}.{part}" for whole, of in _NESTED.items() for part in of.__struct_fields__}
)
# Numbers above these are milliseconds and microseconds: as seconds they would lie beyond the year 5000.
_MILLIS, _MICROS = 10**11, 10**14


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Raise `WrongInput` that names the field or the path that cannot be."""
    for field, path in mapping.items():
        if field not in FIELDS:
            raise WrongInput(
                Sentence(
                    "{field} is no field of a mention; known: {choices}",
                    field=repr(field),
                    choices=", ".join(sorted(FIELDS)),
                )
            )
        if not path or len(path) > 200 or (path.startswith("$") and path not in SPECIAL):
            raise WrongInput(
                Sentence(
                    "{field}: {path} is no path; write for example body.text, =constant or {choices}",
                    field=field,
                    path=repr(path[:80]),
                    choices=", ".join(SPECIAL),
                )
            )
    missing = [field for field in ("id", "text", "created_at") if mapping and field not in mapping]
    if missing:
        raise WrongInput(
            Sentence("the mapping lacks {choices}, which each mention needs", choices=", ".join(missing))
        )


def mapped(record: Any, special: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """The plain values of a mention, as `read_mention` takes them."""
    fields: dict[str, Any] = {}
    for field, path in mapping.items():
        value = _found(record, special, path)
        if value is None:
            continue
        whole, _, part = field.partition(".")
        if part:
            inner = fields.get(whole)
            fields[whole] = (inner if isinstance(inner, dict) else {}) | {part: value}
        else:
            fields[field] = _dated(value) if field in _TIMES else value
    return fields


def _found(record: Any, special: Mapping[str, Any], path: str) -> Any:
    if path.startswith("="):
        return path[1:]
    if path in SPECIAL:
        return special.get(path)
    return dig(record, *(int(part) if part.isdecimal() else part for part in path.split(".")))


def _dated(value: Any) -> Any:
    """A time as text; a number counts from 1970. Any other value is left for the reader to refuse."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    divisor = 10**6 if abs(value) >= _MICROS else 10**3 if abs(value) >= _MILLIS else 1
    try:
        return iso(datetime.fromtimestamp(value / divisor, UTC))
    except (ValueError, OverflowError, OSError):
        return str(value)
