"""Signed webhooks, as Standard Webhooks (https://www.standardwebhooks.com) describes them.

The channel's settings are `url`, and `secret` as env:NAME or file:PATH (whsec_... or base64). `webhook-id` is the
notice's id: the receiver drops an id that it has seen. The notifier follows no redirects and refuses private addresses
that are not listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

import httpx
import msgspec
from standardwebhooks import Webhook

from alerts.notifiers.port import Notice, Outcome
from tocsin.core.clock import EPOCH, Clock, SystemClock, iso
from tocsin.core.errors import WrongInput
from tocsin.core.retry_after import retry_after
from tocsin.core.sentences import Sentence
from tocsin.net import check_host, checked_client
from tocsin.settings import Settings, require_reference, reveal

AGAIN = frozenset({408, 425, 429})
"""Refusals that may pass. Any other 4xx is for good."""
NOT_NOW = frozenset({429, 503})
"""Answers whose Retry-After says for how long the receiver wants to be left alone."""
LONGEST_PAUSE = timedelta(days=1)
"""No longer pause is reported. How much of a pause is kept is the outbox's decision."""


class WebhookNotifier:
    """Sent: 2xx. Failed: no connection, 5xx, 3xx, 4xx (410 and most others for good). Unknown: silence after sending."""

    kind = "webhook"
    honours_id = True

    def __init__(
        self,
        allowed_private_networks: Sequence[str] = (),
        timeout: timedelta = timedelta(seconds=10),
        clock: Clock | None = None,
    ) -> None:
        self._allowed, self.time_limit, self._clock = (
            tuple(allowed_private_networks),
            timeout,
            clock or SystemClock(),
        )

    def send(self, notice: Notice) -> Outcome:
        try:
            url, content, headers = self._request(notice)
        except (WrongInput, ValueError, KeyError) as error:
            return Outcome("failed", f"this webhook is not set up: {error}", for_good=True)
        try:
            with (
                checked_client(self._allowed, self.time_limit, max_bytes=64 * 1024) as client,
                client.stream("POST", url, content=content, headers=headers) as response,
            ):
                return _judged(response.status_code, response.headers, self._clock.now())
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Outcome("failed", f"no connection: {error}")
        except (WrongInput, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            return Outcome("failed", f"not sent: {error}", for_good=True)
        except httpx.HTTPError as error:
            return Outcome("unknown", f"sent, but no answer: {type(error).__name__}")

    def _request(self, notice: Notice) -> tuple[str, bytes, dict[str, str]]:
        url, reference = notice.target.get("url"), notice.target.get("secret")
        if not isinstance(url, str) or not isinstance(reference, str):
            raise WrongInput(Sentence("it needs `url` and `secret` (env:NAME or file:PATH)"))
        now = self._clock.now()
        body = {
            "type": f"notice.{notice.kind}",
            "timestamp": iso(now),
            "data": {
                "notice_id": notice.id,
                "alert_id": notice.alert_id,
                "escalation_id": notice.escalation_id,
                "person": notice.person,
                "severity": notice.severity,
                "subject": notice.subject,
                "text": notice.text,
                "repeat_of": notice.repeat_of,
                "facts": notice.facts,
            },
        }
        content = msgspec.json.encode(body)
        signature = _signed(reference, notice.id, now, content)
        headers = {
            "content-type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        return url, content, headers


def _judged(status: int, headers: Mapping[str, str], now: datetime) -> Outcome:
    if 200 <= status < 300:
        return Outcome("sent", f"answered {status}")
    if status == 410:
        return Outcome("failed", "answered 410: the receiver is gone", for_good=True)
    for_good = 300 <= status < 500 and status not in AGAIN
    pause = retry_after(headers.get("retry-after"), now, LONGEST_PAUSE) if status in NOT_NOW else None
    if not pause:
        return Outcome("failed", f"answered {status}", for_good=for_good)
    asked = f"{pause.total_seconds():.0f}"
    return Outcome(
        "failed", f"answered {status} and asks for a pause of {asked} s", for_good=for_good, pause=pause
    )


def _signed(reference: str, id: str, now: datetime, content: bytes) -> str:
    """The signature over id, time and content. Raises `WrongInput` where the secret is not there, or is none."""
    secret = reveal(reference)
    try:
        return Webhook(secret).sign(id, now, content.decode("utf-8"))
    except Exception:  # noqa: BLE001  # the library's errors share no base; whichever it is, the secret is unusable
        raise WrongInput(
            Sentence("the secret that {reference} names is not base64 (whsec_...)", reference=repr(reference))
        ) from None


def check_target(target: Mapping[str, Any]) -> None:
    """Raise `WrongInput` for a target without an http address, or without a reference to its secret."""
    url = target.get("url")
    if not isinstance(url, str) or not _is_http(url):
        raise WrongInput(Sentence("a webhook channel needs `url`, an address with http or https"))
    require_reference("secret", target.get("secret"))


def require_ready(target: Mapping[str, Any], settings: Settings) -> None:
    """Raise `WrongInput` where the secret that the target names is not there, or is none, or where its address is one that no
    notice may go to. The names of other machines are not asked for: they are looked up when a notice leaves.
    """
    _signed(str(target["secret"]), "ready", EPOCH, b"")
    host = httpx.URL(str(target["url"])).host
    check_host(host, 0, settings.ingest.allowed_private_networks, _known_at_once)


def _known_at_once(host: str, _port: int) -> Sequence[str]:
    """The address that a host is, or that its name always means. Raises OSError for any other name."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1",)
    try:
        return (str(ip_address(host)),)
    except ValueError:
        raise OSError(f"{host} would have to be looked up") from None


def _is_http(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host)
