"""The rules of X's filtered stream, kept as the monitors ask: new ones are added, old ones taken away, without a new connection.

All programs of a project at X share its rules. Tocsin's carry the tag `tocsin NAME`, with the source's name; it changes no
others. Shapes: X API v2 (docs.x.com/x-api), GET and POST /2/tweets/search/stream/rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.plain import items, words
from ingest.source import FetchFailed
from ingest.sources.x_api import XApi

PATH = "/2/tweets/search/stream/rules"
# Of one request.
MOST_AT_ONCE = 100


class XRules:
    """The rules of one source."""

    def __init__(self, api: XApi, name: str) -> None:
        self._api = api
        self.tag = f"tocsin {name}"
        # The rules that X has as they are wanted; None: nobody has looked yet.
        self.kept: Sequence[str] | None = None
        # Why X does not take some of the rules that are wanted.
        self.refused: str | None = None

    def keep(self, wanted: Sequence[str]) -> None:
        """Make X's rules the wanted ones. Raises `FetchFailed`; what was changed until then is changed."""
        if self.kept == wanted:
            return
        self.kept, self.refused = None, None
        there = self._there()
        # New rules first, so that no query is silent for a moment.
        for batch in _batches([one for one in wanted if one not in there]):
            self._add(batch)
        for batch in _batches([id for rule, id in there.items() if rule not in wanted]):
            self._api.post(PATH, {"delete": {"ids": batch}})
        self.kept = wanted

    def forget(self) -> None:
        """Look again at what X has before the next connection: another program of the project may have changed it."""
        self.kept = None

    def brought(self, message: Any) -> bool:
        """Whether a message of the stream matched a rule of this source."""
        rules = items(message, "matching_rules")
        return not rules or any(words(one, "tag") == self.tag for one in rules)

    def _there(self) -> Mapping[str, str]:
        """The ids of this source's rules, by what they say."""
        found: dict[str, str] = {}
        token = ""
        while True:
            answer = self._api.get(PATH, {"pagination_token": token} if token else {})
            for one in items(answer, "data"):
                if words(one, "tag") == self.tag:
                    found[words(one, "value")] = words(one, "id")
            last, token = token, words(answer, "meta", "next_token")
            if not token or token == last:
                return found

    def _add(self, rules: Sequence[str]) -> None:
        errors = self._added(rules)
        named = {words(one, "value") for one in errors}
        # X takes none of a request in which one is wrong.
        good = [one for one in rules if one not in named]
        if errors and good and len(good) < len(rules):
            errors = [*errors, *self._added(good)]
        for one in errors:
            if not words(one, "type").endswith("/duplicate-rules"):
                said = words(one, "details", 0) or words(one, "detail") or words(one, "title")
                self.refused = f"X does not take the rule {words(one, 'value')[:80]!r}: {said[:200]}"

    def _added(self, rules: Sequence[str]) -> Sequence[Any]:
        """X's objections to these rules."""
        answer = self._api.post(PATH, {"add": [{"value": one, "tag": self.tag} for one in rules]})
        errors = items(answer, "errors")
        if not errors and len(items(answer, "data")) < len(rules):
            raise FetchFailed("X took fewer rules than it was given, and does not say why")
        return errors


def _batches(all: Sequence[str]) -> list[Sequence[str]]:
    return [all[begin : begin + MOST_AT_ONCE] for begin in range(0, len(all), MOST_AT_ONCE)]
