"""The parser: from the text that a person typed to a `Query`, or to a `QueryError` that says where and what was expected.

The grammar (LALR, by lark) knows operators, parentheses, quotes and chunks. `_chunk` decides whether a chunk is a word, a tag,
a handle, a field or an address, and puts its errors in plain words. NOT binds tighter than AND, and AND tighter than OR. Terms
side by side are joined by AND. The time is linear in the length of the query, which is at most `MAX_CHARS`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from tocsin.core.facets import FACETS
from tocsin.core.sentences import Sentence
from tocsin.query.anchors import anchors_of, unanchored
from tocsin.query.errors import QueryError
from tocsin.query.fold import fold
from tocsin.query.literals import needles
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
    bare_address,
)

MAX_CHARS = 10_000
MAX_DEPTH = 32
MAX_PHRASE_WORDS = 32
MAX_FOLLOWERS = 10**12

FIELDS = ("author", "followers", "lang", "network", "source", "url", *FACETS)

_QUOTES = '"“”„‟'
_GRAMMAR = rf"""
start: _or
_or: any_of | _and
any_of: _and (_OR _and)+
_and: all_of | _not
all_of: _not (_AND? _not)+
_not: negated | _atom
negated: NOT _not | MINUS _not
_atom: _LPAR _or _RPAR | leaf
leaf: PHRASE | FIELDED | FOLLOWERS | CHUNK

_LPAR.9: "("
_RPAR.9: ")"
_OR.8: /OR(?=[\s(){_QUOTES}]|\Z)/
_AND.8: /AND(?=[\s(){_QUOTES}]|\Z)/
NOT.8: /NOT(?=[\s(){_QUOTES}]|\Z)/
MINUS.7: /-(?=[^\s)])/
PHRASE.6: /[{_QUOTES}][^{_QUOTES}]*[{_QUOTES}]/
FIELDED.5: /[A-Za-z]+:[{_QUOTES}][^{_QUOTES}]*[{_QUOTES}]/
FOLLOWERS.5: /followers\s*[<>=]+\s*[^\s(){_QUOTES}]*/i
CHUNK.1: /[^\s(){_QUOTES}]+/
%ignore /\s+/
"""

_OPERATORS = ("AND", "OR", "NOT")
_SENTENCE = ",;.!?:…"
_A_TERM = Sentence('a word, a "phrase", a #hashtag, a @handle or a field such as lang:en')
_ANCHOR = Sentence(
    "a word or phrase of three characters or more, a #hashtag, a @handle or a url: beside it, in this branch"
)
_FIELD = re.compile(r"([A-Za-z]+):(?!//)(.*)", re.DOTALL)
# No region: the languages of mentions are kept without one.
_LANG = re.compile("[a-z]{2,3}")
_FOLLOWERS = re.compile(r"followers\s*(>=|<=|>|<|=)\s*(\d[\d_,]*)([km]?)", re.IGNORECASE)
_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}
_FOREIGN_OPERATORS = {"&": "AND", "&&": "AND", "|": "OR", "||": "OR", "!": "NOT", "+": "AND"}


def parse_query(text: str) -> Query:
    """The query that `text` says. Raises `QueryError` for a text that is no query, and nothing else."""
    _check_characters(text)
    try:
        root = _parser().parse(text)
    except _Refused as refused:
        raise QueryError(text, refused.at, refused.problem, refused.expected) from None
    except UnexpectedToken as unexpected:
        raise _explained(text, unexpected) from None
    # Only a quotation mark without its partner gets here: every other character belongs to a chunk.
    except UnexpectedCharacters as unexpected:
        at = unexpected.pos_in_stream or 0
        raise QueryError(
            text, at, Sentence("this quotation mark is never closed"), Sentence('a second " after the phrase')
        ) from None
    assert isinstance(root, Leaf | Not | And | Or)
    anchors = anchors_of(root)
    if anchors is None:
        at, problem = unanchored(root)
        raise QueryError(text, at, problem, _ANCHOR)
    return Query(root, anchors, text)


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One word, sign or operator of a query, by the name of its terminal, and its place in the text."""

    kind: str
    start: int
    end: int


def lexemes(text: str) -> list[Lexeme]:
    """The parts of a query that was understood, in order."""
    return [Lexeme(one.type, one.start_pos or 0, one.end_pos or 0) for one in _parser().lex(text)]


def _check_characters(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise QueryError(
            text,
            MAX_CHARS,
            Sentence("the query has {n} characters", n=len(text)),
            Sentence("at most {n}", n=MAX_CHARS),
        )
    for at, char in enumerate(text):
        if not char.isprintable() and not char.isspace() and unicodedata.category(char) in ("Cc", "Cs", "Cn"):
            raise QueryError(
                text,
                at,
                Sentence("U+{code} is not a character that can be typed", code=f"{ord(char):04X}"),
                Sentence("text"),
            )
    if not text.strip():
        raise QueryError(text, 0, Sentence("the query is empty"), _A_TERM)


class _Refused(Exception):
    """A chunk or a structure that cannot be used, before the query around it is known."""

    def __init__(self, at: int, problem: str, expected: str) -> None:
        super().__init__(problem)
        self.at, self.problem, self.expected = at, problem, expected


def _explained(text: str, unexpected: UnexpectedToken) -> QueryError:
    """lark's "unexpected token", in words for a person who writes queries."""
    token = unexpected.token
    before = [
        one
        for one in _parser().lex(text)
        if token.type == "$END" or (one.start_pos or 0) < (token.start_pos or 0)
    ]
    last = before[-1] if before else None
    if token.type == "$END":
        if last is not None and last.type in _DANGLING:
            return QueryError(
                text,
                last.start_pos or 0,
                Sentence("nothing follows {last}", last=last),
                Sentence("{what} after it", what=_A_TERM),
            )
        return QueryError(
            text, _unclosed(before), Sentence("this parenthesis is never closed"), Sentence("a ) for it")
        )
    at = token.start_pos or 0
    if token.type == "_RPAR":
        if last is None or sum(_OPENS.get(one.type, 0) for one in before) <= 0:
            return QueryError(
                text,
                at,
                Sentence("this parenthesis was never opened"),
                Sentence("a ( before it, or none here"),
            )
        if last.type == "_LPAR":
            return QueryError(
                text, last.start_pos or 0, Sentence("there is nothing between these parentheses"), _A_TERM
            )
    if last is None or last.type == "_LPAR":
        return QueryError(text, at, Sentence("nothing stands before {token}", token=token), _A_TERM)
    return QueryError(text, at, Sentence("{token} cannot follow {last}", token=token, last=last), _A_TERM)


_DANGLING = ("_OR", "_AND", "NOT", "MINUS")
_OPENS = {"_LPAR": 1, "_RPAR": -1}


def _unclosed(tokens: list[Token]) -> int:
    """The place at which the innermost parenthesis that is still open was opened."""
    opened: list[int] = []
    for token in tokens:
        if token.type == "_LPAR":
            opened.append(token.start_pos or 0)
        elif token.type == "_RPAR":
            opened.pop()
    return opened[-1]


@cache
def _parser() -> Lark:
    """The parser of lark. It is made when the first query is parsed, because its tables take some milliseconds."""
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Build())


@v_args(inline=True)
class _Build(Transformer[Token, Node]):
    """Makes the nodes while lark parses: without a tree of lark's in between, and without recursion."""

    def start(self, root: Node) -> Node:
        return root

    def any_of(self, *parts: Node) -> Node:
        flat = tuple(one for part in parts for one in (part.parts if isinstance(part, Or) else (part,)))
        return Or(flat, parts[0].at, _deeper(*flat))

    def all_of(self, *parts: Node) -> Node:
        flat = tuple(one for part in parts for one in (part.parts if isinstance(part, And) else (part,)))
        return And(flat, parts[0].at, _deeper(*flat))

    def negated(self, operator: Token, part: Node) -> Node:
        return Not(part, operator.start_pos or 0, _deeper(part))

    def leaf(self, token: Token) -> Node:
        return _LEAVES[token.type](str(token), token.start_pos or 0)


def _deeper(*parts: Node) -> int:
    depth = 1 + max(part.depth if isinstance(part, Not | And | Or) else 0 for part in parts)
    if depth > MAX_DEPTH:
        raise _Refused(
            parts[0].at,
            Sentence("this is nested more than {n} deep", n=MAX_DEPTH),
            Sentence("a flatter query"),
        )
    return depth


def _phrase(quoted: str, at: int) -> Leaf:
    text = quoted[1:-1]
    words = needles(text)
    if not words:
        raise _Refused(
            at,
            Sentence("there is nothing to look for in this phrase"),
            Sentence("a word, an emoji or more of them in the quotes"),
        )
    if len(words) > MAX_PHRASE_WORDS:
        raise _Refused(
            at,
            Sentence("this phrase has {n} words", n=len(words)),
            Sentence("at most {n}", n=MAX_PHRASE_WORDS),
        )
    star = re.search(r"[^\W\d_]\*", text)
    if star:
        raise _Refused(
            at + star.start() + 2,
            Sentence("a * does not work inside quotes"),
            Sentence("whole words in a phrase"),
        )
    return Phrase(text, at)


def _fielded(token: str, at: int) -> Leaf:
    name, value = token.split(":", 1)
    return _field(name, value[1:-1].strip(), at, len(name) + 1)


def _followers(token: str, at: int) -> Leaf:
    found = _FOLLOWERS.fullmatch(token)
    if not found:
        raise _Refused(
            at,
            Sentence("{token} is not a number of followers", token=repr(token)),
            Sentence("followers>1000 (or >=, <, <=, =; 10k and 2m work)"),
        )
    count = (
        int(re.sub("[_,]", "", found[2])) * _THOUSANDS[found[3].lower()]
        if len(found[2]) < 20
        else MAX_FOLLOWERS + 1
    )
    if count > MAX_FOLLOWERS:
        raise _Refused(
            at,
            Sentence("nobody has that many followers"),
            Sentence("a number up to {n}", n=MAX_FOLLOWERS),
        )
    return Followers(found[1], count, at)


def _chunk(chunk: str, at: int) -> Leaf:
    if chunk[0] in "#＃" and len(chunk) > 1 and chunk[1] not in "#＃":
        return Tag(*_name(chunk[1:], at, Sentence("a hashtag"), "#tocsin", _tag_char), at)
    if chunk[0] in "@＠":
        return Handle(*_name(chunk[1:], at, Sentence("a handle"), "@tocsin", _handle_char), at)
    field = _FIELD.fullmatch(chunk)
    if field:
        return _field(field[1], field[2].rstrip(",;"), at, len(field[1]) + 1)
    if re.match("https?://", chunk, re.IGNORECASE):
        return _url(chunk, at)
    return _word(chunk, at)


def _word(chunk: str, at: int) -> Leaf:
    typed = chunk.rstrip(_SENTENCE) or chunk
    stem = typed.removesuffix("*")
    if stem in _OPERATORS:
        return Phrase(stem, at)
    star = stem.find("*")
    if star >= 0 and in_letters(stem):
        raise _Refused(
            at + star,
            Sentence("a * stands only at the end of a word"),
            Sentence('a word such as crash*, or "quotes" around the sign'),
        )
    operator = _FOREIGN_OPERATORS.get(chunk)
    if operator:
        raise _Refused(at, Sentence("{chunk} is not an operator here", chunk=chunk), operator)
    words = needles(stem)
    if not words:
        if chunk == "-":
            raise _Refused(
                at,
                Sentence("a dash stands right before what it excludes"),
                Sentence("-word without a space, or no dash"),
            )
        raise _Refused(at, Sentence("there is nothing to look for in {chunk}", chunk=repr(chunk)), _A_TERM)
    return Word(stem, stem != typed, at)


def in_letters(text: str) -> bool:
    """Whether the text holds any letter or digit."""
    return any(char.isalnum() for char in text)


def _name(
    typed: str, at: int, what: Sentence, example: str, allowed: Callable[[str], bool]
) -> tuple[str, bool]:
    """The text of a tag or handle without the signs that end a sentence, and whether a * stood at its end."""
    name = typed.rstrip(_SENTENCE)
    stem = name.removesuffix("*")
    if not stem:
        raise _Refused(
            at,
            Sentence("{what} needs a name", what=what),
            Sentence("{what} such as {example}", what=what, example=example),
        )
    for index, char in enumerate(stem):
        if not allowed(char):
            raise _Refused(
                at + 1 + index,
                Sentence("{char} cannot stand in {what}", char=repr(char), what=what),
                Sentence("letters, digits and _ only"),
            )
    folded = fold(stem)
    if not folded or any(char.isspace() for char in folded):
        raise _Refused(at, Sentence("{what} needs a name", what=what), Sentence("letters, digits and _ only"))
    return stem, stem != name


def _tag_char(char: str) -> bool:
    return char == "_" or unicodedata.category(char)[0] in "LNMSC"


def _handle_char(char: str) -> bool:
    return char in "_.-@" or unicodedata.category(char)[0] in "LNM"


def _field(name: str, value: str, at: int, skip: int) -> Leaf:
    known = name.lower()
    if known not in FIELDS:
        raise _Refused(
            at,
            Sentence("unknown field {name}", name=repr(name)),
            Sentence("one of {choices}, or quotes around it to look for the text", choices=", ".join(FIELDS)),
        )
    if known == "followers":
        raise _Refused(
            at,
            Sentence("followers is compared, not equal to a text"),
            Sentence("followers>1000 (or >=, <, <=, =)"),
        )
    if not value.strip():
        raise _Refused(
            at + skip - 1,
            Sentence("{known}: has no value", known=known),
            Sentence("{example}, with no space after the colon", example=_example(known)),
        )
    if known == "url":
        return _url(value, at)
    if known == "lang":
        value = value.lower()
        if not _LANG.fullmatch(value):
            raise _Refused(
                at + skip,
                Sentence("{value} is not a language code", value=repr(value)),
                Sentence("two or three letters such as en, tr, nl, ro (no region)"),
            )
    if known in FACETS:
        value = value.lower()
        if value not in FACETS[known]:
            raise _Refused(
                at + skip,
                Sentence("{value} is no {field}", value=repr(value), field=known),
                Sentence("one of {choices}", choices=", ".join(FACETS[known])),
            )
    if known == "author":
        value = value.removeprefix("@") or value
    return Field(known, value, at)


_EXAMPLES = {
    "author": Sentence("a handle, as in author:jane"),
    "lang": Sentence("a code, as in lang:en"),
    "network": Sentence("a network, as in network:mastodon"),
    "source": Sentence("a source, as in source:news"),
    "url": Sentence("a domain, as in url:example.com"),
}


def _example(field: str) -> Sentence:
    found = _EXAMPLES.get(field)
    return found or Sentence("a value, as in {field}:{value}", field=field, value=FACETS[field][0])


def _url(value: str, at: int) -> Leaf:
    address = bare_address(value)
    host = re.split("[/?#]", address, maxsplit=1)[0]
    if "." not in host.strip(".") or any(char.isspace() for char in address):
        raise _Refused(
            at,
            Sentence("{value} is not an address", value=repr(value)),
            Sentence("a domain such as example.com, with or without a path"),
        )
    return Url(value, at)


_LEAVES: dict[str, Callable[[str, int], Leaf]] = {
    "PHRASE": _phrase,
    "FIELDED": _fielded,
    "FOLLOWERS": _followers,
    "CHUNK": _chunk,
}
