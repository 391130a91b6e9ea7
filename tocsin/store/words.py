"""The words by which a search finds a mention.

The words are the same on every engine, because this module cuts the text and no engine's own parser does. A text is first
folded as the matcher folds it (`tocsin.query.fold`: case, diacritics and the four Turkish i's are gone). Then it is cut:

- Letters, digits and marks that touch are one word. Any other character ends the word, so `Ankara'da` is two words and
  `example.com/a-b` four.
- `#` and `@` before a word are words of their own, so `apple` finds `#apple` and `#apple` does not find `apple`.
- Each character is a word in scripts that leave no space between words (Chinese, Japanese, Thai ...). So is each Korean
  character, because Korean words take their endings without a space. So is each emoji and each currency sign.

The position of each word counts, for phrases. `GAP` keeps title and text apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import add
from typing import Final

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from tocsin.query.fold import fold
from tocsin.store.types import Keyed

GAP: Final = "|"
"""The sign at a position that has no word. No search asks for it."""

# PostgreSQL counts positions up to 16,383.
MOST_WORDS: Final = 16_000
# PostgreSQL keeps 256 positions of one word.
MOST_REPEATS: Final = 255
# Characters of a folded text. PostgreSQL keeps up to 1 MB of words.
MOST_CHARS: Final = 200_000
# Characters of one word. A longer word becomes several, as in a phrase.
LONGEST: Final = 64

# Characters that are words of their own: first the scripts, from line three on the currency signs and emoji.
_SINGLE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3005-\u3007\u3021-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
    "\u00a2-\u00a5\u20a0-\u20cf$\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u303d\u3297\u3299\U0001f000-\U0001faff"
)
# Marks of Indian scripts and Tibetan, which are parts of a word.
_MARKS: Final = "\u0900-\u0963\u0966-\u0d7f\u0f00-\u0fff"
_LETTER: Final = rf"(?:[^\W_{_SINGLE}]|[{_MARKS}])"
_WORD: Final = re.compile(
    rf"[a-z0-9]{{1,{LONGEST}}}(?!{_LETTER})|{_LETTER}{{1,{LONGEST}}}|[{_SINGLE}]|[#@](?={_LETTER}|[{_SINGLE}])"
)
_ASCII_WORD: Final = re.compile(rf"[a-z0-9]{{1,{LONGEST}}}|\$|[#@](?=[a-z0-9$])")


def cut(text: str) -> list[str]:
    """The words of a text, in order. The time is linear in the length of the text."""
    folded = fold(text)[:MOST_CHARS]
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


def words_of(title: str | None, text: str) -> str:
    """The value of the column `words` of a mention: its words with one space between."""
    found = cut(text)
    if title:
        found = [*cut(title), GAP, *found]
    if len(found) > MOST_REPEATS:
        found = _bounded(found[:MOST_WORDS])
    return " ".join(found)


class WordsColumn(Keyed, TypeDecorator[str]):
    """Words with one space between, as `words_of` gives them. PostgreSQL keeps them in the written form of a `tsvector`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None or dialect.name != "postgresql" else _placed(value)

    def bind_column(self, values: Sequence[str | None], dialect: Dialect) -> Sequence[str | None]:
        """`process_bind_param` for each of many values."""
        if dialect.name != "postgresql":
            return values
        return [None if value is None else _placed(value) for value in values]

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name != "postgresql":
            return value
        at = {int(place): word for word, place in _WORD_AT.findall(value)}
        return " ".join(at.get(place, GAP) for place in range(1, max(at, default=0) + 1))


_PLACES: Final = [f"':{place}" for place in range(1, 257)]


def _placed(value: str) -> str:
    """The words with their places, as PostgreSQL reads a `tsvector`."""
    if not value:
        return ""
    words = value.split(" ")
    if len(words) <= len(_PLACES) and GAP not in words:
        return "'" + " '".join(map(add, words, _PLACES))
    return " ".join([f"'{word}':{place}" for place, word in enumerate(words, 1) if word != GAP])


_WORD_AT: Final = re.compile(r"'([^']+)':(\d+)")


def _bounded(words: Sequence[str]) -> list[str]:
    """The words. `GAP` replaces each repeat of a word beyond `MOST_REPEATS`: every engine keeps that many."""
    seen: dict[str, int] = {}
    kept = []
    for word in words:
        seen[word] = times = seen.get(word, 0) + 1
        kept.append(word if times <= MOST_REPEATS else GAP)
    return kept
