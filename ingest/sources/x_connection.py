"""A connection to one of X's streams, and what it means when X ends it with words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from ingest.event_stream import LineStream
from ingest.plain import words
from ingest.source import FetchFailed, SourceContext
from ingest.sources.x_api import HELP, XApi, refusal
from ingest.streaming import Elsewhere
from ingest.wires import HandshakeRefused, Wire
from tocsin.core.errors import BadMention
from tocsin.reading import decoded

# X sends an empty line every 20 seconds.
SILENT_AFTER = timedelta(seconds=60)


def x_stream(context: SourceContext, api: XApi, site: str, path: str, asked: Mapping[str, Any]) -> Wire:
    """Connect. Raises `FetchFailed`, with X's own words and what to do."""
    url = f"{site}{path}{f'?{urlencode(asked)}' if asked else ''}"
    try:
        return LineStream(context, url, headers=api.headers, silent_after=SILENT_AFTER)
    except HandshakeRefused as refused:
        said = _read(refused.body)
        if refused.status is not None and refused.status in HELP:
            raise refusal(refused.status, said) from None
        more = words(said, "detail")[:200]
        raise FetchFailed(
            f"{refused}{f' ({more})' if more else ''}", refused.retry_after, status=refused.status
        ) from None


def said_no_more(said: Any) -> Exception:
    """The meaning of a message without an event: X ends the stream and says why, or the message is not X's."""
    why = words(said, "errors", 0, "detail") or words(said, "errors", 0, "title")
    if not why:
        return BadMention("malformed", "a message of X's stream has data or errors")
    return Elsewhere(failure=FetchFailed(f"X ends the stream: {why[:200]}"))


def _read(body: bytes) -> Any:
    try:
        return decoded(body)
    except BadMention:
        return None
