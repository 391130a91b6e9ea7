"""Testing one mention against one query: the meaning of every operator, in one place.

`compile_query` makes a function of a query, once. `Asked` is one mention as such functions read it: folded once, and with the
answers that were already found, so that thousands of queries share the work. The logic has two values. A term about an
unknown value (an author without a number of followers, a language that nobody could tell) does not hold, so NOT of it does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TypeAlias

from tocsin.core.facets import FACETS, NO_FACETS, Facets
from tocsin.core.mention import Mention
from tocsin.query.fold import fold
from tocsin.query.literals import Kind, phrase_occurs
from tocsin.query.tree import And, Field, Followers, Leaf, Node, Not, Or, Query, shape

DetectLanguage = Callable[[Mention], str | None]
"""Tells a mention's language (ISO 639-1) by what the mention states and by its text, or None. It is called at most once per
mention, and only where the answer decides.
"""

TellFacets = Callable[[Mention], Facets]
"""Tells a mention's facets. It is called at most once per mention, and only where the answer decides."""

Key: TypeAlias = tuple[Kind, tuple[str, ...]]
Test: TypeAlias = "Callable[[Asked], bool]"

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}
# Old codes that some networks still send, and the present ones.
_RENAMED = {"iw": "he", "in": "id", "ji": "yi", "mo": "ro"}

_NO_LANGUAGE = {"und", "zxx", "mul", "mis", "unk", "qme"}


class Asked:
    """One mention while queries are tested on it. `text` is `searched(mention)`. `links` is `searched_links(mention)`, made
    when first needed.
    """

    __slots__ = ("_detect", "_facets", "_fields", "_language", "_links", "_tell", "known", "mention", "text")

    def __init__(
        self,
        mention: Mention,
        text: str,
        detect: DetectLanguage | None = None,
        tell: TellFacets | None = None,
    ) -> None:
        self.mention = mention
        self.text = text
        self.known: dict[Key, bool] = {}
        self._detect = detect
        self._links: str | None = None
        self._fields: dict[str, tuple[str, ...]] = {}
        self._language: str | None = None
        self._tell = tell
        self._facets: Facets | None = None

    @property
    def links(self) -> str:
        if self._links is None:
            self._links = searched_links(self.mention)
        return self._links

    def field(self, name: str) -> tuple[str, ...]:
        """The folded values of the mention's source, network or author (the author's id, handle and name)."""
        values = self._fields.get(name)
        if values is None:
            values = self._fields[name] = tuple(
                fold(value) for value in _FIELD_VALUES[name](self.mention) if value
            )
        return values

    @property
    def language(self) -> str:
        """The code of the language that the detector tells, or where there is none, that the mention states; "": unknown."""
        if self._language is None:
            stated = self.mention.lang if self._detect is None else self._detect(self.mention)
            self._language = known_language(stated)
        return self._language

    @property
    def facets(self) -> Facets:
        """The facets of the mention, as far as they can be told."""
        if self._facets is None:
            self._facets = self._tell(self.mention) if self._tell is not None else NO_FACETS
        return self._facets


def searched(mention: Mention) -> str:
    """The folded text in which words, phrases, tags and handles are looked for: title, text, and the hashtags that the network
    listed.
    """
    return fold(searched_text(mention))


def searched_text(mention: Mention) -> str:
    """`searched`, not folded yet."""
    text = f"{mention.title}\n{mention.text}" if mention.title else mention.text
    if mention.hashtags:
        text = "\n".join((text, *(f"#{tag.lstrip('#＃')}" for tag in mention.hashtags)))
    return text


def searched_links(mention: Mention) -> str:
    """The folded text in which `url:` looks too: the mention's links and its own address, one per line."""
    return fold(searched_links_text(mention))


def searched_links_text(mention: Mention) -> str:
    """`searched_links`, not folded yet."""
    return "\n".join((*mention.links, mention.url)) if mention.url else "\n".join(mention.links)


def known_language(tag: str | None) -> str:
    """The code of a language tag without its region, in lower case; "" for no tag, and for `und` and the like."""
    if not tag:
        return ""
    code = tag.lower().replace("_", "-").partition("-")[0].strip()
    return "" if code in _NO_LANGUAGE else _RENAMED.get(code, code)


def compile_query(query: Query) -> Test:
    """The query as a function of a mention. Cheap tests come first, then the language, the facets last."""
    return compile_node(query.root)


def compile_node(node: Node) -> Test:
    """A part of a query as a function of a mention."""
    return _compile(node)[1]


def _compile(node: Node) -> tuple[int, Test]:
    """A node as a test, and its cost: 0 for text and fields, 1 where it may need the language, 2 where it needs the facets."""
    if isinstance(node, Not):
        cost, test = _compile(node.part)
        return cost, lambda asked: not test(asked)
    if isinstance(node, And | Or):
        compiled = sorted(map(_compile, node.parts), key=lambda one: one[0])
        tests = tuple(one[1] for one in compiled)
        return compiled[-1][0], _all(tests) if isinstance(node, And) else _any(tests)
    return _compile_leaf(node)


def _all(tests: tuple[Test, ...]) -> Test:
    def every_part_holds(asked: Asked) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than the tests do
            if not test(asked):
                return False
        return True

    return every_part_holds


def _any(tests: tuple[Test, ...]) -> Test:
    def some_part_holds(asked: Asked) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than the tests do
            if test(asked):
                return True
        return False

    return some_part_holds


def _compile_leaf(leaf: Leaf) -> tuple[int, Test]:
    if isinstance(leaf, Followers):
        return 0, _followers(leaf)
    if isinstance(leaf, Field) and leaf.name in FACETS:
        return 2, _facet(leaf.name, leaf.value)
    if isinstance(leaf, Field):
        return (1, _language(leaf.value)) if leaf.name == "lang" else (0, _field(leaf.name, fold(leaf.value)))
    found = shape(leaf)
    assert found is not None
    words, kind = found
    key = (kind, words)

    def occurs(asked: Asked) -> bool:
        answer = asked.known.get(key)
        if answer is None:
            answer = phrase_occurs(words, kind, asked.text) or (
                kind == "url" and phrase_occurs(words, kind, asked.links)
            )
            asked.known[key] = answer
        return answer

    return 0, occurs


def _followers(leaf: Followers) -> Test:
    compare, count = _COMPARE[leaf.op], leaf.count

    def enough_followers(asked: Asked) -> bool:
        author = asked.mention.author
        return author is not None and author.followers is not None and compare(author.followers, count)

    return enough_followers


def _field(name: str, value: str) -> Test:
    return lambda asked: value in asked.field(name)


def _language(tag: str) -> Test:
    wanted = known_language(tag)
    return lambda asked: asked.language == wanted


def _facet(name: str, value: str) -> Test:
    return lambda asked: value in getattr(asked.facets, name)


def _author_names(mention: Mention) -> tuple[str | None, ...]:
    author = mention.author
    return (
        () if author is None else (author.id, author.handle and author.handle.removeprefix("@"), author.name)
    )


_FIELD_VALUES: dict[str, Callable[[Mention], tuple[str | None, ...]]] = {
    "source": lambda mention: (mention.source,),
    "network": lambda mention: (mention.network,),
    "author": _author_names,
}
