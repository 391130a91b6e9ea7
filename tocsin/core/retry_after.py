"""The header `Retry-After` of an answer over HTTP (RFC 9110): the pause for which a server asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def retry_after(value: str | None, now: datetime, longest: timedelta) -> timedelta | None:
    """The pause that the server asks for, given as seconds or a date; at most `longest`. None: the value is unusable."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:9]), 10**8))
    else:
        try:
            at = parsedate_to_datetime(text[:64])
            wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait, timedelta(0)), longest)
