"""Literals in a text: where words, tags, handles and addresses begin and end.

Everything here works on folded text. A character is *in a word* when Unicode calls it a letter, digit or mark. A word of a
query is met where no such character touches its ends. Three rules keep matches that people would miss otherwise:

- Scripts written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) have no edges, and Korean words take their
  endings without a space.
- An underscore holds two words together (`united_air`), but emphasis around one word (`_united_`) does not hide it.
- An apostrophe ends a word, so Turkish endings (`Tocsin'in`) and French articles (`l'oreal`) do not hide the word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal as OneOf

from tocsin.query.fold import fold

Kind = OneOf["word", "prefix", "tag", "tag-prefix", "handle", "handle-prefix", "url"]
Edge = Callable[[str, int], bool]
"""A function that tells whether a literal may begin, or end, at this index of this text."""

MOST_BETWEEN = 8
"""The number of spaces and signs that may stand between two words of a phrase."""

_LONGEST_EMPHASIS = 3
_LETTER_DIGIT_CURRENCY = re.compile("[A-Za-z0-9$]")
_ASCII_IN_WORD = frozenset("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_UNSPACED = (
    # Thai, Lao.
    ("\u0e00", "\u0eff"),
    # Burmese.
    ("\u1000", "\u109f"),
    # Khmer.
    ("\u1780", "\u17ff"),
    # Radicals, kana, bopomofo.
    ("\u2e80", "\u312f"),
    ("\u31a0", "\u31ff"),
    # Chinese characters.
    ("\u3400", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U0001b000", "\U0001b16f"),
    ("\U00020000", "\U0003ffff"),
)


@dataclass(frozen=True, slots=True)
class Literal:
    """One folded string to look for, and its kind. `needle` includes a tag's `#` and a handle's `@`."""

    kind: Kind
    needle: str


def in_word(char: str) -> bool:
    """Whether `char` is a letter, digit or mark: part of a word, tag or handle."""
    return char in _ASCII_IN_WORD or (char >= "\x80" and _wide_in_word(char))


def sticks(char: str) -> bool:
    """Whether `char` is in a word *and* of a script that leaves a space between words, so that it hides an edge."""
    return char in _ASCII_IN_WORD or (char >= "\x80" and _wide_sticks(char))


@lru_cache(maxsize=4096)
def _wide_in_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char)[0] == "M"


@lru_cache(maxsize=4096)
def _wide_sticks(char: str) -> bool:
    return _wide_in_word(char) and not any(first <= char <= last for first, last in _UNSPACED)


def needles(text: str) -> tuple[str, ...]:
    """The folded words of a word or phrase, in order. Signs that stand alone, and signs that end a sentence, are left out."""
    words = (word.rstrip(",;.!?:") for word in fold(text).split())
    return tuple(word for word in words if _says_something(word))


def _says_something(word: str) -> bool:
    """Whether the word holds a letter, digit or symbol (an emoji, a currency), not punctuation alone."""
    if word.isascii():
        return _LETTER_DIGIT_CURRENCY.search(word) is not None
    return any(unicodedata.category(char)[0] in "LNMS" for char in word)


@lru_cache(maxsize=1 << 14)
def edges(kind: Kind, needle: str) -> tuple[Edge | None, Edge | None]:
    """The tests before and after an occurrence of `needle`; None where any neighbour will do."""
    if kind == "url":
        return _url_begins, _url_ends
    if kind in ("tag", "tag-prefix", "handle", "handle-prefix"):
        return _word_begins, None if kind.endswith("prefix") else _name_ends
    begins = _word_begins if sticks(needle[0]) else None
    last = needle[-1]
    open_ended = kind == "prefix" or not sticks(last) or "\uac00" <= last <= "\ud7a3"
    return begins, None if open_ended else _word_ends


def occurs(literal: Literal, text: str) -> bool:
    """Whether `literal` is met anywhere in the folded `text`."""
    return phrase_occurs((literal.needle,), literal.kind, text)


def phrase_occurs(words: tuple[str, ...], last_kind: Kind, text: str) -> bool:
    """Whether the folded `words` follow each other anywhere in `text`, with nothing but spaces and signs between them.

    All but the last are whole words. The last is of `last_kind`.
    """
    first = words[0]
    at = text.find(first)
    if at < 0:
        return False
    begins, ends = edges(last_kind if len(words) == 1 else "word", first)
    rest = words[1:]
    if not all(word in text for word in rest):
        return False
    while at >= 0:
        end = at + len(first)
        if (
            (begins is None or begins(text, at))
            and (ends is None or ends(text, end))
            and (not rest or _goes_on(rest, last_kind, text, end))
        ):
            return True
        at = text.find(first, at + 1)
    return False


def _goes_on(words: tuple[str, ...], last_kind: Kind, text: str, end: int) -> bool:
    """Whether `words` follow at `end`, one after the other."""
    for index, word in enumerate(words):
        begins, ends = edges(last_kind if index == len(words) - 1 else "word", word)
        at = end
        while not (text.startswith(word, at) and (begins is None or begins(text, at))):
            if at >= len(text) or at - end >= MOST_BETWEEN or in_word(text[at]):
                return False
            at += 1
        end = at + len(word)
        if ends is not None and not ends(text, end):
            return False
    return True


def _word_begins(text: str, at: int) -> bool:
    if at == 0:
        return True
    before = text[at - 1]
    if before == "_":
        return not _holds_together(text, range(at - 2, max(-1, at - 2 - _LONGEST_EMPHASIS), -1))
    return not sticks(before)


def _word_ends(text: str, end: int) -> bool:
    if end >= len(text):
        return True
    after = text[end]
    if after == "_":
        return not _holds_together(text, range(end + 1, min(len(text), end + 1 + _LONGEST_EMPHASIS)))
    return not sticks(after)


def _holds_together(text: str, beyond: range) -> bool:
    """Whether the first character past the underscores is in a word. A long run of underscores is a drawn line, which does not
    hold words together.
    """
    for at in beyond:
        if text[at] != "_":
            return sticks(text[at])
    return False


def _name_ends(text: str, end: int) -> bool:
    """Whether a tag or handle ends here: no letter, digit, mark or underscore follows. Networks know no other end."""
    return end >= len(text) or not (text[end] == "_" or in_word(text[end]))


def _url_begins(text: str, at: int) -> bool:
    """Whether a host, or a label of a host, begins here: `example.com` is met in `www.example.com`, not in `myexample.com`."""
    return at == 0 or not (text[at - 1] in "-_@%" or sticks(text[at - 1]))


def _url_ends(text: str, end: int) -> bool:
    """Whether the host, or a segment of the path, ends here: `example.com` is not met in `example.com.evil.org` or
    `example.com@evil.org`.
    """
    if end >= len(text):
        return True
    after = text[end]
    if after == ".":
        return end + 1 >= len(text) or not sticks(text[end + 1])
    return not (after in "-_@" or sticks(after))
