"""The kinds of sources, and what everybody must know of each without being able to fetch: its connector lives in ingest.

A new kind is one file in `ingest/sources/` and one entry here. A trait that an entry leaves out has the plain answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """One kind of source. `connector` and `settings` are `module:class` of the code and of the model of its settings."""

    kind: str
    connector: str
    settings: str
    # It is asked for what is new. One that is not waits to be told, so its silence is no failure.
    asked: bool = True
    # What came through it belongs to it, whatever a mention says of its source.
    fixes_source: bool = False
    # It reads files: what it could not take may be a row of CSV, in times of its setting `timezone`.
    reads_files: bool = False


SOURCE_KINDS: Final[dict[str, SourceKind]] = {
    one.kind: one
    for one in (
        SourceKind(
            kind="feed",
            connector="ingest.sources.feed:FeedSource",
            settings="ingest.sources.feed:FeedSettings",
            fixes_source=True,
        ),
        SourceKind(
            kind="file",
            connector="ingest.sources.file:FileSource",
            settings="ingest.sources.file:FileSettings",
            reads_files=True,
        ),
        SourceKind(
            kind="push",
            connector="ingest.sources.push:PushSource",
            settings="ingest.sources.push:PushSettings",
            asked=False,
        ),
    )
}


def source_kind(kind: str) -> SourceKind:
    """The kind of that name; a plain one, that nothing can be fetched from, where there is none."""
    return SOURCE_KINDS.get(kind) or SourceKind(kind=kind, connector="", settings="")
