"""Networks that show their posts newest first, page by page: each pass goes down to what is known, and loses nothing on the way.

A pass begins at the newest page and ends at a page that brings nothing new. The posts between two passes are read, or named as
a gap where the network shows no more. A pass that was interrupted goes on at its page; one whose page is gone begins again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Annotated, Any

import msgspec

from ingest.source import Gap, Natural
from tocsin.core.clock import iso

MOST_MARKS = 1000
"""Posts whose content a cursor remembers; further back an edit is not noticed, and a post may come twice."""

MOST_PAGES = 500
"""Of one pass. A network that shows new pages for ever is left there."""

LATE = timedelta(hours=1)
"""Posts that are this much older than the newest of the last pass may still turn up between its posts."""

WORDS_CHARS = 8
"""The beginning of a mark's content that changes with the words alone."""

_WORDS = ("title", "text", "edited_at")
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class ShownPost:
    """One post of a page. `fields` are those of a mention, `at` is when it was posted, as far as the network tells."""

    fields: Mapping[str, Any]
    at: datetime | None
    # The identity in the cursor; default: a hash of the id.
    key: str = ""

    @property
    def mark(self) -> tuple[str, str]:
        """Identity and content. The content begins with a hash of the words, and goes on with one of everything else; figures
        count as changed when they are four times what they were.
        """
        words = repr([self.fields.get(name) for name in _WORDS])
        rest = {name: value for name, value in self.fields.items() if name not in (*_WORDS, "engagement")}
        figures = self.fields.get("engagement") or {}
        sizes = [(name, _size(figures[name])) for name in sorted(figures)]
        content = _hash(words, WORDS_CHARS // 2) + _hash(f"{sorted(rest.items())}{sizes}", 2)
        return self.key or _hash(str(self.fields.get("id")), 6), content

    def since(self, before: str | None, now: datetime) -> Mapping[str, Any]:
        """The fields, if `before` was the content. Changed words are an edit, of now where the network does not say when.

        A change of anything else does not count: the store would keep the same words as another version.
        """
        if (
            before is None
            or before[:WORDS_CHARS] == self.mark[1][:WORDS_CHARS]
            or self.fields.get("edited_at")
        ):
            return self.fields
        return {**self.fields, "edited_at": iso(now)}


@dataclass(frozen=True, slots=True)
class ShownPage:
    """One page. `next` is what the network wants to be asked for the next older one; None where it shows none."""

    entries: Sequence[ShownPost]
    next: str | None = None
    # There are older posts, and the network does not show them: the reason, in words that a gap can end with.
    cut: str | None = None


class Pass(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far such a network was read: the last whole pass, and the one under way."""

    # The time of the newest post of the last whole pass. None: there was none yet.
    since: _Time | None = None
    known: dict[str, str] = {}
    # Of the pass under way: the page to ask for, the newest and the oldest post so far, their marks, and the pages read.
    next: str | None = None
    newest: _Time | None = None
    oldest: _Time | None = None
    fresh: dict[str, str] = {}
    pages: Natural = 0

    def again(self) -> Pass:
        """The pass under way begins again, at the newest page."""
        return Pass(self.since, self.known)

    def reaches(self, posts: Sequence[ShownPost]) -> bool:
        """Whether the last of these posts was known after the last pass, so that no older page need be asked for."""
        return bool(posts) and posts[-1].mark[0] in self.known

    def sound(self) -> Pass:
        """This, unless somebody mended it: only a pass that has read a page has a page to go on with."""
        return self if (self.next is None) == (self.pages == 0) else self.again()


@dataclass(frozen=True, slots=True)
class ReadPage:
    """What one page gave: the fields of the posts to bring, where to go on, and whether that is now."""

    brought: Sequence[Mapping[str, Any]]
    after: Pass
    more: bool
    gaps: Sequence[Gap] = field(default_factory=tuple)


def step(
    at: Pass, page: ShownPage, now: datetime, first_pages: int = MOST_PAGES, least_pages: int = 1
) -> ReadPage:
    """The posts of this page that are new or changed since `at`. `first_pages` are read where nothing is known yet, and
    `least_pages` always, where posts turn up below newer ones.
    """
    brought: list[Mapping[str, Any]] = []
    fresh = dict(at.fresh)
    # A page that should hold posts and holds none hides what lies before it.
    goes_on = page.cut is not None and not page.entries
    for entry in page.entries:
        key, content = entry.mark
        if at.fresh.get(key) == content:
            continue
        before = at.known.get(key)
        goes_on = goes_on or (before is None and _is_due(entry, at.since))
        if before != content:
            brought.append(entry.since(before, now))
        fresh[key] = content
    times = [min(entry.at, now) for entry in page.entries if entry.at is not None]
    newest = max(chain(times, [at.newest] if at.newest else []), default=None)
    oldest = min(chain(times, [at.oldest] if at.oldest else []), default=None)
    pages = at.pages + 1
    most_pages = first_pages if at.since is None else MOST_PAGES
    wanted = page.next is not None and (pages < least_pages or (goes_on and pages < most_pages))
    fresh = dict(islice(fresh.items(), MOST_MARKS))
    if wanted:
        return ReadPage(brought, Pass(at.since, at.known, page.next, newest, oldest, fresh, pages), more=True)
    gap = _gap(at.since, oldest, page, goes_on)
    known = dict(islice((fresh | {k: v for k, v in at.known.items() if k not in fresh}).items(), MOST_MARKS))
    since = max(chain([at.since] if at.since else [], [newest] if newest else []), default=None)
    return ReadPage(brought, Pass(since, known), more=False, gaps=(gap,) if gap else ())


def _is_due(entry: ShownPost, since: datetime | None) -> bool:
    return since is None or entry.at is None or entry.at > since - LATE


def _gap(since: datetime | None, oldest: datetime | None, page: ShownPage, goes_on: bool) -> Gap | None:
    """The time between the last pass and the oldest post of this one, where the network shows nothing of it."""
    reason = page.cut or ("it shows more pages than are read" if page.next else None)
    if since is None or oldest is None or not goes_on or reason is None or oldest <= since:
        return None
    return Gap(since, oldest, reason)


def _size(figure: object) -> int:
    return int(figure).bit_length() // 2 if isinstance(figure, int) else 0


def _hash(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=size).hexdigest()
