"""The settings of an account of X, whichever way its posts are heard."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ingest.sources.places import Secret, WebAddress


class XAccountSettings(BaseModel):
    """The key of the account, where it is used, what its posts may cost, and how their deletions are found out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Secret = Field(description="The app's bearer token, as env:NAME or file:PATH.")
    posts_per_day: int = Field(
        1000,
        ge=10,
        le=10_000_000,
        description="Posts that may be paid for in a day (UTC). Then the source waits for the next day.",
    )
    authors: bool = Field(True, description="Whether to ask for names and followers, which X bills apart.")
    query_chars: int = Field(
        512, ge=64, le=4096, description="The longest search that X takes from this account."
    )
    check_hours: int = Field(
        24,
        ge=1,
        le=720,
        description="How often posts of the last days are looked up for deletions; each is paid for.",
    )
    batch: bool = Field(
        False,
        description="Whether deletions are asked for in one batch compliance job, in place of looking posts up.",
    )
    site: WebAddress = Field("https://api.x.com", description="The address of X's API.")
