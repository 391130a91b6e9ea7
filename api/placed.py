"""A router that tries few routes for each request: those whose address has the same word in its first place.

The framework asks one route after the other whether its pattern fits, some hundred of them for a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fastapi import APIRouter
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

PREFIX = "v1"
ANY = "*"


class PlacedRouter(APIRouter):
    """Answers as a router with the same routes in the same order does. They may be changed at any time."""

    _seen: Sequence[BaseRoute] = ()
    _by_word: dict[str, list[BaseRoute]]
    _parts: dict[str, APIRouter]

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope.get("root_path"):
            await super().app(scope, receive, send)
            return
        scope.setdefault("router", self)
        await self.part(word_of(scope["path"])).app(scope, receive, send)

    def part(self, word: str) -> APIRouter:
        """A router with the routes that may answer an address with this word. All unknown words share one."""
        if self._seen != self.routes:
            self._seen, self._parts = list(self.routes), {}
            self._by_word = _by_word(self._seen)
        word = word if word in self._by_word else ANY
        if word not in self._parts:
            self._parts[word] = APIRouter(routes=self._by_word.get(word, []), redirect_slashes=False)
        return self._parts[word]


def word_of(path: str) -> str:
    """The first word of an address, after the version of the API: `alerts` of /v1/alerts/ID and of /alerts/ID."""
    # A pattern fits an address that ends with a line break, too.
    first, _, rest = path.removeprefix("/").removesuffix("\n").partition("/")
    return rest.partition("/")[0] if first == PREFIX and rest else first


@cache
def _word_of_pattern(pattern: str) -> str:
    """The same of the pattern of a route; `ANY` where it fits more than one word."""
    word = word_of(pattern)
    return ANY if "{" in word or not pattern else word


def _by_word(routes: Sequence[BaseRoute]) -> dict[str, list[BaseRoute]]:
    """The routes for each word, in their order, each with those that fit any word."""
    words = [_word_of_pattern(getattr(route, "path", "")) for route in routes]
    found: dict[str, list[BaseRoute]] = {word: [] for word in (*words, ANY)}
    for route, word in zip(routes, words, strict=True):
        for one in found if word == ANY else (word,):
            found[one].append(route)
    return found
