"""Mentions that others send to `POST /v1/mentions`. A push source fetches nothing, but has health like every other source."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from ingest.source import Cursor, Fetched, SourceContext
from ingest.sources.places import Secret


class PushSettings(BaseModel):
    """Its keys are made by `tocsin key create`; `secret` is for a sender that signs instead (Standard Webhooks)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: Secret | None = Field(
        default=None,
        description="For a sender that signs instead of sending a key: env:NAME or file:PATH.",
    )


class PushSource:
    """Never fetches anything, and so never answers a fetch: only pushed mentions show that the source lives."""

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
