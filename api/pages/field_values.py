"""The value of a definition's field as people read it: in the history of a definition, and where two edits stand side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from api.pages.formatting import UNKNOWN, Formatter

LONGEST: Final = 600
NAMES_OF_LANGUAGES: Final = {"en": "English", "nl": "Nederlands", "ro": "Română", "tr": "Türkçe"}
NAMES_OF_SPOKEN: Final = NAMES_OF_LANGUAGES | {
    "ar": "العربية",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "pl": "Polski",
    "pt": "Português",
    "sv": "Svenska",
}
"""The languages that mentions are in, by themselves: those of the page, and others that have a model."""
SCHEDULE: Final = "schedule"
HOLDS_FOR_ALL: Final = "monitor"
"""The field whose emptiness means something: a silence of no monitor is one of all monitors."""


def field_value(fmt: Formatter, field: str, value: Any) -> str:
    """The text in a cell of a table. `value` is the JSON of one field; `teams.pr` is the field `pr` of `teams`."""
    if field == HOLDS_FOR_ALL and value is None:
        return fmt.translate("all monitors")
    written = WRITTEN.get(field.partition(".")[0])
    try:
        text = written(fmt, value) if written is not None and value not in EMPTY else _plain(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        # An older version wrote another shape.
        text = _plain(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


EMPTY: Final[tuple[Any, ...]] = (None, "", (), [], {})


def _time(fmt: Formatter, value: Any) -> str:
    return fmt.time_text(datetime.fromisoformat(value), day=True)


def _target(fmt: Formatter, value: str) -> str:
    """`person:Ada` is Ada, `schedule:desk` is "desk (schedule)", as in the form of a policy."""
    kind, _, name = value.partition(":")
    return f"{name} ({fmt.translate('schedule')})" if kind == SCHEDULE else name or value


def _targets(fmt: Formatter, value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(
            f"{fmt.term('field', f'teams.{key}')}: {_targets(fmt, one)}" for key, one in value.items()
        )
    return ", ".join(_target(fmt, one) for one in value)


def _steps(fmt: Formatter, value: Any) -> str:
    return "; ".join(f"{_after(fmt, one['after_minutes'])} {_targets(fmt, one['targets'])}" for one in value)


def _after(fmt: Formatter, minutes: int) -> str:
    return fmt.translate("after {span}", span=fmt.minutes(minutes)) if minutes else fmt.translate("at once")


def _overrides(fmt: Formatter, value: Any) -> str:
    return "; ".join(
        f"{one['person']} {_time(fmt, one['starts_at'])} – {_time(fmt, one['ends_at'])}" for one in value
    )


def _channels(fmt: Formatter, value: Any) -> str:
    return "; ".join(
        " ".join(
            (fmt.term("channel", one["kind"]), *(str(part) for name, part in one.items() if name != "kind"))
        )
        for one in value
    )


WRITTEN: Final[Mapping[str, Callable[[Formatter, Any], str]]] = {
    "starts_at": _time,
    "ends_at": _time,
    "role": lambda fmt, value: fmt.term("role", value),
    "language": lambda _, value: NAMES_OF_LANGUAGES.get(value, value),
    "night_rings_from": lambda _, value: f"SEV{value}",
    "steps": _steps,
    "teams": _targets,
    "heads_up": _targets,
    "overrides": _overrides,
    "channels": _channels,
    "quiet_hours": lambda _, value: "–".join(value),
    "influential_followers": lambda fmt, value: fmt.exact(value),
    "false_alerts_per_week": lambda fmt, value: fmt.exact(value),
}
"""How the fields are written that are not words of a person or of a connector."""


def _plain(value: Any) -> str:
    """A value in signs that every language has."""
    if value in EMPTY:
        return UNKNOWN
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, dict):
        return " ".join(_plain(one) for one in value.values() if one is not None)
    if isinstance(value, list | tuple):
        return ("; " if isinstance(value[0], dict) else ", ").join(map(_plain, value))
    return str(value)
