"""A query as a tree: frozen, comparable, printable. `parse_query(str(query)) == query`.

Each node knows the place in the typed text at which it began (`at`, characters from 0). Equality ignores that place. `And` and
`Or` hold two or more parts, and never a part of their own kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from tocsin.query.fold import fold
from tocsin.query.literals import Kind, Literal, needles


@dataclass(frozen=True, slots=True)
class Word:
    """A word as typed, or with `prefix` the beginning of a word. A word is also met in `#word` and `@word`."""

    text: str
    prefix: bool = False
    at: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.text}*" if self.prefix else self.text


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other. Spaces and signs between them do not matter."""

    text: str
    at: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Tag:
    """A whole hashtag (`text` is without the `#`), or with `prefix` the beginning of a hashtag."""

    text: str
    prefix: bool = False
    at: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f"#{self.text}{'*' if self.prefix else ''}"


@dataclass(frozen=True, slots=True)
class Handle:
    """A whole account name that a text speaks to (`text` is without the `@`), or with `prefix` the beginning of such a name."""

    text: str
    prefix: bool = False
    at: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f"@{self.text}{'*' if self.prefix else ''}"


@dataclass(frozen=True, slots=True)
class Url:
    """A domain with its subdomains, or an address and all below it: in the mention's text, in its links or as its own address."""

    text: str
    at: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f"url:{_value(self.text)}"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the mention that must be `value`. `name` is lang, source, network or author."""

    name: str
    value: str
    at: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.name}:{_value(self.value)}"


@dataclass(frozen=True, slots=True)
class Followers:
    """The number of the author's followers, compared by `op` (>, >=, <, <=, =) with `count`; false where it is not known."""

    op: str
    count: int
    at: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f"followers{self.op}{self.count}"


@dataclass(frozen=True, slots=True)
class Not:
    part: Node
    at: int = field(default=0, compare=False, repr=False)
    depth: int = field(default=1, compare=False, repr=False)

    def __str__(self) -> str:
        return f"NOT {_in_parentheses(self.part, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]
    at: int = field(default=0, compare=False, repr=False)
    depth: int = field(default=1, compare=False, repr=False)

    def __str__(self) -> str:
        return " AND ".join(_in_parentheses(part, Or) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]
    at: int = field(default=0, compare=False, repr=False)
    depth: int = field(default=1, compare=False, repr=False)

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))


Leaf: TypeAlias = Word | Phrase | Tag | Handle | Url | Field | Followers
Node: TypeAlias = Leaf | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was understood.

    `anchors`: every mention that matches the query holds at least one of these literals. Each has three characters or more, or
    is a tag, handle or address. Each branch of the query's ORs has one of its own. `literals`: everything that the query looks
    for in a text, also under NOT. Two queries are equal when they say the same thing. `text` is the query as typed, and
    `str(query)` the same in one spelling.
    """

    root: Node
    anchors: frozenset[Literal] = field(compare=False, repr=False)
    text: str = field(compare=False, repr=False)

    def __str__(self) -> str:
        return str(self.root)

    @property
    def literals(self) -> frozenset[Literal]:
        return frozenset(_literals(self.root))

    @property
    def hashtags(self) -> frozenset[str]:
        """The whole hashtags that a match may hold, as typed, without `#`: none of those under NOT."""
        return frozenset(_hashtags(self.root))


def leaves(node: Node, *, negated: bool = True) -> Iterator[Leaf]:
    """The leaves below `node` in the order in which they were typed; those under NOT only if `negated`."""
    if isinstance(node, Not):
        if negated:
            yield from leaves(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part, negated=negated)
    else:
        yield node


def shape(leaf: Leaf) -> tuple[tuple[str, ...], Kind] | None:
    """The folded words that `leaf` looks for, in order, and the kind of the last one; None for a field."""
    match leaf:
        case Word(text, prefix):
            return needles(text), "prefix" if prefix else "word"
        case Phrase(text):
            return needles(text), "word"
        case Tag(text, prefix):
            return (f"#{fold(text)}",), "tag-prefix" if prefix else "tag"
        case Handle(text, prefix):
            return (f"@{fold(text)}",), "handle-prefix" if prefix else "handle"
        case Url(text):
            return (bare_address(text),), "url"
        case _:
            return None


def bare_address(address: str) -> str:
    """An address as it is compared: folded, without the scheme, `www.` and slashes at the end."""
    return (
        fold(address)
        .strip()
        .removeprefix("https://")
        .removeprefix("http://")
        .removeprefix("www.")
        .rstrip("/")
    )


def pieces(leaf: Leaf) -> tuple[Literal, ...]:
    """The literals that `leaf` is made of. All of them must be met for the leaf to match."""
    found = shape(leaf)
    if found is None:
        return ()
    words, last_kind = found
    last = len(words) - 1
    return tuple(Literal(last_kind if index == last else "word", word) for index, word in enumerate(words))


def _hashtags(node: Node) -> set[str]:
    if isinstance(node, And | Or):
        return set().union(*map(_hashtags, node.parts))
    return {node.text} if isinstance(node, Tag) and not node.prefix else set()


def _literals(node: Node) -> set[Literal]:
    if isinstance(node, Not):
        return _literals(node.part)
    if isinstance(node, And | Or):
        return set().union(*map(_literals, node.parts))
    return set(pieces(node))


def _in_parentheses(node: Node, *kinds: type[And] | type[Or]) -> str:
    return f"({node})" if isinstance(node, kinds) else str(node)


def _value(value: str) -> str:
    """A field's value as it must be written to be read back: in quotation marks where it holds a space or a parenthesis."""
    return f'"{value}"' if any(c.isspace() or c in "()" for c in value) else value
