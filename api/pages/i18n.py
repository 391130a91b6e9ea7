"""The languages of the page: its own catalogues, and the words of notices, which alerts own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alerts.words import CATALOGUES as WORDS_OF_NOTICES
from tocsin.core.languages import ENGLISH, Catalogues, Language, plural_forms
from tocsin.health.reasons import CATALOGUES as WORDS_OF_SOURCES

__all__ = ["CATALOGUES", "ENGLISH", "Language", "Languages", "plural_forms"]

CATALOGUES: Final = Path(__file__).parent / "locales"
# The hints beside the settings of a source, its price and its limit.
HINTS_OF_SOURCES: Final = CATALOGUES / "hints"
# Refusals, and what is wrong with what was sent.
REFUSALS: Final = CATALOGUES / "refusals"


class Languages(Catalogues):
    """English, and one language per catalogue in `folder`."""

    def __init__(self, folder: Path = CATALOGUES) -> None:
        super().__init__(folder, WORDS_OF_NOTICES, WORDS_OF_SOURCES, HINTS_OF_SOURCES, REFUSALS)
