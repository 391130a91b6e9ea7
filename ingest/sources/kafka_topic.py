"""A topic on somebody else's Kafka: each record is a mention, as Tocsin writes it or by a mapping.

The cursor holds the next offset of each partition; nothing is committed there. Records that are gone before they were read are
a gap. A record without a value says that its key is deleted; where the key is the mention's id, the mention is removed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingest.mapped import KEY, PLACE, TIMESTAMP, check_mapping, mapped
from ingest.source import Bad, Cursor, Fetched, FetchFailed, Gap, Natural, Removed, SourceContext, read_cursor
from ingest.sources.places import Line, Network, Secret
from ingest.streaming import INTERVAL
from ingest.topic_log import OutOfRange, TopicLog, TopicRecord
from tocsin.core import patterns
from tocsin.core.clock import iso
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import Mention
from tocsin.core.sentences import Sentence
from tocsin.reading import decoded, read_json_line, read_mention, require_readable
from tocsin.settings import StreamSettings

MOST_RECORDS = 2000
# The first read of a connection waits so long for the brokers' first answer; later ones take what is there.
FIRST_WAIT, WAIT = timedelta(seconds=2), timedelta(milliseconds=50)
# New partitions are noticed so soon.
LOOK_EVERY = timedelta(minutes=1)
_SERVER = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})")
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class KafkaTopicSettings(BaseModel):
    """The settings of a topic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: tuple[str, ...] = Field(min_length=1, max_length=20, description="Brokers, as host:port.")
    topic: str = Field(pattern=patterns.TOPIC, description="The topic.")
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Which part of a record is which field. If it is not set, records are mentions as Tocsin writes them.",
    )
    network: Network = Field("kafka", description="The network its mentions count for.")
    first: Literal["latest", "earliest"] = Field(
        "latest", description="Where to begin at the very beginning."
    )
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How the connection is protected; SASL signs in, SSL is TLS."
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How to sign in."
    )
    username: Line | None = Field(None, description="The account.")
    password: Secret | None = Field(None, description="env:NAME or file:PATH.")

    @field_validator("servers")
    @classmethod
    def _servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            found = _SERVER.fullmatch(one)
            if found is None or not 0 < int(found["port"]) < 65536:
                raise ValueError(Sentence("{one} is not host:port", one=repr(one[:80])))
        return value

    @model_validator(mode="after")
    def _signs_in(self) -> KafkaTopicSettings:
        given = (self.username is not None, self.password is not None)
        if self.security.startswith("SASL") and not all(given):
            raise ValueError(
                Sentence("{security} signs in: set username and password", security=self.security)
            )
        if not self.security.startswith("SASL") and any(given):
            raise ValueError(
                Sentence(
                    "{security} does not sign in: leave username and password out, or set security to SASL_SSL",
                    security=self.security,
                )
            )
        return self

    @field_validator("fields")
    @classmethod
    def _mapping(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            check_mapping(value)
        except WrongInput as error:
            raise ValueError(error.said) from None
        return value


class TopicPlaces(msgspec.Struct, frozen=True, omit_defaults=True):
    """The next offset of each partition, and when the newest record was written that was read."""

    offsets: dict[str, Natural] = {}
    heard: _Time | None = None


class KafkaTopicSource:
    """A topic as a source; the module's docstring describes how it is read."""

    kind = "kafka"
    remote = True
    interval = INTERVAL

    def __init__(
        self,
        context: SourceContext,
        settings: KafkaTopicSettings,
        connect: Callable[[SourceContext, KafkaTopicSettings], TopicLog] | None = None,
    ) -> None:
        self._context, self._settings = context, settings
        self._connect = connect or connected
        self.target = f"{','.join(settings.servers)}/{settings.topic}"
        self._log: TopicLog | None = None
        # The offsets that the last fetch returned: they are known to be there.
        self._known: dict[str, int] | None = None
        self._looked_at = 0.0

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        at = read_cursor(cursor, TopicPlaces)
        fresh = self._log is None
        log = self._log = self._log or self._connect(self._context, self._settings)
        try:
            offsets, lost = self._places(log, at)
            records = self._read(log, offsets, FIRST_WAIT if fresh else WAIT)
        except FetchFailed:
            self.close()
            raise
        if records is None:
            # Something was taken away meanwhile; the next fetch looks what is there.
            self._known = None
            return Fetched(cursor=cursor, more=True)
        places = {n: max(offset, log.places().get(n, 0)) for n, offset in offsets.items()}
        # A poll may bring nothing but what no reader is given: then the next one is due at once.
        return self._fetched(at, places, lost, records, now, more=places != offsets)

    def close(self) -> None:
        log, self._log, self._known = self._log, None, None
        if log is not None:
            log.close()

    def _places(self, log: TopicLog, at: TopicPlaces) -> tuple[dict[int, int], set[int]]:
        """Where to read on in each partition, and the partitions of which something is gone."""
        looked = time.monotonic() - self._looked_at < LOOK_EVERY.total_seconds()
        if self._known is not None and at.offsets == self._known and looked:
            return {int(name): offset for name, offset in at.offsets.items()}, set()
        bounds = log.bounds()
        self._looked_at = time.monotonic()
        offsets: dict[int, int] = {}
        lost: set[int] = set()
        for partition, (oldest, end) in bounds.items():
            known = at.offsets.get(str(partition))
            if known is None:
                # A partition that came later is read from its beginning.
                latest = not at.offsets and self._settings.first == "latest"
                offsets[partition] = end if latest else oldest
            elif oldest <= known <= end:
                offsets[partition] = known
            else:
                # Retention took records away, or the topic was made anew and counts from zero.
                offsets[partition] = oldest
                lost.add(partition)
        return offsets, lost

    def _read(self, log: TopicLog, offsets: Mapping[int, int], wait: timedelta) -> list[TopicRecord] | None:
        try:
            return log.read(offsets, MOST_RECORDS, wait)
        except OutOfRange:
            return None

    def _fetched(
        self,
        at: TopicPlaces,
        offsets: dict[int, int],
        lost: set[int],
        records: list[TopicRecord],
        now: datetime,
        *,
        more: bool,
    ) -> Fetched:
        mentions: list[Mention] = []
        bad: list[Bad] = []
        removed: list[Removed] = []
        heard = at.heard
        for record in records:
            if record.at <= now:
                heard = max(heard or record.at, record.at)
            try:
                self._take(record, mentions, removed)
            except BadMention as error:
                bad.append(Bad(record.offset, record.value or b"(nothing)", error))
        after = TopicPlaces({str(n): offset for n, offset in offsets.items()}, heard)
        self._known = dict(after.offsets)
        return Fetched(
            mentions,
            bad,
            msgspec.to_builtins(after),
            more=more,
            gaps=_gaps(at.heard, lost, records, now),
            removed=removed,
        )

    def _take(self, record: TopicRecord, mentions: list[Mention], removed: list[Removed]) -> None:
        fields, name = self._settings.fields, self._context.name
        if record.trouble:
            raise BadMention("unreadable_record", record.trouble)
        key = record.key.decode("utf-8", "replace") if record.key is not None else None
        if record.value is None:
            if key and fields.get("id", KEY) == KEY:
                removed.append(Removed(id=key))
            return
        if not fields:
            mention = read_json_line(record.value, source=name, fix_source=True)
            if mention.network is None:
                mention = msgspec.structs.replace(mention, network=self._settings.network)
            mentions.append(mention)
            return
        require_readable(record.value)
        special = {
            KEY: key,
            TIMESTAMP: iso(record.at),
            PLACE: f"{self._settings.topic}:{record.partition}:{record.offset}",
        }
        values = {"network": self._settings.network} | mapped(decoded(record.value), special, fields)
        mentions.append(read_mention(values, source=name, fix_source=True))


def connected(context: SourceContext, settings: KafkaTopicSettings) -> TopicLog:
    """A connection to the topic."""
    # kafka-python takes a while to load, which whoever reads no topic need not wait for.
    from ingest.foreign_topic import connect

    try:
        given = StreamSettings(
            security=settings.security,
            sasl_mechanism=settings.mechanism,
            sasl_username=settings.username,
            sasl_password=settings.password,
        )
    except ValidationError as error:
        raise FetchFailed(f"these settings do not go together: {error.errors()[0]['msg']}"[:300]) from None
    return connect(settings.servers, settings.topic, given, context.ingest)


def _gaps(heard: datetime | None, lost: set[int], records: list[TopicRecord], now: datetime) -> list[Gap]:
    """The gap before the first record of the partitions of which something is gone."""
    if not lost or heard is None:
        return []
    first = min((one.at for one in records if one.partition in lost and one.at > heard), default=now)
    return [Gap(heard, first, "the topic no longer had what came next")] if heard < first else []
