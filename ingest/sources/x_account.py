"""What may be said of an account of X, whichever way its posts are heard."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ingest.sources.places import Secret


class XAccountSettings(BaseModel):
    """The key of the account, and what its posts may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Secret = Field(description="The app's bearer token, as env:NAME or file:PATH.")
    posts_per_day: int = Field(
        1000,
        ge=10,
        le=10_000_000,
        description="Posts that may be paid for on a day (UTC); then it waits for the next.",
    )
    authors: bool = Field(True, description="Whether to ask for names and followers, which X bills apart.")
