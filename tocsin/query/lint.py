"""Lint: what is legal in a query and likely wrong, each with its place. It refuses nothing.

`lint` reads the query alone. `Weighing` counts in mentions that are kept how common a term is and what an exclusion leaves out.
Both take time that grows with the length of the query, and no more than `MOST` warnings come of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tocsin.core.sentences import Percentage, Sentence
from tocsin.query.errors import place_of
from tocsin.query.evaluate import Asked, compile_node
from tocsin.query.fold import fold
from tocsin.query.parser import Lexeme, lexemes
from tocsin.query.proposal import SHORTEST_WITH_ENDINGS, spellings
from tocsin.query.redundancy import emptied, redundancies
from tocsin.query.tree import And, Field, Leaf, Node, Not, Or, Phrase, Query, Tag, Word, leaves, shape

MOST: Final = 20
MOST_WEIGHED: Final = 40
"""Terms, and exclusions, of a query that are counted."""
MOST_ROWS: Final = 2000
"""Mentions that are worth a weighing: more change no warning."""
FLOOD: Final = 0.05
"""The share of the posts that no monitor matches from which a term that stands alone floods its monitor."""
LEAST_SAMPLED: Final = 200
LEAST_EMPTIED: Final = 10
LEAST_SPARED: Final = 50
"""Posts of the sample, and mentions that match without an exclusion, below which their share says nothing."""

SHORT: Final = 3
_TALK: Final = """
the and for you are with this that was not but have from they what all can
bir icin cok ama ben sen daha gibi kadar her olan var yok degil
een het van dat niet met zijn voor maar wat die ook naar dan
este sunt pentru din care mai dar cum asta foarte fost
der die das und ist nicht auch auf ein eine mit sich noch aber
les des est pour que qui dans une pas sur avec mais tout plus
los las del por con para una como pero muy esta este todo
che non per una con sono della come anche questo piu
que nao para uma com por mais como isso muito
nie sie jest jak dla czy tylko ale juz tego bardzo przez
och att det som inte jag med den har till men var fran
من في على هذا التي كان مع عن الى ما
"""
COMMON: Final = frozenset(map(fold, _TALK.split()))
"""Words of everyday talk in twelve languages, folded."""

LOOKS_LIKE_AN_OPERATOR: Final = {
    "and": "AND",
    "or": "OR",
    "not": "NOT",
    "ve": "AND",
    "veya": "OR",
    "değil": "NOT",
    "en": "AND",
    "of": "OR",
    "niet": "NOT",
    "și": "AND",
    "sau": "OR",
    "und": "AND",
    "oder": "OR",
    "nicht": "NOT",
    "et": "AND",
    "ou": "OR",
    "y": "AND",
    "oppure": "OR",
    "oraz": "AND",
    "lub": "OR",
    "albo": "OR",
    "och": "AND",
    "eller": "OR",
    "inte": "NOT",
}

WORDS: Final = {
    "operator": "{word} is looked for as a word; the operator is written {operator}",
    "mixed": "AND binds tighter than OR: {branch} is read as one branch; brackets say what you mean",
    "duplicate": "{term} stands here twice: once is enough",
    "covered": "{other} hears all that {term} hears: this one changes nothing",
    "quotes": "the quotes around {word} change nothing",
    "short": "{term} is short and stands alone: other names are spelled so; put a word beside it",
    "common": "{term} is a word of everyday talk: alone it floods the monitor; put a word beside it",
    "floods": "{term} is in {share} of {n} sampled posts that no monitor matched: alone it floods the monitor",
    "empties": "{term} leaves out all that this branch hears",
    "leaves_out_all": "{term} leaves out all of the {n} kept mentions that match without it",
    "leaves_out_none": "{term} leaves out none of the {n} kept mentions that match without it",
    "variant": "{term} does not hear {variant}, as people write it too: put it beside it with OR",
}
"""What a warning says, in English, by its kind."""


@dataclass(frozen=True, slots=True)
class Lint:
    """A warning. `at` and `length` are its place in the query, in characters from 0; `line` and `column` count from 1."""

    kind: str
    query: str = field(repr=False)
    at: int
    length: int
    words: Sentence

    @property
    def line(self) -> int:
        return place_of(self.query, self.at)[0]

    @property
    def column(self) -> int:
        return place_of(self.query, self.at)[1]

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.words}"


def lint(query: Query) -> list[Lint]:
    """The warnings that the query alone is worth, by their place."""
    places = _Places(query.text)
    return in_order(
        [
            *_operators(query, places),
            *_mixed(query.text, places),
            *_redundant(query, places),
            *_quotes(query, places),
            *_alone(query, places),
            *_variants(query, places),
        ]
    )


def in_order(found: Sequence[Lint]) -> list[Lint]:
    """The first warnings by their place, at most `MOST`."""
    return sorted(found, key=lambda one: one.at)[:MOST]


class Weighing:
    """Counts a query's terms and exclusions in mentions.

    Kept mentions match some monitor, so what a monitor leaves out is hardly among them. Where one of `monitors`, the queries
    of all monitors, names what an exclusion names, kept mentions do not prove that the exclusion leaves out nothing.
    """

    def __init__(self, query: Query, monitors: str = "") -> None:
        self._query, self._sampled = query, 0
        self._terms = [_Counted(leaf) for leaf in _alone_in(query.root)][:MOST_WEIGHED]
        known, self._groups, tests = fold(monitors), list[_Group](), _Tests()
        for nest in islice(_nests(query.root, None), MOST_WEIGHED):
            nots = [one for one in nest.parts if isinstance(one, Not)]
            left = MOST_WEIGHED - sum(len(one.exclusions) for one in self._groups)
            named = [any(fold(str(leaf)) in known for leaf in leaves(one.part)) for one in nots]
            self._groups.append(_Group(nest, [*map(_Exclusion, nots, named)][:left], tests))

    def sampled(self, asked: Asked) -> None:
        """Count in a post of the sample, which no monitor matched."""
        self._sampled += 1
        for term in self._terms:
            term.met += term.test(asked)
        self._left_out(asked, kept=False)

    def kept(self, asked: Asked) -> None:
        """Count in a mention that some monitor matches."""
        self._left_out(asked, kept=True)

    def warnings(self) -> list[Lint]:
        """What the counts are worth."""
        places, found = _Places(self._query.text), []
        for term in self._terms:
            share = term.met / max(1, self._sampled)
            if self._sampled >= LEAST_SAMPLED and share >= FLOOD:
                found.append(
                    places.lint(
                        "floods", term.node, term=str(term.node), share=Percentage(share), n=self._sampled
                    )
                )
        for one in (each for group in self._groups for each in group.exclusions):
            if one.matched >= LEAST_EMPTIED and one.met == one.matched:
                found.append(places.lint("leaves_out_all", one.node, term=places.said(one.node), n=one.met))
            elif one.met == 0 and one.fair >= LEAST_SPARED:
                found.append(places.lint("leaves_out_none", one.node, term=places.said(one.node), n=one.fair))
        return found

    def _left_out(self, asked: Asked, *, kept: bool) -> None:
        for group in self._groups:
            if not group.decides(asked):
                continue
            met = [one for one in group.exclusions if one.test(asked)]
            # Where two exclusions hold, neither of them decides.
            for one in met if len(met) == 1 else () if met else group.exclusions:
                one.matched += 1
                one.met += bool(met)
                one.fair += not (kept and one.named)


class _Counted:
    """A node with its test, and the number of mentions in which it holds."""

    def __init__(self, node: Node) -> None:
        self.node, self.test, self.met = node, compile_node(node), 0


class _Exclusion(_Counted):
    """An exclusion: how many match without it, and how many of these show fairly whether it is idle."""

    def __init__(self, node: Not, named: bool) -> None:
        super().__init__(node.part)
        self.node, self.named, self.matched, self.fair = node, named, 0, 0


@dataclass(frozen=True, slots=True)
class _Nest:
    """An AND, or the whole query, with the branch that it stands in. `without` is the part of that branch that holds it."""

    parts: Sequence[Node]
    around: _Nest | None
    without: Node | None
    is_or: bool = False


def _nests(node: Node, around: _Nest | None) -> Iterator[_Nest]:
    """Each AND with an exclusion, from the outside in. A part under NOT has the opposite effect, and is not weighed."""
    if isinstance(node, Not) and around is None:
        yield _Nest((node,), None, None)
    if not isinstance(node, And | Or):
        return
    here = _Nest(node.parts, around, node, isinstance(node, Or))
    if isinstance(node, And) and any(isinstance(part, Not) for part in node.parts):
        yield here
    for part in node.parts:
        yield from _nests(part, here)


class _Tests:
    """The tests of nodes, each made once."""

    def __init__(self) -> None:
        self._made: dict[int, Callable[[Asked], bool]] = {}

    def of(self, node: Node) -> Callable[[Asked], bool]:
        made = self._made.get(id(node))
        if made is None:
            made = self._made[id(node)] = compile_node(node)
        return made


class _Group:
    """The exclusions of one branch, and what shows whether a mention's match hangs on them."""

    def __init__(self, nest: _Nest, exclusions: list[_Exclusion], tests: _Tests) -> None:
        self.exclusions = exclusions
        self._wanted = [tests.of(part) for part in nest.parts if not isinstance(part, Not)]
        # What else must hold, and what must not. Where another branch of an OR matches, the exclusion decides nothing.
        self._beside: list[tuple[Callable[[Asked], bool], bool]] = []
        inner, outer = nest.without, nest.around
        while outer is not None:
            for part in outer.parts:
                if part is not inner:
                    self._beside.append((tests.of(part), not outer.is_or))
            inner, outer = outer.without, outer.around

    def decides(self, asked: Asked) -> bool:
        """Whether all but the exclusions holds, so that they decide."""
        return all(test(asked) for test in self._wanted) and all(
            test(asked) == must for test, must in self._beside
        )


class _Places:
    """Where the nodes of a query end. They know only where they begin."""

    def __init__(self, text: str) -> None:
        self.text, self.lexemes = text, lexemes(text)
        self._ends = {one.start: one.end for one in self.lexemes}

    def end(self, node: Node) -> int:
        last = max(self._ends.get(leaf.at, leaf.at + 1) for leaf in leaves(node))
        for _ in range(self.text.count("(", node.at, last) - self.text.count(")", node.at, last)):
            last = self.text.find(")", last) + 1 or last
        return last

    def said(self, node: Node) -> str:
        """The node as it was typed, cut where it is long."""
        return short(self.text[node.at : self.end(node)])

    def lint(self, kind: str, node: Node, **values: object) -> Lint:
        return self.at(kind, node.at, self.end(node), **values)

    def at(self, kind: str, start: int, end: int, **values: object) -> Lint:
        return Lint(kind, self.text, start, end - start, Sentence(WORDS[kind], **values))


def short(text: str) -> str:
    """A text on one line that fits a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


# -- the rules ---------------------------------------------------------------------------------------------------------------


def _operators(query: Query, places: _Places) -> Iterator[Lint]:
    for leaf in leaves(query.root):
        meant = LOOKS_LIKE_AN_OPERATOR.get(leaf.text.lower()) if isinstance(leaf, Word) else None
        if meant is not None:
            yield places.lint("operator", leaf, word=f'"{leaf}"', operator=meant)


def _mixed(text: str, places: _Places) -> Iterator[Lint]:
    """Branches of two terms and more beside an OR, without brackets around them."""
    for branch in _bare_branches(places.lexemes):
        if branch.first is not None and branch.last is not None:
            begin, end = branch.first.start, branch.last.end
            yield places.at("mixed", begin, end, branch=short(text[begin:end]))


def _bare_branches(found: Sequence[Lexeme]) -> Iterator[_Branch]:
    """Each such branch. One in brackets is one term of the level around it, so each lexeme is looked at once, however deep."""
    levels, opened = [[_Branch()]], list[Lexeme]()
    for one in found:
        if one.kind == "_LPAR":
            levels.append([_Branch()])
            opened.append(one)
        elif one.kind == "_RPAR" and opened:
            yield from _several(levels.pop())
            levels[-1][-1].add(opened.pop(), one)
            levels[-1][-1].terms += 1
        elif one.kind == "_OR":
            levels[-1].append(_Branch())
        else:
            levels[-1][-1].add(one, one)
            levels[-1][-1].terms += one.kind not in ("_AND", "NOT", "MINUS")
    yield from _several(levels[0])


@dataclass(slots=True)
class _Branch:
    """One branch of an OR: its first and last lexeme, and how many terms it has."""

    first: Lexeme | None = None
    last: Lexeme | None = None
    terms: int = 0

    def add(self, begin: Lexeme, end: Lexeme) -> None:
        self.first, self.last = self.first or begin, end


def _several(branches: Sequence[_Branch]) -> Iterator[_Branch]:
    if len(branches) > 1:
        yield from (branch for branch in branches if branch.terms > 1)


def _redundant(query: Query, places: _Places) -> Iterator[Lint]:
    for one in redundancies(query.root):
        kind = "duplicate" if one.same else "covered"
        values = {"term": places.said(one.node)} | ({} if one.same else {"other": places.said(one.by)})
        yield places.lint(kind, one.node, **values)
    for exclusion in emptied(query.root):
        yield places.lint("empties", exclusion, term=places.said(exclusion))


def _quotes(query: Query, places: _Places) -> Iterator[Lint]:
    for leaf in leaves(query.root):
        if isinstance(leaf, Phrase) and leaf.text.strip().isalnum() and places.said(leaf) != leaf.text:
            word = leaf.text.strip()
            if word.lower() not in LOOKS_LIKE_AN_OPERATOR:
                yield places.lint("quotes", leaf, word=word)


def _alone(query: Query, places: _Places) -> Iterator[Lint]:
    for leaf in _alone_in(query.root):
        found = shape(leaf)
        if found is None or not isinstance(leaf, Word | Phrase) or len(found[0]) != 1:
            continue
        word = found[0][0]
        if word in COMMON and found[1] == "word":
            yield places.lint("common", leaf, term=places.said(leaf))
        # Scripts without spaces say much in three characters.
        elif len(word) <= SHORT and word.isalnum() and word < "\u0e00":
            yield places.lint("short", leaf, term=places.said(leaf))


def _variants(query: Query, places: _Places) -> Iterator[Lint]:
    """How people write the first name of the query too, where no term of it hears that. Endings are no variants."""
    first = next(iter(_alone_in(query.root)), None)
    if not isinstance(first, Word | Phrase) or len(fold(first.text)) < SHORTEST_WITH_ENDINGS:
        return
    words = first.text.split()
    joined = ["".join(words)] if 1 < len(words) <= 3 and all(one.isalnum() for one in words) else []
    heard = _heard(query)
    once = [one for one in spellings(first.text) if "&" in first.text or len(first.text) - len(one) == 1]
    for variant in (*joined, *once):
        if not _hears(heard, fold(variant)):
            yield places.lint("variant", first, term=places.said(first), variant=variant)
            return


def _heard(query: Query) -> Mapping[tuple[str, ...], str]:
    """The folded words of the terms that are not under NOT, a hashtag without its sign, with their kind."""
    heard: dict[tuple[str, ...], str] = {}
    for leaf in leaves(query.root, negated=False):
        found = shape(leaf)
        if found is not None:
            words = tuple(one.lstrip("#") for one in found[0]) if isinstance(leaf, Tag) else found[0]
            heard[words] = found[1]
    return heard


def _hears(heard: Mapping[tuple[str, ...], str], variant: str) -> bool:
    # A sign that stands alone is not a word of a phrase.
    if tuple(one for one in variant.split() if any(map(str.isalnum, one))) in heard:
        return True
    begins = (variant[:length] for length in range(1, len(variant) + 1))
    return any(heard.get((one,), "").endswith("prefix") for one in begins)


def _alone_in(node: Node) -> Iterator[Leaf]:
    """The terms that are enough by themselves: nothing but a language or an exclusion narrows them down."""
    if isinstance(node, Or):
        for part in node.parts:
            yield from _alone_in(part)
    elif isinstance(node, And):
        narrowing = [part for part in node.parts if not isinstance(part, Not) and not _is_language(part)]
        if len(narrowing) == 1:
            yield from _alone_in(narrowing[0])
    elif not isinstance(node, Not) and shape(node) is not None:
        yield node


def _is_language(node: Node) -> bool:
    return isinstance(node, Field) and node.name == "lang"
