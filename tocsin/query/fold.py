"""Folding: `fold` brings a query and a text to one spelling, and they are compared in that spelling.

Two writings of one word must be equal, on whatever keyboard they were typed. A listener would rather hear too much than miss
the post without accents. So, in queries and texts alike:

- Compatibility forms (NFKC: full-width, ligatures, mathematical "fonts") and letter case are gone (full case folding).
- `I`, `ı`, `İ` and `i` are one letter. Which of them a post means depends on its language, and the language is not known at
  the time of matching. Turkish is often typed without its own letters, too.
- Diacritics are gone: `ș`, `ş` and `s` are equal, so are `ț`, `ţ` and `t`, `é` and `e`, `ø` and `o`. The price is that a pair
  such as Turkish `öl` and `ol` cannot be told apart. Marks that are letters of their own stay: the vowel signs of Indian
  scripts, the voicing marks of Japanese.
- Invisible characters (zero-width, soft hyphen, direction marks, variation selectors) are gone, because they hide words.
- Every apostrophe is `'`, every dash is `-`, every double quotation mark is `"`, and `™`, `®`, `©` are spaces.

The time of `fold` is linear in the length of the text. One character gives at most 18. `fold(fold(x)) == fold(x)`.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

MOST_FOR_ONE = 8
"""The length of the longest folded spelling of one character in Unicode (U+FDFB)."""

_CACHE_LIMIT = 1 << 16
_REFERENCE = re.compile("&#([0-9]+);")


# Letters that Unicode does not decompose, and signs whose decomposition would hide the edge of a word.
_SPECIAL = {
    **dict.fromkeys("ıɪ", "i"),
    **dict.fromkeys("øɵ", "o"),
    **dict.fromkeys("đð", "d"),
    **dict.fromkeys("™℠®©℗", " "),
    **dict.fromkeys("´ʹʻʼʽˈ‘’‚‛′‵＇", "'"),
    **dict.fromkeys("“”„‟«»″＂", '"'),
    "ł": "l",
    "ħ": "h",
    "ŧ": "t",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "−": "-",
    # Spelled out it is a sentence of eighteen letters, and a text full of it cost as much as eighteen texts.
    "\ufdfa": "\ufdfa",
}

# The marks that are dropped. Other marks (Indian vowel signs, Japanese voicing marks) make a different letter and stay.
_DROPPED_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)

# Letters that were stored in pieces: Korean syllables in their parts, kana with a voicing mark. All of these have combining
# class 0 or stand in pairs, so composing them is linear.
_PIECES = re.compile("[\u1100-\u11ff]+|[\u3040-\u30ff][\u3099\u309a]")
# One set of characters: the search for it is four times as fast.
_ANY_PIECE = re.compile("[\u1100-\u11ff\u3099\u309a]")


# The European letters and signs that fold to one ASCII character each. Most Turkish, Dutch and Romanian texts hold only these
# and ASCII. Such a text is folded by two table look-ups per character, in C. A byte has room for 128 of them beside ASCII.
_EUROPEAN = (
    "çğıöşüâîûÇĞİÖŞÜÂÎÛ" "ășțţĂȘȚŢ" "áàäãåéèêëíìïóòôõúùñýÿøÁÀÄÃÅÉÈÊËÍÌÏÓÒÔÕÚÙÑÝØ"
    "ąćęłńśźżĄĆĘŁŃŚŹŻ" "čďěňřšťůžČĚŘŠŮŽ" "őűŐŰ" "đĐ" "‘’“”„–—\u2011\u00a0´"
)  # fmt: skip
_TO_BYTES = codecs.charmap_build("".join(map(chr, range(128))) + _EUROPEAN.ljust(128, "\ufffe"))


def fold(text: str) -> str:
    """The spelling in which `text` is compared. Any string is taken, also with lone surrogates or control characters."""
    if text.isascii():
        return text.lower()
    return _fold_again(text) if len(text) <= _LONGEST_REMEMBERED else fold_wide(text)


_LONGEST_REMEMBERED = 1_000


@lru_cache(maxsize=4096)
def _fold_again(text: str) -> str:
    """`fold_wide`, with the last 4096 results kept. Matcher, understanding and search fold the same text one after the other,
    a batch apart. The results take 8 MB at most.
    """
    return fold_wide(text)


def fold_wide(text: str) -> str:
    """`fold` for a text that is known not to be ASCII. It saves a second check in the matcher's loop."""
    if len(text.encode("utf-8", "surrogatepass")) > len(text) * 3 // 2 or "&#" in text:
        folded = text.translate(_TABLE).lower()
    else:
        known = codecs.charmap_encode(text, "xmlcharrefreplace", _TO_BYTES)[0]
        folded = known.translate(_FOLDED_BYTES).decode("ascii")
        if "&#" not in folded:
            return folded
        folded = _REFERENCE.sub(_referenced, folded)
    return _PIECES.sub(_compose, folded) if _ANY_PIECE.search(folded) else folded


def fold_together(texts: Sequence[str]) -> tuple[str, Sequence[str]]:
    """`"\\n".join(map(fold, texts))`, and strings with the lengths that the texts have in it, in their order.

    The fixed cost of folding a text, most of the matcher's time on a firehose, is paid once for all of them.
    """
    block = "\n".join(texts)
    if block.isascii():
        return block.lower(), texts
    # The table folds letter by letter. A letter that the table lacks adds one question mark.
    known = codecs.charmap_encode(block, "replace", _TO_BYTES)[0]
    folded = known.translate(_FOLDED_BYTES).decode("ascii")
    if known.count(b"?") == block.count("?"):
        return folded, texts
    pieces, at = [], 0
    for text in texts:
        piece = folded[at : at + len(text)]
        at += len(text) + 1
        pieces.append(piece if piece.count("?") == text.count("?") else fold_wide(text))
    return "\n".join(pieces), pieces


def _referenced(reference: re.Match[str]) -> str:
    return _TABLE[int(reference[1])]


def _compose(pieces: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", pieces[0])


class _Table(dict[int, str]):
    """Code point -> its folded spelling, worked out when first met. The table is bounded: a hostile text cannot fill the
    memory.
    """

    def __missing__(self, point: int) -> str:
        folded = _fold_one(chr(point))
        if len(self) < _CACHE_LIMIT:
            self[point] = folded
        return folded


_TABLE = _Table()


def _fold_one(char: str) -> str:
    """The spelling of one character, found by folding until nothing changes any more."""
    before = ""
    spelling = char
    while spelling != before:
        before = spelling
        spelling = _PIECES.sub(_compose, "".join(map(_step, spelling)))
    return spelling


def _step(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    if char.isspace():
        return char if char.isascii() else " "
    category = unicodedata.category(char)
    if category == "Cf" or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return ""
    if category == "Pd":
        return "-"
    if "\uac00" <= char <= "\ud7a3" or "\u3040" <= char <= "\u30ff":
        return unicodedata.normalize("NFKC", char)
    apart = _DROPPED_MARKS.sub("", unicodedata.normalize("NFKD", char))
    return "".join(_SPECIAL.get(c, c) for c in apart.casefold()).lower()


_FOLDED_BYTES = "".join(map(_fold_one, _EUROPEAN)).ljust(128, "?").encode("ascii")
_FOLDED_BYTES = bytes(range(128)).lower() + _FOLDED_BYTES
