"""Asking a network over HTTP, politely: bounded in time and size, within the host's budget, and never into private networks.

One `Web` belongs to one source. Whatever goes wrong becomes a `FetchFailed` with a plain sentence that names the host and no
token: neither addresses nor headers ever stand in it.
"""

from __future__ import annotations

import io
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from ingest.budget import Budget, in_words
from ingest.source import BudgetSpent, FetchFailed, SourceContext
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.retry_after import retry_after as pause_asked_for
from tocsin.net import certificates, check_url, checked_client, why_not_reached
from tocsin.reading import decoded
from tocsin.version import __version__

MAX_REDIRECTS = 5
# A server may not ask for a longer wait.
LONGEST_WAIT = timedelta(hours=6)
MOST_BYTES = 5 * 1024 * 1024

_HELP: Mapping[int, str] = {
    401: "it refuses the key or token of this source; check that it is right and still valid",
    403: "it does not let us read this",
    404: "there is nothing at the address of this source, at least for now",
    410: "what was at the address of this source is gone",
    451: "the law keeps it from showing this",
}
_NO_MORE = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer. `headers` have names in small letters; `body` is unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    # Who answered, in the words of errors.
    who: str

    def json(self) -> Any:
        """The body as plain values. Raises `FetchFailed` where it is no JSON, or nested too deeply."""
        try:
            return decoded(self.body)
        except BadMention as error:
            raise FetchFailed(f"{self.who} answered with something that is not read: {error}"[:500]) from None

    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 become U+FFFD."""
        return self.body.decode("utf-8", "replace")


class Web:
    """The requests of one source. `budget` is the limit that the network states; `who` names the other side in errors
    (default: the host).

    Each request has the whole fetch timeout. So a connector asks for one page in a fetch and says `more`, or for very few.
    """

    def __init__(
        self, context: SourceContext, budget: Budget | None = None, *, who: str | None = None
    ) -> None:
        self._context, self._budget, self._who = context, budget, who

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
        expected: Collection[int] = (),
        cost: int = 1,
    ) -> Answer:
        """The answer to a GET; redirects are followed, five at most.

        A status from 200 to 299 is an answer, and so are those that are `expected` (such as 304 or 404, where the connector
        knows what they mean). Every other status, and every fault on the way, raises `FetchFailed`; `BudgetSpent` where the
        host takes no more requests just now. `cost` counts against the budget, where a network weighs its requests.
        """
        return self._ask("GET", url, params, headers, most_bytes, expected, cost, {})

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
        expected: Collection[int] = (),
        cost: int = 1,
    ) -> Answer:
        """The answer to a POST of JSON or of a form, as `get` gives it. Redirects are not followed."""
        body: dict[str, Any] = {"data": dict(form)} if form is not None else {"json": json}
        return self._ask("POST", url, params, headers, most_bytes, expected, cost, body)

    def put(
        self,
        url: str,
        *,
        content: bytes,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
        expected: Collection[int] = (),
        cost: int = 1,
    ) -> Answer:
        """The answer to a PUT of these bytes, as `get` gives it. Redirects are not followed."""
        return self._ask("PUT", url, None, headers, most_bytes, expected, cost, {"content": content})

    def _ask(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        most_bytes: int,
        expected: Collection[int],
        cost: int,
        body: dict[str, Any],
    ) -> Answer:
        host = _host_of(url)
        who, now = self._who or host, self._context.clock.now()
        self._pay(host, who, now, cost)
        status, answered, data = self._exchange(
            method, url, who, most_bytes, params=params, headers=dict(headers or {}), **body
        )
        self._listen(host, status, answered, now)
        if 200 <= status < 300 or status in expected:
            return Answer(status, answered, data, who)
        raise refused(who, status, retry_after(answered.get("retry-after"), now))

    def _pay(self, host: str, who: str, now: datetime, cost: int) -> None:
        context = self._context
        wait = context.budget.take(host, self._budget, now, source=context.name, cost=cost)
        if wait is not None:
            raise BudgetSpent(f"{who} takes no more requests of ours for {in_words(wait)}", wait)

    def _listen(self, host: str, status: int, headers: Mapping[str, str], now: datetime) -> None:
        """Remember for all sources what the host says of its limits."""
        wait = retry_after(headers.get("retry-after"), now)
        if status in _NO_MORE and wait:
            self._context.budget.rest(host, now + wait, now)
        told = _told(headers, now)
        if told is not None:
            self._context.budget.told(host, *told, now)

    def _exchange(
        self, method: str, url: str, who: str, most_bytes: int, **request: Any
    ) -> tuple[int, dict[str, str], bytes]:
        ingest = self._context.ingest
        limit_s = ingest.fetch_timeout_s
        deadline = time.monotonic() + limit_s
        slow = f"{who} took longer than {limit_s:g} s"
        try:
            with checked_client(
                ingest.allowed_private_networks,
                timedelta(seconds=limit_s),
                most_bytes,
                verify=certificates(),
                unpack=True,
            ) as client:
                client.max_redirects = MAX_REDIRECTS
                client.headers["user-agent"] = user_agent(ingest.contact)
                follow = method == "GET"
                with client.stream(method, url, follow_redirects=follow, **request) as response:
                    body = io.BytesIO()
                    for chunk in response.iter_raw():
                        body.write(chunk)
                        # Each hop of a redirect has its own time limit; this limit covers all hops together.
                        if time.monotonic() > deadline:
                            raise FetchFailed(slow)
                    return response.status_code, _plain_headers(response.headers), body.getvalue()
        except httpx.TimeoutException:
            raise FetchFailed(slow) from None
        except httpx.TooManyRedirects:
            raise FetchFailed(f"{who} redirects more than {MAX_REDIRECTS} times") from None
        except (httpx.LocalProtocolError, UnicodeError, httpx.InvalidURL):
            # The library's own words would show the header or the address, in which a token may stand.
            raise FetchFailed(
                f"{who} cannot be asked: its address, key or token has characters that no request may have"
            ) from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise FetchFailed(f"{who} cannot be fetched: {why_not_reached(error)}"[:500]) from None
        # A private address, or an answer that is too large.
        except WrongInput as error:
            raise FetchFailed(str(error)) from None


def refused(who: str, status: int, wait: timedelta | None) -> FetchFailed:
    """The failure that such a status means, in plain words."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    said = f"{who} answered {status} {phrase}".strip()
    help = _HELP.get(status)
    return FetchFailed(f"{said}: {help}" if help else said, wait, status=status)


def user_agent(contact: str | None) -> str:
    """The name by which Tocsin asks. `contact` is the setting `ingest.contact`."""
    return f"tocsin/{__version__} (social listening{f'; {contact}' if contact else ''})"


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """The wait that the server asks for; at most `LONGEST_WAIT`. None: the value is unusable."""
    return pause_asked_for(value, now, LONGEST_WAIT)


def _told(headers: Mapping[str, str], now: datetime) -> tuple[int, datetime] | None:
    """The requests left, and until when, as many networks say it. The reset is a date, a Unix time, or seconds from now."""
    left, reset = (
        headers.get(f"x-ratelimit-{name}") or headers.get(f"x-rate-limit-{name}", "")
        for name in ("remaining", "reset")
    )
    try:
        count = int(float(left[:20]))
        at = _reset_at(reset[:40], now)
    except (ValueError, OverflowError):
        return None
    return (max(0, count), min(at, now + LONGEST_WAIT)) if at > now else None


def _reset_at(text: str, now: datetime) -> datetime:
    if "T" in text:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    seconds = float(text)
    return datetime.fromtimestamp(seconds, UTC) if seconds > 10**8 else now + timedelta(seconds=seconds)


def _host_of(url: str) -> str:
    """The host in the address, with its port where it names one. Raises `FetchFailed` for what is no web address."""
    try:
        parts = urlsplit(check_url(url))
    except WrongInput:
        raise FetchFailed("the address that this source would ask is no web address") from None
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _plain_headers(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
