"""Text of strangers, made safe to show."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escaped(text: str) -> str:
    """The text with everything that could steer a terminal or turn the reading direction written out, as in `\\x1b`."""
    return "".join(
        char
        if unicodedata.category(char) not in _UNSEEN
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )
