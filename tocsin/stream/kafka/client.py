"""How Kafka is reached: the address and settings become kafka-python's configuration, and its errors become ours."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import structlog
from kafka import errors
from kafka.codec import has_lz4, has_snappy, has_zstd
from kafka.net.compat import KafkaNetClient

from tocsin.core.errors import StreamUnavailable, WrongInput
from tocsin.settings import StreamSettings, reveal

SCHEME = "kafka://"
BOOTSTRAP_MS = 3_000
REQUEST_MS = 5_000
ASK_MS = 1_000
BEING_CONNECTED_MS = 20
LATEST, EARLIEST = -1, -2
"""Kafka's names for the ends of a partition, in a question for an offset by time."""
MAX_BATCH_BYTES = 2 * 1024 * 1024
RECONNECT_MOST_MS = 1_000
"""A broker that is back is found within about a second, however long it was away."""

_SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")
_CODECS = {
    "none": lambda: True,
    "gzip": lambda: True,
    "lz4": has_lz4,
    "snappy": has_snappy,
    "zstd": has_zstd,
}
_SILENCE = (
    errors.KafkaConnectionError,
    errors.KafkaTimeoutError,
    errors.NodeNotReadyError,
    errors.RequestTimedOutError,
)

READING: Final[dict[str, Any]] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    # Others may write there, in transactions too. Records of a transaction that was taken back are not read.
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}
"""How every consumer reads: from where it is told, and without leaving anything on the broker."""

T = TypeVar("T")
log = structlog.get_logger("stream")


def servers_of(url: str) -> tuple[str, ...]:
    """The brokers that `kafka://host:port[,host:port]` names. Raises `WrongInput`, whose text repeats no credentials."""
    rest = url.removeprefix(SCHEME)
    if "@" in rest:
        raise WrongInput(
            "the stream's address holds credentials: write kafka://host:port[,host:port] and give them as"
            " stream.sasl_username and stream.sasl_password"
        )
    servers = tuple(part.strip() for part in rest.rstrip("/").split(","))
    for server in servers:
        found = _SERVER.fullmatch(server)
        if found is None or not 0 < int(found[2]) < 65536:
            raise WrongInput(f"the stream's address {url!r} is not kafka://host:port[,host:port]")
    return servers


def client_settings(url: str, settings: StreamSettings) -> dict[str, Any]:
    """The configuration of every kafka-python client. Raises `WrongInput` for settings that do not go together."""
    config: dict[str, Any] = {
        "bootstrap_servers": list(servers_of(url)),
        "client_id": "tocsin",
        "bootstrap_timeout_ms": BOOTSTRAP_MS,
        "request_timeout_ms": REQUEST_MS,
        "reconnect_backoff_max_ms": RECONNECT_MOST_MS,
        "security_protocol": settings.security,
    }
    if settings.security.startswith("SASL"):
        if settings.sasl_username is None or settings.sasl_password is None:
            raise WrongInput(
                f"stream.security = {settings.security!r} wants stream.sasl_username and stream.sasl_password"
            )
        config["sasl_mechanism"] = settings.sasl_mechanism
        config["sasl_plain_username"] = settings.sasl_username
        config["sasl_plain_password"] = reveal(settings.sasl_password)
    elif settings.sasl_username is not None or settings.sasl_password is not None:
        raise WrongInput(
            f"stream.sasl_username and sasl_password are given, but stream.security = {settings.security!r};"
            " SASL_SSL or SASL_PLAINTEXT uses them"
        )
    if settings.security.endswith("SSL"):
        for name, path in (
            ("ssl_cafile", settings.tls_ca_file),
            ("ssl_certfile", settings.tls_cert_file),
            ("ssl_keyfile", settings.tls_key_file),
        ):
            if path is not None:
                if not path.is_file():
                    raise WrongInput(f"stream.tls_{name[4:-4]}_file = {str(path)!r}: no such file")
                config[name] = str(path)
        if settings.tls_key_password is not None:
            config["ssl_password"] = reveal(settings.tls_key_password)
    return config


def codec_of(settings: StreamSettings) -> str | None:
    """kafka-python's name for the compression. Raises `WrongInput` where the library for it is not installed."""
    if not _CODECS[settings.compression]():
        there = ", ".join(name for name, here in _CODECS.items() if here())
        raise WrongInput(
            f"stream.compression = {settings.compression!r} is not installed here; choose from: {there}"
        )
    return None if settings.compression == "none" else settings.compression


def checked_prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise WrongInput(
            f"stream.topic_prefix = {prefix!r}: letters, digits, dots, dashes and underscores, at most 100"
        )
    return prefix


class ProducerNetClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python is untyped
    """The connections of a producer, which waits for a broker that does not answer.

    The producer of kafka-python 3.0.12 takes the seconds of `connection_delay` for milliseconds, and asks again at once while a
    connection is being made or is full: a thread that turns as fast as it can for as long as the broker is silent.
    """

    def connection_delay(self, node_id: int) -> float:
        """The milliseconds until it makes sense to ask for this broker again. An answer of the broker ends the wait sooner."""
        backing_off_s: float = super().connection_delay(node_id)
        if backing_off_s:
            return backing_off_s * 1000
        return BEING_CONNECTED_MS if node_id in self._manager._conns else 0


def make_client(kind: Callable[..., T], net_client: type[Any] = KafkaNetClient, **config: Any) -> T:
    """A kafka-python client. A failed attempt to make one leaves no thread and no socket behind."""
    made: list[Any] = []

    def net(**inner: Any) -> Any:
        made.append(net_client(**inner))
        return made[-1]

    try:
        return kind(kafka_client=net, **config)
    except errors.KafkaTimeoutError:
        if config.get("security_protocol", "PLAINTEXT") != "PLAINTEXT":
            made[0]._manager.run(_ask_for_refusal, made[0]._manager)
        raise
    finally:
        if sys.exc_info()[0] is not None:
            for client in made:
                client.close()


class NoTls(errors.KafkaError):  # type: ignore[misc]  # kafka-python is untyped
    """TLS failed: we do not trust the broker's certificate, or the broker does not trust ours."""


async def _ask_for_refusal(manager: Any) -> None:
    """Raise the reason why no broker lets us in: while kafka-python looks for brokers, it takes a refusal for silence.

    A client that signs in wrongly gets an answer and the end of the connection. kafka-python mostly sees the end first (tried).
    """
    for broker in manager.cluster.bootstrap_brokers():
        manager.reset_backoff(broker.node_id)
        try:
            await manager.get_connection(broker.node_id, timeout_ms=ASK_MS, pop_on_close=False)
        except errors.SaslAuthenticationFailedError:
            raise
        except errors.KafkaError as error:
            if "Handshake failed" in str(error):
                raise NoTls(str(error)) from error
            if "socket disconnected" in str(error):
                raise errors.SaslAuthenticationFailedError("the connection was closed") from error


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn kafka-python's errors into `StreamUnavailable`, in one line that holds no secret."""
    try:
        yield
    except errors.SaslAuthenticationFailedError:
        raise StreamUnavailable(
            f"the stream {url} does not sign us in: check stream.sasl_username, sasl_password and sasl_mechanism"
        ) from None
    except NoTls as error:
        raise StreamUnavailable(
            f"the stream {url} cannot be trusted: {in_words(error)}; check stream.tls_ca_file and the host's name"
        ) from error
    except errors.AuthorizationError as error:
        raise StreamUnavailable(
            f"the stream {url} forbids this: {in_words(error)}; grant this account the topics and groups"
        ) from error
    except _SILENCE as error:
        raise StreamUnavailable(f"no broker of the stream {url} answers ({type(error).__name__})") from error
    except errors.MessageSizeTooLargeError as error:
        raise StreamUnavailable(
            f"the stream {url} refuses records of this size: raise the topic's max.message.bytes to {MAX_BATCH_BYTES}"
        ) from error
    except (errors.KafkaError, OSError, RuntimeError) as error:
        raise StreamUnavailable(f"the stream {url} cannot be used just now: {in_words(error)}") from error


def in_words(error: BaseException) -> str:
    """A foreign error in one bounded line."""
    kind = type(error).__name__
    said = str(getattr(error, "description", None) or error).removeprefix(kind).lstrip(": ")
    return " ".join(f"{said or 'no reason given'} ({kind})".split())[:200]


def quieten() -> None:
    """Silence kafka-python, which reports every attempt to reconnect; our log lines say once what is wrong.

    At `debug`, kafka-python's own lines are shown.
    """
    theirs = logging.getLogger("kafka")
    if not any(isinstance(handler, _Passed) for handler in theirs.handlers):
        theirs.addHandler(_Passed())
        theirs.propagate = False
        # Below that level kafka-python would print whole requests, mentions among them.
        theirs.setLevel(logging.WARNING)


class _Passed(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.debug("kafka client", part=record.name, said=" ".join(record.getMessage().split())[:300])
