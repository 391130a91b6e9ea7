"""Terms of a query that change nothing, because another hears all that they hear, and exclusions that leave nothing.

Each statement holds for every mention; a statement that holds only often is left out. A word and the same word with a star
(`tocsin`, `tocsin*`) may stand side by side, and so may a word and its hashtag: people write both to be clear. The time is
linear in the number of terms, and in the square of a word's length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tocsin.query.fold import fold
from tocsin.query.tree import And, Field, Followers, Handle, Leaf, Node, Not, Or, Phrase, Tag, Word, shape


@dataclass(frozen=True, slots=True)
class Redundant:
    """A node that changes nothing `by` another one; `same`: both look for the same."""

    node: Node
    by: Leaf
    same: bool


def redundancies(node: Node) -> Iterator[Redundant]:
    """The parts of ORs and ANDs that change nothing, at any depth."""
    if isinstance(node, Not):
        yield from redundancies(node.part)
    elif isinstance(node, And | Or):
        yield from _in_or(node) if isinstance(node, Or) else _twice(_Known(_leaves(node.parts)), node.parts)
        for part in node.parts:
            yield from redundancies(part)


def emptied(node: Node) -> Iterator[Not]:
    """The exclusions that leave nothing of the branch in which they stand."""
    if isinstance(node, Not):
        yield from emptied(node.part)
    elif isinstance(node, And | Or):
        if isinstance(node, And):
            wanted = [part for part in node.parts if not isinstance(part, Not)]
            for part in node.parts:
                if isinstance(part, Not) and _leaves_nothing(part.part, wanted):
                    yield part
        for part in node.parts:
            yield from emptied(part)


class _Known:
    """Terms any of which is enough, by what they look for."""

    def __init__(self, terms: Sequence[Leaf]) -> None:
        self.first: dict[object, Leaf] = {}
        self._words: dict[str, Leaf] = {}
        self._prefixes: dict[str, Leaf] = {}
        for leaf in terms:
            self.first.setdefault(_key(leaf), leaf)
            found = shape(leaf)
            if found is not None and isinstance(leaf, Word) and len(found[0]) == 1 and found[0][0].isalnum():
                (self._prefixes if leaf.prefix else self._words).setdefault(found[0][0], leaf)

    def wider(self, leaf: Leaf, *, strictly: bool) -> Leaf | None:
        """A term that holds wherever `leaf` holds. `strictly`: not the word that differs by its star or sign alone."""
        found = shape(leaf)
        if found is None:
            return None
        words, kind = found
        if isinstance(leaf, Phrase) and len(words) > 1:
            return next((one for word in words if (one := self._of(word, len(word)))), None)
        if len(words) != 1:
            return None
        if isinstance(leaf, Word | Phrase):
            word = words[0]
            is_prefix = kind == "prefix"
            longest = len(word) - 1 if strictly else len(word)
            return None if not word.isalnum() else self._of(word, longest, whole=not (strictly or is_prefix))
        if isinstance(leaf, Tag | Handle) and not strictly and not leaf.prefix and words[0][1:].isalnum():
            return self._of(words[0][1:], len(words[0]) - 1)
        return None

    def _of(self, word: str, longest: int, *, whole: bool = True) -> Leaf | None:
        if not word.isalnum():
            return None
        if whole and word in self._words:
            return self._words[word]
        begins = (word[:length] for length in range(1, longest + 1))
        return next((self._prefixes[one] for one in begins if one in self._prefixes), None)


def _in_or(node: Or) -> Iterator[Redundant]:
    known = _Known(_leaves(node.parts))
    yield from _twice(known, node.parts)
    for part in node.parts:
        if isinstance(part, And):
            inside = (one for one in _leaves(part.parts))
            by = next(
                (
                    one
                    for leaf in inside
                    if (one := known.first.get(_key(leaf)) or known.wider(leaf, strictly=True))
                ),
                None,
            )
            if by is not None:
                yield Redundant(part, by, same=False)
        elif not isinstance(part, Not | Or) and known.first[_key(part)] is part:
            wider = known.wider(part, strictly=True)
            if wider is not None and wider is not part:
                yield Redundant(part, wider, same=False)


def _twice(known: _Known, parts: Sequence[Node]) -> Iterator[Redundant]:
    for part in _leaves(parts):
        first = known.first[_key(part)]
        if first is not part:
            yield Redundant(part, first, same=True)


def _leaves_nothing(excluded: Node, wanted: Sequence[Node]) -> bool:
    left_out = _Known(_leaves(excluded.parts if isinstance(excluded, Or) else (excluded,)))
    return any(_gone(part, left_out) for part in wanted)


def _gone(node: Node, left_out: _Known) -> bool:
    """Whether nothing of what `node` hears is left."""
    if isinstance(node, Not):
        return False
    if isinstance(node, And | Or):
        return (all if isinstance(node, Or) else any)(_gone(part, left_out) for part in node.parts)
    return _key(node) in left_out.first or left_out.wider(node, strictly=False) is not None


def _leaves(parts: Sequence[Node]) -> list[Leaf]:
    return [part for part in parts if not isinstance(part, Not | And | Or)]


def _key(leaf: Leaf) -> object:
    match leaf:
        case Field(name, value):
            return name, fold(value)
        case Followers(op, count):
            return op, count
    return shape(leaf)
