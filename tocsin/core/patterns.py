"""Patterns of fields that people type, each with what is said of a value that does not fit: nobody reads a regular expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORD: Final = r"^[^\x00-\x1f]*\w[^\x00-\x1f]*$"
ACCOUNT: Final = r"^@?[^\s\x00-\x1f@,]+(@[^\s\x00-\x1f@,]+)?$"
LINE: Final = r"^[^\x00-\x1f]+$"
COUNTRY: Final = r"^[A-Z]{2}$"

SAID: Final[Mapping[str, str]] = {
    WORD: "{value} is no word: it needs a letter or a digit, and no control character",
    ACCOUNT: "{value} is no account, such as @lumo or @lumo@social.example",
    LINE: "{value} has a line break or another control character",
    COUNTRY: "{value} is no country in two capital letters, such as NL",
}
"""By pattern, the sentence."""
