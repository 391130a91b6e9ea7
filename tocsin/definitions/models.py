"""The things that people define: monitors, policies, people, schedules, sources, silences, expected events.

`tocsin apply FILE`, the API and the page read the same models. Every version of a definition is stored. Unknown fields are
refused, and `tocsin apply` names the known fields.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tocsin.core import patterns
from tocsin.core.clock import EPOCH, LATEST, iso
from tocsin.core.ids import stable_id
from tocsin.core.promise import MOST_A_WEEK
from tocsin.core.sentences import Sentence
from tocsin.core.text import unseen
from tocsin.definitions.calendar import known_country
from tocsin.definitions.settings_values import why_not_plain


def as_stored(info: ValidationInfo) -> bool:
    """Whether a stored definition is read. It was checked when it was saved, by the rules of that day, and must stay readable:
    a rule that came later bends the value instead of refusing it.
    """
    return bool((info.context or {}).get("stored"))


def _bent_to(most: int) -> BeforeValidator:
    """A stored number that is greater than `most` counts as `most`."""

    def bent(value: Any, info: ValidationInfo) -> Any:
        large = as_stored(info) and isinstance(value, int | float) and value > most
        return most if large else value

    return BeforeValidator(bent)


def _within_reach(value: datetime, info: ValidationInfo) -> datetime:
    """A time between 1970 and 2200, so that every zone can show it and every engine can keep it."""
    if EPOCH <= value <= LATEST:
        return value
    if as_stored(info):
        return min(max(value, EPOCH), LATEST)
    raise ValueError(Sentence("must lie between 1970 and 2200 (the latest: {latest})", latest=iso(LATEST)))


Moment = Annotated[AwareDatetime, AfterValidator(_within_reach)]
"""A time that a person gives."""

LONGEST_SETTING: Final = 2000
LARGEST: Final = 2**53
"""The least whole number that a channel's setting may not be: every reader of JSON keeps smaller ones exactly."""

TAKEN: Final = frozenset(
    {"auditor", "backtest", "command line", "engine", "nobody", "restore", "system", "tocsin"}
)
"""Names that stand in the record, or in its column of roles, for somebody else than a person."""

OF_A_KEY: Final = "key "
"""The name of a key stands in the record after this."""

TAKEN_BEGINNINGS: Final = (OF_A_KEY, "tocsin ")
"""How the names of keys, and of parts of Tocsin such as its auditor, begin in the record."""

TAKEN_ENDING: Final = "(command line)"
"""The end of a name in the record: it follows the account of the machine that gave a command."""

MOST_FOLLOWERS: Final = 10**12
"""More followers than anybody can have."""

LONGEST_EXPECTED_MINUTES: Final = 3650 * 24 * 60
"""Ten years: the longest interval between mentions that may be expected of a source."""

MOST_BRAND_WORDS: Final = 200
BrandWord = Annotated[str, Field(min_length=2, max_length=64, pattern=patterns.WORD)]
"""A word or a phrase that a monitor knows of its brand."""

Account = Annotated[str, Field(min_length=1, max_length=256, pattern=patterns.ACCOUNT)]
"""A handle as a network shows it, such as @lumo or @lumo@social.example, or the id of an author."""

Name = Annotated[str, Field(min_length=1, max_length=256, pattern=patterns.LINE)]


class Role(StrEnum):
    """The role of a person. The table in `api.auth.rules` says what each role may do."""

    VIEWER = "viewer"
    COMMUNITY_MANAGER = "community_manager"
    PR = "pr"
    LEGAL = "legal"
    ADMIN = "admin"


class Definition(BaseModel):
    """One thing that people define. `name` is unique among its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name

    @field_validator("name")
    @classmethod
    def _one_line(cls, value: str, info: ValidationInfo) -> str:
        found = [] if as_stored(info) else unseen(value)
        if found:
            raise ValueError(
                Sentence(
                    "a name is one line of characters that can be seen; take out {choices}",
                    choices=", ".join(found),
                )
            )
        if not value.strip() and not as_stored(info):
            raise ValueError(Sentence("a name has at least one character that can be seen"))
        return value

    @model_validator(mode="after")
    def _can_be_kept(self, info: ValidationInfo) -> Self:
        """Refuse what no store could keep: half of a character, or values nested without end."""
        if not as_stored(info):
            try:
                self.model_dump_json()
            except ValueError:
                raise ValueError(
                    Sentence("it holds half of a character (a lone surrogate), or is nested too deeply")
                ) from None
        return self


class Monitor(Definition):
    """One thing that a customer watches. A change of `query` or `languages` starts a new series, which learns anew."""

    query: str = Field(min_length=1, max_length=10_000)
    languages: tuple[str, ...] = ()
    timezone: str = "UTC"
    # Countries (ISO 3166, such as NL) whose public holidays explain an unusual volume.
    countries: tuple[Annotated[str, Field(pattern=patterns.COUNTRY)], ...] = Field(default=(), max_length=20)
    policy: str = "default"
    false_alerts_per_week: float = Field(default=1.0, gt=0, le=MOST_A_WEEK)
    influential_followers: Annotated[int, _bent_to(MOST_FOLLOWERS)] = Field(
        default=100_000, ge=1, le=MOST_FOLLOWERS
    )
    # Domains or handles of outlets of the first rank.
    tier1: tuple[str, ...] = ()
    # Accounts of the brand itself. Their posts are kept and shown apart, and are not counted as people's talk.
    own_accounts: tuple[Account, ...] = Field(default=(), max_length=MOST_BRAND_WORDS)
    # Names of others that posts compare it with. A post that names one has the label that it has toward this brand.
    rivals: tuple[BrandWord, ...] = Field(default=(), max_length=MOST_BRAND_WORDS)
    # Words that say nothing good or bad of this brand, such as the name of a game that is called "War Zone".
    neutral_words: tuple[BrandWord, ...] = Field(default=(), max_length=MOST_BRAND_WORDS)
    enabled: bool = True

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return value if as_stored(info) else tuple(map(language_code, value))

    @field_validator("countries")
    @classmethod
    def _known_countries(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for code in () if as_stored(info) else value:
            if not known_country(code):
                raise ValueError(
                    Sentence(
                        "no holidays are known of {code}: use a code of ISO 3166, such as NL", code=repr(code)
                    )
                )
        return value

    @field_validator("query")
    @classmethod
    def _parses(cls, value: str, info: ValidationInfo) -> str:
        # A stored query was parsed when it was saved.
        if not as_stored(info):
            from tocsin.query import parse_query

            parse_query(value)
        return value

    @property
    def series(self) -> str:
        """The id of the series. It stays the same as long as the monitor matches the same mentions."""
        return stable_id("series", self.query, *sorted(self.languages))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Channel(BaseModel):
    """One way to reach a person. `kind` is the kind of a notifier. The other fields are that notifier's own settings.

    Secrets are named, not stored: `env:NAME` or `file:PATH`.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str

    @model_validator(mode="after")
    def _plain_settings(self, info: ValidationInfo) -> Channel:
        if not as_stored(info):
            for name, value in self.target.items():
                _require_plain(name, value)
        return self

    @property
    def target(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


def _stands_for_another(name: str) -> bool:
    """Whether a reader of the record would take the name for a key's or Tocsin's own, however it is written."""
    seen = unicodedata.normalize("NFKC", name).replace("\u200c", "").replace("\u200d", "")
    low = " ".join(seen.casefold().split())
    return low in TAKEN or low.startswith(TAKEN_BEGINNINGS) or low.endswith(TAKEN_ENDING)


class Person(Definition):
    """Somebody who signs in, is paged, or both."""

    role: Role = Role.VIEWER
    email: str | None = Field(default=None, max_length=320)
    timezone: str = "UTC"
    # Until one is chosen the page speaks the browser's language, and notices that of the last sign-in (`tocsin.access.spoken`).
    language: str | None = None
    channels: tuple[Channel, ...] = ()
    # Start and end in the person's zone, such as ("22:00", "07:00"). SEV1 and SEV2 ring all the same.
    quiet_hours: tuple[str, str] | None = None
    active: bool = True

    @field_validator("name")
    @classmethod
    def _own_name(cls, value: str, info: ValidationInfo) -> str:
        if not as_stored(info) and _stands_for_another(value):
            raise ValueError(
                Sentence(
                    "this name stands in the record for a key or for Tocsin itself: choose another, such as a first name"
                )
            )
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("quiet_hours")
    @classmethod
    def _clock_times(cls, value: tuple[str, str] | None) -> tuple[str, str] | None:
        for text in value or ():
            try:
                datetime.strptime(text, "%H:%M")  # noqa: DTZ007  # a time of day in the person's zone
            except ValueError:
                raise ValueError(
                    Sentence("{text} is no time of day: write it like 22:00", text=repr(text[:80]))
                ) from None
        return value


class Step(BaseModel):
    """The people to page, and how long after the alert opened (or an acknowledgement expired) if nobody has answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after_minutes: int = Field(ge=0, le=7 * 24 * 60)
    # "person:NAME" or "schedule:NAME".
    targets: tuple[str, ...] = Field(min_length=1)


class Policy(Definition):
    """The people who are paged, in their order, and the people who work the escalations."""

    steps: tuple[Step, ...] = Field(min_length=1)
    teams: dict[Literal["pr", "legal", "fallback"], tuple[str, ...]] = {}
    acknowledge_expires_minutes: int = Field(default=60, ge=1, le=24 * 60)
    # The least severe SEV that rings at night. SEV3 waits for morning unless this says 3 or 4.
    night_rings_from: Literal[1, 2, 3, 4] = 2
    # People who are told of every SEV1 and SEV2, and not asked to act.
    heads_up: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Policy:
        times = [step.after_minutes for step in self.steps]
        if times != sorted(times):
            raise ValueError(
                Sentence(
                    "steps must come in the order of after_minutes, not {times}",
                    times=", ".join(map(str, times)),
                )
            )
        return self


class Override(BaseModel):
    """One person who is on call from `starts_at` to `ends_at`, in place of the rotation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    starts_at: Moment
    ends_at: Moment


class Schedule(Definition):
    """The people on call. `rotation` takes turns of `turn_hours` from `starts_at` on. `overrides` win over the rotation."""

    # Names of people.
    rotation: tuple[str, ...] = Field(min_length=1)
    starts_at: Moment
    turn_hours: int = Field(default=168, ge=1, le=24 * 90)
    # The zone by whose clock the turns change. None: a turn is so many hours, whatever the clocks do.
    timezone: str | None = None
    overrides: tuple[Override, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else known_zone(value)


class SourceDef(Definition):
    """A source of mentions. The other fields are the connector's own settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    enabled: bool = True
    # After three times as long without a mention the source is silent, and may become BLIND (`tocsin.health.sources`).
    expected_every_minutes: Annotated[int | None, _bent_to(LONGEST_EXPECTED_MINUTES)] = Field(
        default=None, ge=1, le=LONGEST_EXPECTED_MINUTES
    )

    @model_validator(mode="after")
    def _plain_settings(self, info: ValidationInfo) -> SourceDef:
        wrong = None if as_stored(info) else why_not_plain(self.settings)
        if wrong is not None:
            raise ValueError(wrong)
        return self

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Silence(Definition):
    """A time in which alerts of a monitor (or of all monitors) are suppressed, visibly. SEV1 breaks the silence."""

    monitor: str | None = None
    starts_at: Moment
    ends_at: Moment
    reason: str = Field(min_length=1, max_length=2000)

    @model_validator(mode="after")
    def _ends_later(self, info: ValidationInfo) -> Silence:
        if self.ends_at <= self.starts_at and not as_stored(info):
            raise ValueError(Sentence("a silence must end after it starts"))
        return self


class ExpectedEvent(Definition):
    """An announced event (a launch, a match, a campaign). A volume alert within it is a watch that waits, unless tone sours."""

    monitor: str | None = None
    starts_at: Moment
    ends_at: Moment
    note: str = Field(default="", max_length=2000)

    @model_validator(mode="after")
    def _ends_later(self, info: ValidationInfo) -> ExpectedEvent:
        if self.ends_at <= self.starts_at and not as_stored(info):
            raise ValueError(Sentence("an expected event must end after it starts"))
        return self


def _require_plain(name: str, value: object) -> None:
    """Raise ValueError for a setting of a channel that is no short text, whole number or switch."""
    whole = isinstance(value, int) and abs(value) < LARGEST
    short = isinstance(value, str) and len(value) <= LONGEST_SETTING and not unseen(value)
    if len(name) > LONGEST_SETTING or unseen(name) or not (whole or short):
        raise ValueError(
            Sentence(
                "the channel's setting {name} must be one line of text of at most {most} characters, "
                "a whole number, true or false",
                name=ascii(name[:80]),
                most=LONGEST_SETTING,
            )
        )


KINDS: dict[str, type[Definition]] = {
    "monitor": Monitor,
    "policy": Policy,
    "person": Person,
    "schedule": Schedule,
    "source": SourceDef,
    "silence": Silence,
    "expected_event": ExpectedEvent,
}


def language_code(value: str) -> str:
    """`value` if it is the code of a language, with or without a region, or blank. Raises ValueError."""
    # Imported here: a process that only reads definitions which were checked when they were saved need not load it.
    from tocsin.reading.fields import language

    if not language(value)[1]:
        raise ValueError(
            Sentence("{value} is no language; write its code, such as en or pt-BR", value=repr(value[:40]))
        )
    return value


def known_zone(value: str) -> str:
    """`value` if it is the name of a time zone. Raises ValueError with an example otherwise."""
    if value not in _zones():
        raise ValueError(
            Sentence("unknown time zone {value}; use a name such as Europe/Istanbul", value=repr(value))
        )
    return value


@cache
def _zones() -> frozenset[str]:
    """The names of all time zones. They are read once: reading the zone files takes 40 ms, and every loaded definition asks."""
    return frozenset(available_timezones())
