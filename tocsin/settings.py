"""Settings: one typed TOML file, each also as an environment variable. The only place that reads the environment.

`--config FILE` or `TOCSIN_CONFIG` names the file; every setting is also `TOCSIN_SECTION__NAME`. The environment wins over the
file. Secrets are given as `env:NAME` or `file:PATH` and read when used. Unknown keys are refused.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tocsin.core.errors import WrongInput


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Api(Section):
    """The HTTP service and the page."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Loopback by default: no door is open by itself."
    )
    port: int = Field(8085, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(None, description="How people reach the page; notices link to it.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Host names answered besides loopback and public_url's."
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses whose X-Forwarded-For and -Proto are believed."
    )
    max_body_bytes: int = Field(8 * 1024 * 1024, ge=1024, description="Largest request body accepted.")
    session_hours: int = Field(12, ge=1, le=24 * 30, description="How long a sign-in lasts.")
    requests_per_minute: int = Field(
        1200, ge=1, description="Per key or address; beyond: 429 with Retry-After."
    )


class StreamSettings(Section):
    """Where mentions flow."""

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
    sasl_password: str | None = Field(
        None, description="Kafka: env:NAME or file:PATH.", json_schema_extra={"secret": True}
    )
    tls_ca_file: Path | None = Field(
        None, description="Kafka: certificates of who is trusted (PEM); unset: the system's."
    )
    tls_cert_file: Path | None = Field(
        None, description="Kafka: our own certificate (PEM), where brokers ask."
    )
    tls_key_file: Path | None = Field(None, description="Kafka: its key (PEM).")
    tls_key_password: str | None = Field(
        None,
        description="Kafka: env:NAME or file:PATH, where the key has one.",
        json_schema_extra={"secret": True},
    )


class StoreSettings(Section):
    """Where everything is kept."""

    url: str = Field("sqlite", description="The engine: sqlite, or postgresql://user@host:port/database.")
    password: str | None = Field(
        None,
        description="PostgreSQL: the role's, as env:NAME or file:PATH.",
        json_schema_extra={"secret": True},
    )


class Ingest(Section):
    """How sources are read."""

    max_age_days: int = Field(90, ge=1, description="Older mentions are refused and counted.")
    max_ahead_minutes: int = Field(
        10, ge=0, description="Mentions dated further ahead of receipt are dead letters."
    )
    feed_max_bytes: int = Field(5 * 1024 * 1024, ge=1024, description="Largest feed that is read.")
    fetch_timeout_s: float = Field(20.0, gt=0, le=300, description="Longest wait for a source to answer.")
    feed_interval_s: int = Field(300, ge=10, description="How often a feed is asked.")
    allowed_private_networks: tuple[str, ...] = Field(
        (), description="Private addresses (CIDR) that feeds and webhooks may reach."
    )


class DetectionSettings(Section):
    """How windows are judged."""

    window_s: Literal[300] = Field(300, description="Length of a window.")
    grace_s: int = Field(
        30, ge=0, le=3600, description="How long a window waits for late mentions after its end."
    )
    tick_s: int = Field(15, ge=1, le=300, description="How often every open window is judged.")
    look_s: float = Field(
        1.0, ge=0.1, le=60, description="How often to look for monitors that should not wait for that."
    )
    longest_wait_s: int = Field(
        600, ge=30, le=3600, description="A window that the stream holds back longer closes incomplete."
    )


class Alerting(Section):
    """How alerts behave."""

    blind_after_minutes: int = Field(
        15, ge=1, description="A source that is silent or failing this long pages as BLIND."
    )
    heartbeat_url: str | None = Field(
        None, description="Pinged after each passing audit; an outside watcher misses it."
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
    password: str | None = Field(
        None, description="env:NAME or file:PATH.", json_schema_extra={"secret": True}
    )
    sender: str = Field("tocsin@localhost", description="From.")
    timeout_s: float = Field(15.0, gt=0, le=120, description="Longest wait; then the outcome is unknown.")


class Retention(Section):
    """How long what is kept."""

    sample_hours: int = Field(24, ge=0, description="The sample of unmatched mentions.")
    authors_days: int = Field(30, ge=1, description="Then authors are pseudonymised.")
    mentions_days: int = Field(90, ge=1, description="Matched mentions, to the end of their UTC day.")
    tallies_days: int = Field(761, ge=1, description="Tallies (25 months).")
    sample_rate: float = Field(0.01, ge=0, le=1, description="Share of unmatched mentions that is sampled.")


class Settings(Section):
    """Everything that is set rather than defined."""

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


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings in force, and for each (as `section.name`) where it came from: default, file, environment or command line."""

    settings: Settings
    origins: Mapping[str, str]


def load(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Loaded:
    """Defaults, then the file, then the environment, then `overrides` (keys as `section.name`; None is no override).

    Raises `WrongInput` naming the file or variable, the setting, the value and what would be right.
    """
    env = os.environ if environ is None else environ
    path = config or (Path(env["TOCSIN_CONFIG"]) if env.get("TOCSIN_CONFIG") else None)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if path is not None:
        for key, value in _flat(_read(path)).items():
            values[key], origins[key] = value, f"file {path}"
    for variable, value in env.items():
        named = _key_of(variable)
        if named:
            values[named], origins[named] = _parsed(named, value), f"environment {variable}"
    for key, value in (overrides or {}).items():
        if value is not None:
            values[key], origins[key] = value, "command line"
    try:
        return Loaded(Settings.model_validate(_nested(values)), origins)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        where = origins.get(key, "settings")
        if first["type"] == "extra_forbidden":
            raise WrongInput(
                f"{where}: unknown setting {key!r}; known here: {', '.join(_siblings(key))}"
            ) from None
        raise WrongInput(f"{where}: {key} = {first['input']!r}: {first['msg']}") from None


def known_settings() -> dict[str, tuple[str, Any]]:
    """Every setting as `section.name`, with its description and default."""
    known: dict[str, tuple[str, Any]] = {}
    for name, info in Settings.model_fields.items():
        default = info.get_default(call_default_factory=True)
        if isinstance(default, Section):
            for inner, field in type(default).model_fields.items():
                known[f"{name}.{inner}"] = (field.description or "", field.get_default())
        else:
            known[name] = (info.description or "", default)
    return known


def masked(key: str, value: Any) -> Any:
    """The value of a setting as it may be shown: neither a secret nor the password in a URL."""
    section, _, name = key.rpartition(".")
    if section:
        extra = type(Settings.model_fields[section].default).model_fields[name].json_schema_extra
        if value and isinstance(extra, dict) and extra.get("secret"):
            return "(set)"
    if not isinstance(value, str):
        return value
    value = re.sub(r"^(\w+://[^:/@]*):.*@", r"\1:(set)@", value)
    return re.sub(r"([?&]\w*pass\w*=)[^&]*", r"\1(set)", value)


def reveal(reference: str) -> str:
    """The secret behind `env:NAME` or `file:PATH`. Raises `WrongInput` that names the reference, never the secret."""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        if rest not in os.environ:
            raise WrongInput(f"the environment has no {rest}, which {reference!r} names")
        return os.environ[rest]
    if kind == "file":
        try:
            return Path(rest).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise WrongInput(f"cannot read the secret that {reference!r} names: {error.strerror}") from None
    raise WrongInput("a secret must be given as env:NAME or file:PATH, not in plain text")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongInput(f"cannot read the settings file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongInput(f"{path}: {error}") from None


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and not prefix:
            out |= _flat(value, f"{key}.")
        else:
            out[prefix + key] = value
    return out


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
    return tree


def _key_of(variable: str) -> str | None:
    if not variable.startswith("TOCSIN_") or variable == "TOCSIN_CONFIG":
        return None
    rest = variable.removeprefix("TOCSIN_").lower()
    if rest in ("data", "log_level"):
        return rest
    return rest.replace("__", ".", 1) if "__" in rest else None


def _parsed(key: str, value: str) -> Any:
    default = known_settings().get(key, ("", None))[1]
    return (
        tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(default, tuple)
        else value
    )


def _siblings(key: str) -> list[str]:
    section = key.rpartition(".")[0]
    return sorted(k for k in known_settings() if k.rpartition(".")[0] == section) or sorted(known_settings())


def example_file() -> str:
    """A TOML file that says what every setting does and sets none: each line is its default, commented out."""
    lines = ["# Settings of Tocsin. Every line is a default; take the # away to change it.", ""]
    section = None
    for key, (description, default) in known_settings().items():
        head, _, name = key.rpartition(".")
        if head != (section or ""):
            section = head
            lines += ["", f"[{head}]"]
        lines += [f"# {description}", f"# {name} = {_toml(default)}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if value is None:
        return '"..."  # unset'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    if isinstance(value, Path):
        return '"..."  # the platform\'s folder for user data'
    return f'"{value}"'
