"""What people define: monitors, policies, people, schedules, sources, silences, expected events.

The same models are read from `tocsin apply FILE`, the API and the page; each is stored with every version of it. Unknown
fields are refused, with the choices.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tocsin.core.ids import stable_id

Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]


class Role(StrEnum):
    """Who may do what: `api.auth.rules` has the table."""

    VIEWER = "viewer"
    COMMUNITY_MANAGER = "community_manager"
    PR = "pr"
    LEGAL = "legal"
    ADMIN = "admin"


class Definition(BaseModel):
    """One thing that people define; `name` is unique among its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name


class Monitor(Definition):
    """What a customer watches. A change of `query` or `languages` starts a new series, which learns anew."""

    query: str = Field(min_length=1, max_length=10_000)
    languages: tuple[str, ...] = ()
    timezone: str = "UTC"
    policy: str = "default"
    false_alerts_per_week: float = Field(default=1.0, gt=0, le=100)
    influential_followers: int = Field(default=100_000, ge=1)
    tier1: tuple[str, ...] = ()  # domains or handles of outlets of the first rank
    enabled: bool = True

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("query")
    @classmethod
    def _parses(cls, value: str, info: ValidationInfo) -> str:
        if not (info.context or {}).get("stored"):  # what is stored was parsed when it came
            from tocsin.query import parse_query

            parse_query(value)
        return value

    @property
    def series(self) -> str:
        """Equal as long as the monitor matches the same mentions."""
        return stable_id("series", self.query, *sorted(self.languages))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Channel(BaseModel):
    """One way to reach a person. `kind` is a notifier's; the other fields are that notifier's own settings.

    Secrets are named, not stored: `env:NAME` or `file:PATH`.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str

    @property
    def target(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Person(Definition):
    """Somebody who signs in, is paged, or both."""

    role: Role = Role.VIEWER
    email: str | None = Field(default=None, max_length=320)
    timezone: str = "UTC"
    language: str = "en"
    channels: tuple[Channel, ...] = ()
    # ("22:00", "07:00") in the person's zone; SEV1 and SEV2 ring anyhow.
    quiet_hours: tuple[str, str] | None = None
    active: bool = True

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("quiet_hours")
    @classmethod
    def _clock_times(cls, value: tuple[str, str] | None) -> tuple[str, str] | None:
        for text in value or ():
            datetime.strptime(text, "%H:%M")  # noqa: DTZ007  # a time of day, with the person's zone beside it
        return value


class Step(BaseModel):
    """Whom to page, and how long after the alert opened (or an acknowledgement expired) if nobody has answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after_minutes: int = Field(ge=0, le=7 * 24 * 60)
    targets: tuple[str, ...] = Field(min_length=1)  # "person:NAME" or "schedule:NAME"


class Policy(Definition):
    """Who is paged in what order, and who works the escalations."""

    steps: tuple[Step, ...] = Field(min_length=1)
    teams: dict[Literal["pr", "legal", "fallback"], tuple[str, ...]] = {}
    acknowledge_expires_minutes: int = Field(default=60, ge=1, le=24 * 60)
    night_rings_from: Literal[1, 2, 3, 4] = 2  # SEV3 waits for morning unless this says 3
    heads_up: tuple[str, ...] = ()  # told of every SEV1 and SEV2, not asked to act

    @model_validator(mode="after")
    def _in_order(self) -> Policy:
        times = [step.after_minutes for step in self.steps]
        if times != sorted(times):
            raise ValueError(f"steps must come in the order of after_minutes, not {times}")
        return self


class Override(BaseModel):
    """Who is on call from when to when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class Schedule(Definition):
    """Who is on call. `rotation` takes turns of `turn_hours` from `starts_at` on; `overrides` win over it."""

    rotation: tuple[str, ...] = Field(min_length=1)  # people's names
    starts_at: AwareDatetime
    turn_hours: int = Field(default=168, ge=1, le=24 * 90)
    overrides: tuple[Override, ...] = ()


class SourceDef(Definition):
    """Where mentions come from. The other fields are the connector's own settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    enabled: bool = True
    expected_every_minutes: int | None = Field(default=None, ge=1)  # silence for three times as long is BLIND

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Silence(Definition):
    """Alerts of a monitor (or of all) are suppressed for a while, visibly. SEV1 breaks it."""

    monitor: str | None = None
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: str = Field(min_length=1, max_length=2000)

    @model_validator(mode="after")
    def _ends_later(self) -> Silence:
        if self.ends_at <= self.starts_at:
            raise ValueError("a silence must end after it starts")
        return self


class ExpectedEvent(Definition):
    """Something announced (a launch, a match, a campaign): a volume alert within it is suppressed unless tone sours."""

    monitor: str | None = None
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    note: str = Field(default="", max_length=2000)

    @model_validator(mode="after")
    def _ends_later(self) -> ExpectedEvent:
        if self.ends_at <= self.starts_at:
            raise ValueError("an expected event must end after it starts")
        return self


KINDS: dict[str, type[Definition]] = {
    "monitor": Monitor,
    "policy": Policy,
    "person": Person,
    "schedule": Schedule,
    "source": SourceDef,
    "silence": Silence,
    "expected_event": ExpectedEvent,
}


def known_zone(value: str) -> str:
    """`value` if it is a time zone's name; raises ValueError with an example otherwise."""
    if value not in _zones():
        raise ValueError(f"unknown time zone {value!r}; use a name such as Europe/Istanbul")
    return value


@cache
def _zones() -> frozenset[str]:
    """Read once: looking through the zone files takes 40 ms, and every definition that is loaded asks."""
    return frozenset(available_timezones())
