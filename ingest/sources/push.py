"""Mentions that others send to `POST /v1/mentions`: nothing to fetch, but a source like the others, with
health.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from ingest.source import Cursor, Fetched, SourceContext


class PushSettings(BaseModel):
    """Its keys are made by `tocsin key create`; `secret` is for a sender that signs instead (Standard Webhooks)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: str | None = Field(default=None, pattern="^(env|file):.")


class PushSource:
    """Never has anything to fetch, and so never answers either: only what is pushed shows that it lives."""

    kind = "push"
    interval = timedelta(minutes=1)
    remote = False
    target = ""

    def __init__(self, context: SourceContext, settings: PushSettings) -> None:
        self.name = context.name
        self.settings = settings

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:  # noqa: ARG002  # the port's arguments
        return Fetched(cursor=cursor, answered=False)

    def close(self) -> None:
        pass
