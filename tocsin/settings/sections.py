"""The settings: sections of typed values with defaults, each with its meaning. Unknown keys are refused."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_settings import NoDecode

from tocsin.core import patterns
from tocsin.core.errors import WrongInput
from tocsin.settings.address import public_address
from tocsin.settings.secrets import require_reference


def _split(value: Any) -> Any:
    """A tuple of names. Names that come as one text, as from the environment, are separated by commas."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _public(url: str | None) -> str | None:
    """`url`, if links can be made of it; an empty one is none. pydantic wants a ValueError otherwise."""
    try:
        return public_address(url) if url else None
    except WrongInput as error:
        raise ValueError(str(error)) from None


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The networks as given. Refused here, or each source that reads them would fail for itself."""
    for text in texts:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise ValueError(
                f"{text!r} is no network; write for example 10.0.0.0/8, and in the environment several with commas"
            ) from None
    return texts


def _proxies(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses and networks as the HTTP server takes them. It would take any other text for a name, and believe nobody."""
    return tuple(one if one == EVERYBODY else _proxy(one) for one in texts)


def _proxy(text: str) -> str:
    try:
        return str(ip_network(text, strict=False)) if "/" in text else str(ip_address(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is no address and no network; write for example 192.0.2.7 or 10.0.0.0/8,"
            " and in the environment several with commas"
        ) from None


def _reference(value: str | None, info: ValidationInfo) -> str | None:
    """`value`, if it refers to a secret; an empty one is none. The error does not show the value, which may be the secret."""
    try:
        return require_reference(info.field_name or "", value) if value else value
    except WrongInput as error:
        raise ValueError(str(error)) from None


Names: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks: TypeAlias = Annotated[Names, AfterValidator(_networks)]
Proxies: TypeAlias = Annotated[Names, AfterValidator(_proxies)]
Reference: TypeAlias = Annotated[str | None, AfterValidator(_reference)]
EVERYBODY: Final = "*"
"""A proxy of the setting `api.trusted_proxies` that stands for every address."""

# The greatest lengths of time that a setting may have. Beyond them the calendar ends.
CENTURY_DAYS: Final = 36_525
YEAR_MINUTES: Final = 366 * 24 * 60


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Api(Section):
    """The HTTP service and the page."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Loopback by default, so nobody else reaches it."
    )
    port: int = Field(8085, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: Annotated[str | None, AfterValidator(_public)] = Field(
        None, description="How people reach the page; notices link to it."
    )
    allowed_hosts: Names = Field((), description="Host names answered besides loopback and public_url's.")
    trusted_proxies: Proxies = Field(
        (),
        description="Addresses and networks whose X-Forwarded-For and -Proto are believed; *: all, so that whoever reaches "
        "the port may claim any address.",
    )
    max_body_bytes: int = Field(
        8 * 1024 * 1024, ge=1024, description="Largest push accepted; other bodies may have 1 MiB at most."
    )
    session_hours: int = Field(12, ge=1, le=24 * 30, description="How long a sign-in lasts.")
    session_kept_days: int = Field(
        30, ge=1, le=366, description="How long a sign-in lasts that a person keeps on a device."
    )
    requests_per_minute: int = Field(
        1200, ge=1, description="Per key or address; beyond: 429 with Retry-After."
    )


class StreamSettings(Section):
    """The stream, through which mentions flow."""

    url: str = Field("sqlite", description="The engine: sqlite, or kafka://host:port[,host:port].")
    partitions: int = Field(
        8, ge=1, le=1000, description="Partitions of the topic mentions, when it is made."
    )
    record_max_mentions: int = Field(
        100, ge=1, description="Mentions in one record; 1 for outside consumers."
    )
    max_bytes: int = Field(
        4 * 1024**3,
        ge=1024 * 1024,
        description="What the stream may keep of a topic on disk (Kafka: when the topic is made; each replica).",
    )
    topic_prefix: str = Field(
        "", description="Kafka: goes before the names of topics and groups, for several Tocsins on one Kafka."
    )
    retention_hours: int = Field(
        168, ge=1, le=24 * 366, description="Kafka: how long a topic keeps records, when it is made."
    )
    replication: int = Field(
        0,
        ge=0,
        le=9,
        description="Kafka: copies of a topic, when it is made; 0: three, or as many as there are or url names.",
    )
    compression: Literal["none", "gzip", "lz4", "snappy", "zstd"] = Field(
        "lz4", description="Kafka: how records are compressed."
    )
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Kafka: how the connection is protected; SASL signs in, SSL is TLS."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="Kafka: how to sign in."
    )
    sasl_username: str | None = Field(None, description="Kafka: account.")
    sasl_password: Reference = Field(
        None, description="Kafka: env:NAME or file:PATH.", json_schema_extra={"secret": True}
    )
    tls_ca_file: Path | None = Field(
        None, description="Kafka: certificates of who is trusted (PEM); unset: the system's."
    )
    tls_cert_file: Path | None = Field(
        None, description="Kafka: our own certificate (PEM), where brokers ask."
    )
    tls_key_file: Path | None = Field(None, description="Kafka: its key (PEM).")
    tls_key_password: Reference = Field(
        None,
        description="Kafka: env:NAME or file:PATH, where the key has one.",
        json_schema_extra={"secret": True},
    )


class StoreSettings(Section):
    """The store, which keeps everything."""

    url: str = Field("sqlite", description="The engine: sqlite, or postgresql://user@host:port/database.")
    password: Reference = Field(
        None,
        description="PostgreSQL: the role's, as env:NAME or file:PATH.",
        json_schema_extra={"secret": True},
    )
    copies_folder: Path | None = Field(
        None,
        description="PostgreSQL: where the copies from before an upgrade are kept; default: before-upgrade in the data folder.",
    )
    upgrade_without_copy: bool = Field(
        False, description="Whether a newer version may change the store's schema without copying it first."
    )


class Ingest(Section):
    """The reading of sources."""

    max_age_days: int = Field(
        90, ge=1, le=CENTURY_DAYS, description="Older mentions are refused and counted."
    )
    max_ahead_minutes: int = Field(
        10, ge=0, le=YEAR_MINUTES, description="Mentions dated further ahead of receipt are dead letters."
    )
    feed_max_bytes: int = Field(5 * 1024 * 1024, ge=1024, description="Largest feed that is read.")
    fetch_timeout_s: float = Field(20.0, gt=0, le=300, description="Longest wait for a source to answer.")
    feed_interval_s: int = Field(300, ge=10, le=604_800, description="How often a feed is asked.")
    allowed_folders: Names = Field(
        (),
        description="Folders whose files a source may read that is defined over the API, not by tocsin apply.",
    )
    allowed_private_networks: Networks = Field(
        (), description="Private addresses (CIDR) that sources and webhooks may reach."
    )
    contact: str | None = Field(
        None,
        max_length=200,
        pattern=patterns.CONTACT,
        description="Your mail address or web page; networks see it beside Tocsin's name and may write instead of refusing.",
    )


class DetectionSettings(Section):
    """The judging of windows."""

    window_s: Literal[300] = Field(300, description="Length of a window.")
    grace_s: int = Field(
        30, ge=0, le=3600, description="How long a window waits for late mentions after its end."
    )
    tick_s: int = Field(15, ge=1, le=300, description="How often every open window is judged.")
    look_s: float = Field(
        1.0, ge=0.1, le=60, description="How often to look for monitors that cannot wait for the next tick."
    )
    longest_wait_s: int = Field(
        600, ge=30, le=3600, description="A window that the stream holds back longer closes incomplete."
    )


class Alerting(Section):
    """The behaviour of alerts."""

    blind_after_minutes: int = Field(
        15, ge=1, le=YEAR_MINUTES, description="A source that is silent or failing this long pages as BLIND."
    )
    heartbeat_url: str | None = Field(
        None, description="Pinged after each passing audit; an outside watcher alarms when the pings stop."
    )
    console: bool = Field(True, description="Also print every page on the console.")


class Smtp(Section):
    """Outgoing mail."""

    host: str | None = Field(None, description="Mail server; unset: the e-mail notifier is off.")
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is protected."
    )
    username: str | None = Field(None, description="Account, where the server wants one.")
    password: Reference = Field(
        None, description="env:NAME or file:PATH.", json_schema_extra={"secret": True}
    )
    sender: str = Field("tocsin@localhost", description="From.")
    timeout_s: float = Field(15.0, gt=0, le=120, description="Longest wait; then the outcome is unknown.")


class Retention(Section):
    """The times for which each kind of data is kept."""

    sample_hours: int = Field(24, ge=0, le=CENTURY_DAYS * 24, description="The sample of unmatched mentions.")
    authors_days: int = Field(
        30, ge=1, le=CENTURY_DAYS, description="Days after which authors are pseudonymised."
    )
    mentions_days: int = Field(
        90, ge=1, le=CENTURY_DAYS, description="Matched mentions, to the end of their UTC day."
    )
    tallies_days: int = Field(761, ge=1, le=CENTURY_DAYS, description="Tallies (25 months).")
    sample_rate: float = Field(0.01, ge=0, le=1, description="Share of unmatched mentions that is sampled.")


class Imports(Section):
    """History that is brought in from files."""

    folder: Path | None = Field(
        None,
        description="The one folder that the page takes files from; default: imports in the data folder.",
    )
    upload_max_bytes: int = Field(
        256 * 1024 * 1024, ge=1024, le=64 * 1024**3, description="Largest file that is uploaded."
    )
    max_bytes: int = Field(32 * 1024**3, ge=1024, description="What may come out of a packed file, in bytes.")


class Settings(Section):
    """All settings: everything that is configured, not defined by people in Tocsin."""

    data: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("tocsin", appauthor=False)),
        description="Folder of the embedded engines.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    api: Api = Api()
    stream: StreamSettings = StreamSettings()
    store: StoreSettings = StoreSettings()
    ingest: Ingest = Ingest()
    detection: DetectionSettings = DetectionSettings()
    alerting: Alerting = Alerting()
    smtp: Smtp = Smtp()
    retention: Retention = Retention()
    imports: Imports = Imports()


SECTIONS: Final = tuple(
    name for name, field in Settings.model_fields.items() if isinstance(field.default, Section)
)
