"""Posts on X within seconds by the filtered stream of its API v2, with rules made of what the monitors ask for.

Posts that were missed while nobody was connected come from the recent search, before the place moves on. Where a contract
allows it, X's compliance streams tell what is deleted and edited; else recent posts are looked up again once a day. Shapes: X
API v2 (docs.x.com/x-api), filtered stream, recent search, and compliance streams in `x_compliance.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ingest.budget import Budget
from ingest.source import Cursor, Fetched, FetchFailed, SourceContext, read_cursor
from ingest.sources.x_api import XApi
from ingest.sources.x_compliance import compliance_streams
from ingest.sources.x_gone import XGone
from ingest.sources.x_paid import Paid, today, too_much, until_tomorrow, with_more
from ingest.sources.x_posts import XPlace, XPosts, XStreamSettings
from ingest.streaming import INTERVAL, Streaming
from ingest.together import Together

BUDGET = Budget(450, per_s=900)
"""Of the rules and the search; the 50 connections that X takes in that time are more than are ever made."""

# Between two tries to change the rules.
RULES_EVERY = timedelta(minutes=1)


class _Cursor(Paid, frozen=True, omit_defaults=True, kw_only=True):
    posts: dict[str, Any] = msgspec.field(default_factory=dict)
    compliance: dict[str, Any] = msgspec.field(default_factory=dict)


class XStreamSource:
    """The filtered stream as a source; the module's docstring describes how it is heard."""

    kind = "x_stream"
    remote = True
    interval = INTERVAL

    def __init__(
        self,
        context: SourceContext,
        settings: XStreamSettings,
        streams_at: str | None = None,
        compliance: Together | None = None,
        **streaming: Any,
    ) -> None:
        """Tests give the address of the streams, if it is another one than the API's, and the compliance streams."""
        self._name, self._settings = context.name, settings
        self.target = f"{settings.site} {settings.within} {' '.join(settings.rules)}"[:1000]
        self._api = XApi(context, settings.site, settings.token, BUDGET)
        self._dialect = XPosts(context, settings, self._api, streams_at or settings.site)
        self._posts: Streaming[XPlace] = Streaming(context, self._dialect, **streaming)
        self._gone = XGone(context, self._api, settings)
        self._recent: frozenset[int] = frozenset()
        self._compliance = compliance
        if settings.compliance and compliance is None:
            self._compliance = compliance_streams(context, self._api, self.has_brought)
        self._rules_again_at: datetime | None = None

    @property
    def caught_up(self) -> int | None:
        """The pages that the search gave before the stream was heard; None while it still does."""
        before = self._dialect.before
        return None if before is None or before.left else before.pages

    def has_brought(self, id: int) -> bool:
        """Whether this post was brought lately."""
        return id in self._recent

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """The posts that came since, and the posts that are gone."""
        at = read_cursor(cursor, _Cursor)
        at = msgspec.structs.replace(at, **today(at, now))
        self._recent = frozenset(at.recent)
        left = self._settings.posts_per_day - at.paid
        if left < 10:
            self.close()
            return Fetched(
                cursor=msgspec.to_builtins(at),
                retry_after=until_tomorrow(now),
                warning=too_much(self._settings.posts_per_day),
            )
        if self._compliance is None and (told := self._gone.look(at, now, left)) is not None:
            return told
        if not self._dialect.wanted()[0]:
            self.close()
            return Fetched(
                cursor=cursor, warning="nothing is looked for: no monitor has a query that X can search"
            )
        warning = self._keep_rules(now)
        found = self._posts.fetch(at.posts or None, now)
        told = self._what_is_gone(at.compliance or None, now)
        return self._both(at, found, told, warning)

    def close(self) -> None:
        self._posts.close()
        if self._compliance is not None:
            self._compliance.close()

    def _keep_rules(self, now: datetime) -> str | None:
        """Change the rules of the connection that there is. A failure is a warning: the old rules are heard."""
        again = self._rules_again_at
        if self._dialect.before is None or self._dialect.is_kept() or (again is not None and now < again):
            return None
        self._rules_again_at = now + RULES_EVERY
        try:
            self._dialect.keep_rules()
        except FetchFailed as failure:
            return f"the rules at X are still the old ones: {failure}"
        return None

    def _what_is_gone(self, places: Cursor | None, now: datetime) -> Fetched:
        if self._compliance is None:
            return Fetched(cursor=places)
        try:
            return self._compliance.fetch(places, now)
        except FetchFailed as failure:
            return Fetched(cursor=places, warning=f"what X deletes is not heard: {failure}")

    def _both(self, at: _Cursor, found: Fetched, told: Fetched, warning: str | None) -> Fetched:
        gone = {one.id for one in told.removed}
        mentions = [one for one in found.mentions if one.id not in gone]
        after = msgspec.structs.replace(
            at,
            posts=dict(found.cursor or {}),
            compliance=dict(told.cursor or {}),
            paid=at.paid + len(found.mentions) + len(found.bad) + len(told.mentions),
            recent=with_more(at, [{"id": one.id} for one in reversed(mentions)]),
        )
        warnings = [warning, self._dialect.unasked(), self._gone.warning, found.warning, told.warning]
        return replace(
            found,
            mentions=[*mentions, *told.mentions],
            bad=[*found.bad, *told.bad],
            cursor=msgspec.to_builtins(after),
            more=found.more or told.more,
            gaps=[*found.gaps, *told.gaps],
            removed=told.removed,
            warning="; ".join(one for one in warnings if one)[:500] or None,
        )
