"""Text of strangers, made safe to show."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"  # part of many emoji
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escaped(text: str) -> str:
    """The text with everything that could steer a terminal or turn the reading direction written out, as in `\\x1b`."""
    return "".join(
        char
        if unicodedata.category(char) not in _UNSEEN
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )


def one_line(text: str, longest: int) -> str:
    """One line of at most `longest` characters, without what could steer a terminal or turn the reading direction."""
    plain = "".join(
        " " if char.isspace() else char
        for char in text[: 4 * longest]
        if char.isspace() or char == _JOINER or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co")
    )
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
