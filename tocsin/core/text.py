"""Making the text of strangers safe to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# The joiner is a part of many emoji, and the non-joiner of Persian words.
_JOINERS = frozenset("\u200c\u200d")
_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_UNSEEN = _STEERING | {"Cn"}


def escaped(text: str) -> str:
    """The text with each character that could steer a terminal or turn the reading direction written out, as in `\\x1b`."""
    return "".join(
        char
        if unicodedata.category(char) not in _UNSEEN
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )


def escaped_cell(text: str) -> str:
    """Like `escaped`, for a cell of a table that may be pasted into a spreadsheet: one that would begin a formula does not."""
    plain = escaped(text)
    return f"\\x{ord(plain[0]):02x}{plain[1:]}" if plain[:1] in ("=", "+", "-", "@") else plain


def one_line(text: str, longest: int) -> str:
    """One line of at most `longest` characters, without characters that could steer a terminal or turn the reading direction."""
    plain = "".join(
        " " if char.isspace() else char for char in text[: 4 * longest] if char.isspace() or not _steers(char)
    )
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def lines_of(text: str) -> str:
    """The text with its line feeds, and without any other character that could steer a terminal or turn the reading direction."""
    return "".join(char for char in text if char == "\n" or not _steers(char))


def naming(names: Iterable[str]) -> re.Pattern[str]:
    """Finds each of these names where it stands as a word of its own, in capitals or not. Without names it finds nothing."""
    one_of = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"(?<!\w)(?:{one_of})(?!\w)", re.IGNORECASE)


def unseen(text: str) -> list[str]:
    """The characters of `text` that a name may not have: line separators, controls and turns of the reading direction. Each once,
    written as in `U+2028`.
    """
    return [f"U+{ord(char):04X}" for char in sorted(set(text)) if _steers(char)]


def _steers(char: str) -> bool:
    return char not in _JOINERS and unicodedata.category(char) in _STEERING
