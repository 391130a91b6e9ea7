"""Mentions that others send to `POST /v1/mentions`: nothing to fetch, but a source like the others, with
health.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from ingest.source import Context, Cursor, Fetched


class PushSettings(BaseModel):
    """A pushed source has no settings of its own: its keys are made by `tocsin key create`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PushSource:
    """Never has anything to fetch, and so never answers either: only what is pushed shows that it lives."""

    kind = "push"
    interval = timedelta(minutes=1)
    remote = False
    target = ""

    def __init__(self, context: Context, settings: PushSettings) -> None:
        self.name = context.name
        self.settings = settings

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:  # noqa: ARG002  # the port's arguments
        return Fetched(cursor=cursor, answered=False)

    def close(self) -> None:
        pass
