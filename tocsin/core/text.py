"""Making the text of strangers safe to show."""

from __future__ import annotations

import unicodedata

# The joiner is a part of many emoji.
_JOINER = "\u200d"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escaped(text: str) -> str:
    """The text with each character that could steer a terminal or turn the reading direction written out, as in `\\x1b`."""
    return "".join(
        char
        if unicodedata.category(char) not in _UNSEEN
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )


def one_line(text: str, longest: int) -> str:
    """One line of at most `longest` characters, without characters that could steer a terminal or turn the reading direction."""
    plain = "".join(
        " " if char.isspace() else char
        for char in text[: 4 * longest]
        if char.isspace() or char == _JOINER or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co")
    )
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
