"""The API of a running Tocsin, as an assistant's tools ask it: bounded answers, errors in one sentence, and no key in either."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import httpx

from tocsin.core.errors import TocsinError, WrongInput
from tocsin.core.text import one_line

Answer: TypeAlias = dict[str, Any]
# What an assistant can take in at once. A list asks for fewer items where its answer would be longer.
MOST_BYTES: Final = 200_000
WITHIN_S: Final = 20.0


class ServiceRefused(TocsinError):
    """The service did not do it; the message says why, and what would help."""


class Service:
    """A running Tocsin at `url`, asked with a key. Every method raises `ServiceRefused`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, **parameters: Any) -> Answer:
        """The resource at this path. Parameters that are None are left out."""
        given = {name.rstrip("_"): value for name, value in parameters.items() if value is not None}
        return await self._ask("GET", path, params=given)

    async def items(self, path: str, **parameters: Any) -> list[Answer]:
        """The items of the list at this path: the first page of it."""
        answer = await self.get(path, **parameters)
        return list(answer["items"])

    async def post(self, path: str, body: Answer | None = None) -> Answer:
        """The answer to a change."""
        return await self._ask("POST", path, json=body)

    async def _ask(self, method: str, path: str, **given: Any) -> Answer:
        try:
            async with self._client.stream(method, path, **given) as response:
                body = bytearray()
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise ServiceRefused(
                            "the answer is too long: ask for fewer items, or for a shorter span"
                        )
        except httpx.HTTPError as error:
            raise ServiceRefused(
                f"no answer from Tocsin ({type(error).__name__}): is it running at this address?"
            ) from None
        answer = _read(bytes(body))
        if response.is_success:
            return answer
        raise ServiceRefused(_reason(response, answer))


def client_of(url: str, key: str) -> httpx.AsyncClient:
    """A client that asks the service at `url` with this key. Raises `WrongInput` where either cannot be used."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise WrongInput(
            f"--url must be an address such as http://127.0.0.1:8085, not {one_line(url, 100)!r}"
        )
    if not key.isascii() or not key.isprintable() or not key.strip():
        raise WrongInput("the key is empty or not one that `tocsin key create` printed")
    return httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {key.strip()}"}, timeout=WITHIN_S, trust_env=False
    )


def _read(body: bytes) -> Answer:
    try:
        answer = json.loads(body) if body else {}
    except ValueError:
        return {}
    # A few routes answer with a bare list.
    return answer if isinstance(answer, dict) else {"items": answer}


def _reason(response: httpx.Response, problem: Answer) -> str:
    said = one_line(str(problem.get("detail") or problem.get("title") or response.reason_phrase), 300)
    fields = [
        one_line(str(one.get("field", "")), 60)
        for one in problem.get("errors") or ()
        if isinstance(one, dict)
    ]
    where = f" ({', '.join(filter(None, fields))})" if any(fields) else ""
    wait = response.headers.get("Retry-After")
    later = f"; ask again in {wait} seconds" if wait and wait.isdigit() else ""
    return f"{response.status_code}: {said}{where}{later}"
