"""A query in plain words: how Tocsin understood it, and what it looks for first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tocsin.query.literals import Literal
from tocsin.query.tree import (
    And,
    Field,
    Followers,
    Handle,
    Leaf,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Tag,
    Url,
    Word,
    shape,
)

_OPS = {">": "more than", ">=": "at least", "<": "fewer than", "<=": "at most", "=": "exactly"}
_FIELDS = {
    "lang": "the language is {value}",
    "source": "it came through the source {value}",
    "network": "it was posted on the network {value}",
    "author": "its author's handle, id or name is {value}",
    "intent": "Tocsin hears the intent {value} in it",
    "emotion": "Tocsin hears the emotion {value} in it",
    "crisis": "Tocsin hears a crisis of the kind {value} in it",
    "harm": "Tocsin hears the harm {value} in it",
}
_LEAVES = {
    (Word, False): "the word {value}",
    (Word, True): "a word that begins with {value}",
    (Tag, False): "the hashtag {value}",
    (Tag, True): "a hashtag that begins with {value}",
    (Handle, False): "the handle {value}",
    (Handle, True): "a handle that begins with {value}",
    (Phrase, False): "the phrase {value}",
    (Url, False): "a link to, or below, {value}",
}
_HOLDS = "A mention matches when this holds:"
_FIRST = "What is looked for first (a mention that holds none of these is passed over):"
_QUERY, _NOT, _ALL, _ONE = "query:", "not:", "all of:", "at least one of:"
_COMPARED = "(compared as {value})"
_FOLLOWERS = "its author has {how_many} {n} followers"
SENTENCES = frozenset(
    {
        *_OPS.values(),
        *_FIELDS.values(),
        *_LEAVES.values(),
        *(_HOLDS, _FIRST, _QUERY, _NOT, _ALL, _ONE, _COMPARED, _FOLLOWERS),
    }
)
"""Everything that an explanation is made of, in English; what stands in braces is filled in."""

Say = Callable[[str], str]


def explain(query: Query, say: Say = lambda sentence: sentence) -> str:
    """Several lines: the query in one spelling, its tree indented, and its anchors. `say` puts a sentence into the reader's
    language.
    """
    lines = [f"{say(_QUERY)} {query}", "", say(_HOLDS), *_tree(query.root, "  ", say), "", say(_FIRST)]
    lines += [
        f"  {_literal(anchor)}" for anchor in sorted(query.anchors, key=lambda one: (one.needle, one.kind))
    ]
    return "\n".join(lines)


def _tree(node: Node, indent: str, say: Say) -> Iterator[str]:
    if isinstance(node, Not):
        yield f"{indent}{say(_NOT)}"
        yield from _tree(node.part, indent + "  ", say)
    elif isinstance(node, And | Or):
        yield f"{indent}{say(_ALL if isinstance(node, And) else _ONE)}"
        for part in node.parts:
            yield from _tree(part, indent + "  ", say)
    else:
        yield indent + _leaf(node, say)


def _leaf(leaf: Leaf, say: Say) -> str:
    match leaf:
        case Followers(op, count):
            return say(_FOLLOWERS).format(how_many=say(_OPS[op]), n=f"{count:,}")
        case Field(name, value):
            return say(_FIELDS[name]).format(value=f'"{value}"')
    found = shape(leaf)
    assert found is not None
    words = " ".join(found[0])
    typed = leaf.text if isinstance(leaf, Word | Phrase | Url) else str(leaf).rstrip("*")
    said = say(_LEAVES[_kind(leaf, len(found[0]))]).format(value=f'"{typed}"')
    compared = f'"{words}"'
    return said if words == typed.lower() else f"{said} {say(_COMPARED).format(value=compared)}"


def _kind(leaf: Leaf, words: int) -> tuple[type[object], bool]:
    """Which sentence a leaf is said with: its class, and whether it is a beginning. A phrase of one word is a word."""
    match leaf:
        case Word(_, prefix) | Tag(_, prefix) | Handle(_, prefix):
            return type(leaf), bool(prefix)
        case Phrase():
            return (Phrase if words > 1 else Word), False
        case _:
            return Url, False


def _literal(literal: Literal) -> str:
    return f"{literal.needle}*" if literal.kind.endswith("prefix") else literal.needle
