"""Anchors: the literals that a query cannot match without.

Ten thousand queries are tried on every mention in one pass, so each must name something to look for first. Every branch of
its ORs needs a positive literal of three characters or more, or a hashtag, a handle or an address. Where an AND offers
several literals, the longest is taken, because long words are rare.
"""

from __future__ import annotations

from tocsin.core.sentences import Sentence
from tocsin.query.literals import Literal
from tocsin.query.tree import And, Field, Followers, Leaf, Node, Not, Or, Phrase, Word, pieces

SHORTEST = 3
"""The number of characters that a word or phrase needs to be looked for first."""

# A tag, handle or address is rarer than a word of its length.
_NAME_BONUS = 3


def anchors_of(node: Node) -> frozenset[Literal] | None:
    """A smallest set of literals such that every match holds at least one of them; None where a match might hold none."""
    return _anchors(node, negated=False)


def unanchored(node: Node) -> tuple[int, Sentence]:
    """The place of the part for which `anchors_of(node)` is None, and a description of the problem."""
    return _blame(node)


def _anchors(node: Node, negated: bool) -> frozenset[Literal] | None:
    if isinstance(node, Not):
        return _anchors(node.part, not negated)
    if isinstance(node, And | Or):
        sets = [_anchors(part, negated) for part in node.parts]
        known = [one for one in sets if one is not None]
        if _any_will_do(node, negated):
            return frozenset().union(*known) if len(known) == len(sets) else None
        return max(known, key=_rarity, default=None)
    return None if negated else _anchors_of_leaf(node)


def _any_will_do(node: And | Or, negated: bool) -> bool:
    """Whether one part is enough: an OR, or (by De Morgan) an AND under NOT."""
    return isinstance(node, Or) != negated


def _anchors_of_leaf(leaf: Leaf) -> frozenset[Literal] | None:
    literals = pieces(leaf)
    if not literals:
        return None
    if isinstance(leaf, Word | Phrase) and sum(len(literal.needle) for literal in literals) < SHORTEST:
        return None
    return frozenset({max(literals, key=lambda literal: len(literal.needle))})


def _rarity(literals: frozenset[Literal]) -> tuple[int, int]:
    """The rarity of a set of literals: first the weight of the commonest, that is the shortest, then how few they are."""
    return min(_weight(literal) for literal in literals), -len(literals)


def _weight(literal: Literal) -> int:
    return len(literal.needle) + (0 if literal.kind in ("word", "prefix") else _NAME_BONUS)


def _blame(node: Node) -> tuple[int, Sentence]:
    if isinstance(node, Not):
        return node.at, Sentence("NOT alone would match almost everything")
    if isinstance(node, Or):
        return _blame(next(part for part in node.parts if anchors_of(part) is None))
    if isinstance(node, And):
        short = [part for part in node.parts if isinstance(part, Word | Phrase)]
        return _blame(short[0] if short else node.parts[0])
    if isinstance(node, Field | Followers):
        name = node.name if isinstance(node, Field) else "followers"
        return node.at, Sentence("{name} alone would match almost everything", name=name)
    return node.at, Sentence("{word} is too short to be looked for alone", word=repr(str(node)))
