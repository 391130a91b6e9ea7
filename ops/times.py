"""Times that a person types as an option of a command."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tocsin.core.errors import WrongInput


def time_of(option: str, text: str, zone: ZoneInfo | None = None) -> datetime:
    """The time that `option` names; in `zone`, or UTC, where it has no offset. Raises `WrongInput` for anything else."""
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=zone or UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WrongInput(
            f"{option}: {text[:40]!r} is no time; give ISO 8601, such as 2026-03-01T10:00:00Z"
        ) from error
