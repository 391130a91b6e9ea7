"""All monitors in one pass: which of thousands of queries does a mention match?

On a firehose nearly every mention matches nothing, so that case decides the cost. The matcher folds mentions and lays them one
after the other into a block. One Aho-Corasick automaton over the anchors of all queries runs over the block. An anchor at the
edges of a word leads to more work: the queries of its monitors are asked (`tocsin.query.evaluate`) of that one mention. The
number of monitors shows in the size of the automaton's tables, hardly in its time.

A `Matcher` is immutable. A change of the monitors makes a new one, so that one batch never mixes two versions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import accumulate
from typing import get_args

from ahocorasick_rs import AhoCorasick, Implementation

from tocsin.core.blocks import blocks
from tocsin.core.mention import Mention
from tocsin.query import Asked, Query, compile_query
from tocsin.query.evaluate import (
    DetectLanguage,
    Key,
    TellFacets,
    Test,
    known_language,
    searched_links_text,
    searched_text,
)
from tocsin.query.fold import fold, fold_together
from tocsin.query.literals import Edge, Kind, Literal, edges
from tocsin.query.tree import And, Node, Not, Or, pieces

_ALL: tuple[Kind, ...] = get_args(Kind)
_ADDRESSES: tuple[Kind, ...] = ("url",)
_NOBODY: tuple[str, ...] = ()
_FASTEST_TABLE = 32 << 20
"""The most bytes that a full table of states by bytes may take. Beyond that, the automaton uses a compact one."""

_MOST_INSIDE = 8
"""The most other anchors that may stand inside one anchor. It limits what a hostile text can meet at one place."""

_Find = Callable[[str, bool], list[tuple[int, int, int]]]
_Place = tuple[Edge | None, Edge | None, Key, tuple[int, ...], tuple[int, ...]]
"""One anchor: its two edges, its key among the known answers, the monitors that it decides alone, and the monitors whose query
must be asked."""


class Matcher:
    """The matcher of mentions against monitors. `Matcher.build` makes one; several threads may use it."""

    __slots__ = ("_addresses", "_anchors", "_ids", "_languages", "_tests")

    def __init__(
        self,
        ids: tuple[str, ...],
        tests: tuple[Test, ...],
        languages: tuple[frozenset[str], ...],
        anchors: _Anchors,
        addresses: _Anchors,
    ) -> None:
        self._ids = ids
        self._tests = tests
        self._languages = languages
        self._anchors = anchors
        self._addresses = addresses

    @classmethod
    def build(
        cls, queries: Mapping[str, Query], languages: Mapping[str, Collection[str]] | None = None
    ) -> Matcher:
        """A matcher of `queries` by monitor id.

        `languages` restricts some of the monitors to the given languages (ISO 639-1). A mention in an unknown language passes
        every restriction: not knowing is no reason not to listen.
        """
        ids = tuple(sorted(queries))
        only = tuple(frozenset(map(known_language, (languages or {}).get(id, ()))) - {""} for id in ids)
        anchored = [(queries[id], bool(only[number])) for number, id in enumerate(ids)]
        return cls(
            ids,
            tuple(compile_query(queries[id]) for id in ids),
            only,
            _Anchors.build(anchored, _ALL),
            _Anchors.build(anchored, _ADDRESSES),
        )

    def __len__(self) -> int:
        return len(self._ids)

    def match(
        self, mention: Mention, language: DetectLanguage | None = None, facets: TellFacets | None = None
    ) -> tuple[str, ...]:
        """The sorted ids of the monitors that `mention` matches.

        `language` tells the language of a mention; without it the language is the one that the mention states. The matcher
        calls it at most once, and only when a mention holds the words of a monitor that asks for the language. `facets`
        likewise tells the facets of a mention.
        """
        return self.match_many((mention,), language, facets)[0]

    def match_many(
        self,
        mentions: Sequence[Mention],
        language: DetectLanguage | None = None,
        facets: TellFacets | None = None,
    ) -> list[tuple[str, ...]]:
        """`match` for each of `mentions`, in their order. This is several times faster than one at a time."""
        hits = self.hits(mentions, language, facets)
        return [hits.get(number, _NOBODY) for number in range(len(mentions))]

    def hits(
        self,
        mentions: Sequence[Mention],
        language: DetectLanguage | None = None,
        facets: TellFacets | None = None,
    ) -> dict[int, tuple[str, ...]]:
        """`match` for the mentions that match at least one monitor, by their place in `mentions`."""
        if not self._ids:
            return {}
        texts = [
            mention.text if mention.title is None and not mention.hashtags else searched_text(mention)
            for mention in mentions
        ]
        judged: dict[int, _Judged] = {}
        self._anchors.look_through(texts, range(len(texts)), judged)
        if self._addresses:
            linking = [number for number, mention in enumerate(mentions) if mention.url or mention.links]
            if linking:
                links = [searched_links_text(mentions[number]) for number in linking]
                self._addresses.look_through(links, linking, judged)
        found = {}
        for number, verdict in judged.items():
            matched = verdict.sure
            undecided = verdict.maybe - matched
            if undecided:
                asked = Asked(mentions[number], fold(texts[number]), language, facets)
                asked.known.update(dict.fromkeys(verdict.keys, True))
                matched.update(one for one in undecided if self._agrees(one, asked))
            if matched:
                found[number] = tuple(self._ids[one] for one in sorted(matched))
        return found

    def _agrees(self, monitor: int, asked: Asked) -> bool:
        """Whether the query and the languages of the monitor accept the mention."""
        if not self._tests[monitor](asked):
            return False
        only = self._languages[monitor]
        return not only or not asked.language or asked.language in only


class _Judged:
    """The verdict of the anchors alone on one mention."""

    __slots__ = ("keys", "maybe", "sure")

    def __init__(self) -> None:
        self.sure: set[int] = set()
        self.maybe: set[int] = set()
        self.keys: set[Key] = set()


class _Anchors:
    """The anchors of all queries as one automaton, with what each anchor decides."""

    __slots__ = ("_find", "_places")

    def __init__(self, places: Mapping[str, Sequence[_Place]]) -> None:
        needles = list(places)
        self._places = tuple(map(tuple, places.values()))
        self._find: _Find | None = None
        if needles:
            automaton = AhoCorasick(needles, implementation=_implementation(needles), store_patterns=False)
            self._find = automaton.find_matches_as_indexes

    @classmethod
    def build(cls, queries: Sequence[tuple[Query, bool]], kinds: Collection[Kind]) -> _Anchors:
        """The anchors of `kinds` in `queries`. The flag beside a query is true if its monitor is restricted to some languages;
        then no anchor decides alone.
        """
        deciding: dict[tuple[Kind, str], tuple[list[int], list[int]]] = {}
        for number, (query, restricted) in enumerate(queries):
            alone = frozenset() if restricted else _sufficient(query.root)
            for anchor in query.anchors:
                if anchor.kind in kinds:
                    sure, maybe = deciding.setdefault((anchor.kind, anchor.needle), ([], []))
                    (sure if anchor in alone else maybe).append(number)
        instead = _hidden(sorted({needle for _, needle in deciding}))
        places: dict[str, list[_Place]] = {}
        hidden: dict[str, list[int]] = {}
        for (kind, needle), (sure, maybe) in deciding.items():
            if needle in instead:
                hidden.setdefault(instead[needle], []).extend((*sure, *maybe))
            else:
                place = (*edges(kind, needle), (kind, (needle,)), tuple(sure), tuple(maybe))
                places.setdefault(needle, []).append(place)
        # The key is one that no query asks about, because the shorter needle alone proves nothing.
        for needle, numbers in hidden.items():
            places[needle].append((None, None, ("word", ("", needle)), (), tuple(numbers)))
        return cls(places)

    def __bool__(self) -> bool:
        return self._find is not None

    def look_through(self, texts: Sequence[str], numbers: Sequence[int], judged: dict[int, _Judged]) -> None:
        """Find the anchors in the folded `texts` and note them in `judged` by the text's number in `numbers`."""
        find = self._find
        if find is None:
            return
        for first, last in blocks(texts):
            # No needle holds a line break, so none can match across two texts.
            block, pieces = fold_together(texts[first:last])
            hits = find(block, True)
            if hits:
                self._note(hits, block, pieces, numbers, first, judged)

    def _note(
        self,
        hits: list[tuple[int, int, int]],
        block: str,
        pieces: Sequence[str],
        numbers: Sequence[int],
        first: int,
        judged: dict[int, _Judged],
    ) -> None:
        starts = [0, *accumulate(map((1).__add__, map(len, pieces)))]
        for needle, start, end in hits:
            for begins, ends, key, sure, maybe in self._places[needle]:
                if (begins is None or begins(block, start)) and (ends is None or ends(block, end)):
                    number = numbers[first + bisect_right(starts, start) - 1]
                    verdict = judged.get(number)
                    if verdict is None:
                        verdict = judged[number] = _Judged()
                    if key in verdict.keys:
                        continue
                    verdict.keys.add(key)
                    verdict.sure.update(sure)
                    verdict.maybe.update(maybe)


def _sufficient(root: Node) -> frozenset[Literal]:
    """The literals that satisfy the whole query by themselves: single words that are the whole query or part of its outer OR."""
    leaves = root.parts if isinstance(root, Or) else (root,)
    single = (pieces(leaf) for leaf in leaves if not isinstance(leaf, Not | And | Or))
    return frozenset(literals[0] for literals in single if len(literals) == 1)


def _hidden(needles: Sequence[str]) -> dict[str, str]:
    """The replacement of each needle that holds too many others: the longest needle inside it that is searched for instead.

    A hostile text could meet needles inside each other (aaa, aaaa, aaaaa, ...) at every character. The replacement bounds the
    cost of one character. A text with the longer needle also has the shorter one, so nothing is missed.
    """
    hidden: dict[str, str] = {}
    if len(needles) <= _MOST_INSIDE:
        return hidden
    find = AhoCorasick(needles, implementation=_implementation(needles)).find_matches_as_indexes
    for needle in sorted(needles, key=len):
        inside = {needles[number] for number, _, _ in find(needle, True)} - {needle}
        if len(inside) >= _MOST_INSIDE:
            hidden[needle] = max(inside - hidden.keys(), key=lambda one: (len(one), one))
    return hidden


def _implementation(needles: Sequence[str]) -> Implementation:
    """A full table where it is small enough, because it is twice as fast; otherwise a compact automaton."""
    encoded = [needle.encode() for needle in needles]
    width = 1 << len(set().union(*encoded)).bit_length()
    if sum(map(len, encoded)) * width * 4 <= _FASTEST_TABLE:
        return Implementation.DFA
    return Implementation.ContiguousNFA
