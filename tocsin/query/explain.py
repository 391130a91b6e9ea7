"""A query in plain words: how Tocsin understood it, and what it looks for first."""

from __future__ import annotations

from collections.abc import Iterator

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
    "lang": "the language is {}",
    "source": "it came through the source {}",
    "network": "it was posted on the network {}",
    "author": "its author's handle, id or name is {}",
}
_LOOKS_LIKE_AN_OPERATOR = {
    "and": "AND",
    "or": "OR",
    "not": "NOT",
    "ve": "AND",
    "veya": "OR",
    "en": "AND",
    "of": "OR",
    "și": "AND",
    "sau": "OR",
}


def explain(query: Query) -> str:
    """Several lines: the query in one spelling, its tree indented, its anchors, and notes on words that may be meant as
    operators.
    """
    lines = [f"query: {query}", "", "A mention matches when this holds:", *_tree(query.root, "  "), ""]
    lines.append("What is looked for first (a mention that holds none of these is passed over):")
    lines += [
        f"  {_literal(anchor)}" for anchor in sorted(query.anchors, key=lambda one: (one.needle, one.kind))
    ]
    notes = list(_notes(query.root))
    return "\n".join(lines + (["", *notes] if notes else []))


def _tree(node: Node, indent: str) -> Iterator[str]:
    if isinstance(node, Not):
        yield f"{indent}not:"
        yield from _tree(node.part, indent + "  ")
    elif isinstance(node, And | Or):
        yield f"{indent}{'all of:' if isinstance(node, And) else 'at least one of:'}"
        for part in node.parts:
            yield from _tree(part, indent + "  ")
    else:
        yield indent + _leaf(node)


def _leaf(leaf: Leaf) -> str:
    match leaf:
        case Followers(op, count):
            return f"its author has {_OPS[op]} {count:,} followers"
        case Field(name, value):
            return _FIELDS[name].format(f'"{value}"')
    found = shape(leaf)
    assert found is not None
    words = " ".join(found[0])
    typed = leaf.text if isinstance(leaf, Word | Phrase | Url) else str(leaf).rstrip("*")
    compared = "" if words == typed.lower() else f' (compared as "{words}")'
    match leaf:
        case Word(_, prefix) | Tag(_, prefix) | Handle(_, prefix):
            what = {Word: "word", Tag: "hashtag", Handle: "handle"}[type(leaf)]
            return f'{f"a {what} that begins with" if prefix else f"the {what}"} "{typed}"{compared}'
        case Phrase():
            return f'the {"phrase" if len(found[0]) > 1 else "word"} "{typed}"{compared}'
        case _:
            return f'a link to, or below, "{typed}"{compared}'


def _literal(literal: Literal) -> str:
    return f"{literal.needle}*" if literal.kind.endswith("prefix") else literal.needle


def _notes(node: Node) -> Iterator[str]:
    if isinstance(node, Not):
        yield from _notes(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from _notes(part)
    elif isinstance(node, Word) and node.text in _LOOKS_LIKE_AN_OPERATOR:
        meant = _LOOKS_LIKE_AN_OPERATOR[node.text]
        yield f'note: "{node.text}" is looked for as a word; the operator is written {meant}'
