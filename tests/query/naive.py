"""Queries evaluated the slow way, by regular expressions made from their meaning in docs/queries.md.

This evaluation shares only `fold` and the tree with the matcher, and knows only scripts with spaces.
"""

from __future__ import annotations

import re

from tocsin.core.mention import Mention
from tocsin.query.fold import fold
from tocsin.query.tree import And, Field, Followers, Handle, Node, Not, Or, Phrase, Query, Tag, Url, Word

LETTER = r"[^\W_]"
BEGINS = rf"(?<!{LETTER})(?<!{LETTER}_)(?<!{LETTER}__)(?<!{LETTER}___)"
ENDS = rf"(?!{LETTER})(?!_{{1,3}}{LETTER})"

NAME_ENDS = r"(?!\w)"


def naively(query: Query, mention: Mention, language: str | None = None) -> bool:
    """Whether `mention`, of `language`, matches `query`."""
    return _holds(query.root, mention, language)


def _holds(node: Node, mention: Mention, language: str | None) -> bool:
    match node:
        case Not(part):
            return not _holds(part, mention, language)
        case And(parts):
            return all(_holds(part, mention, language) for part in parts)
        case Or(parts):
            return any(_holds(part, mention, language) for part in parts)
        case Field("lang", value):
            return (mention.lang or language) == value
        case Field("source", value):
            return fold(mention.source) == fold(value)
        case Field("network", value):
            return fold(mention.network or "") == fold(value)
        case Field("author", value):
            a = mention.author
            return a is not None and fold(value) in {fold(one) for one in (a.id, a.handle, a.name) if one}
        case Followers(op, count):
            if mention.author is None or mention.author.followers is None:
                return False
            n = mention.author.followers
            return {">": n > count, ">=": n >= count, "<": n < count, "<=": n <= count, "=": n == count}[op]
        case Url(text):
            places = [mention.text, mention.url or "", *mention.links]
            host = fold(re.sub("^(https?://)?(www[.])?", "", text).rstrip("/"))
            pattern = rf"(?<![\w\-@%]){re.escape(host)}(?![\w\-@])(?!\.{LETTER})"
            return any(re.search(pattern, fold(place)) for place in places)
        case Tag(text, prefix):
            return _met(mention, BEGINS + "#" + re.escape(fold(text)) + ("" if prefix else NAME_ENDS))
        case Handle(text, prefix):
            return _met(mention, BEGINS + "@" + re.escape(fold(text)) + ("" if prefix else NAME_ENDS))
        case Word(text, prefix):
            return _met(mention, _one(fold(text), prefix))
        case Phrase(text):
            return _met(mention, r"[\W_]{0,8}?".join(_one(word, False) for word in fold(text).split()))
    raise AssertionError(f"a node of an unknown kind: {node}")


def _one(word: str, prefix: bool) -> str:
    before = BEGINS if word[0].isalnum() else ""
    after = ENDS if word[-1].isalnum() and not prefix else ""
    return f"{before}{re.escape(word)}{after}"


def _met(mention: Mention, pattern: str) -> bool:
    text = "\n".join([mention.title or "", mention.text, *(f"#{tag}" for tag in mention.hashtags)])
    return re.search(pattern, fold(text)) is not None
