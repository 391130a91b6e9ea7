"""The part of a text that is about one brand, where the text names another, too: clauses, each given to the name that it holds.

A text is cut at its stops, commas, dashes and at words that join or set against each other ("but", "while", "ama", "terwijl",
"iar"). A clause that holds one of the brand's names is about the brand, and one that holds another name alone is about that. A
clause without a name is about the name before it, and at the beginning about the first that comes. Another name is the name of
another monitor that the mention matches, that of a rival in the monitor's settings, or another handle.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from tocsin.query.fold import fold

MAX_CHARS: Final = 2_000
"""The part of a text that is read, as for sentiment."""
LEAST_LETTERS: Final = 8
"""A shorter part says too little by itself: the whole text counts."""

_JOINTS: Final = (
    *("but", "while", "whereas", "and", "though", "although", "yet", "unlike", "than"),
    *("ama", "fakat", "ancak", "oysa", "halbuki", "ise", "ve", "lakin", "amma"),
    *("maar", "terwijl", "en", "echter", "hoewel", "dan"),
    *("dar", "însă", "insa", "iar", "și", "si", "deși", "totuși", "decât", "decat", "pe când"),
    *("aber", "doch", "sondern", "während", "dagegen", "jedoch", "hingegen", "und", "als"),
    *("pero", "mientras", "aunque", "sino", "y", "en cambio", "sin embargo"),
    *("mais", "tandis", "alors que", "pourtant", "cependant", "et", "contrairement"),
    *("però", "mentre", "invece", "eppure", "e", "ed"),
    *("mas", "porém", "enquanto", "já", "contudo"),
    *("ale", "lecz", "jednak", "natomiast", "podczas gdy", "chociaż", "oraz", "niż", "w przeciwieństwie do"),
    *("men", "medan", "däremot", "dock", "samtidigt", "och", "än", "till skillnad från", "jämfört med"),
    *("لكن", "ولكن", "بس", "بينما", "أما", "اما"),
)
_CUT: Final = re.compile(
    rf"[.!?…;:,\n]+(?=\s|$)|\s[-\u2013\u2014|/]+\s|\s(?=(?:{'|'.join(_JOINTS)})\s)", re.IGNORECASE
)


def part_about(text: str, own: Collection[str], others: Collection[str]) -> str | None:
    """The clauses about the brand with the names `own`, beside `others`, all folded; None where the whole text counts."""
    text = text[:MAX_CHARS]
    clauses = [clause for clause in _CUT.split(text) if clause.strip()]
    if len(clauses) < 2 or not own:
        return None
    owners = [_owner(clause, own, others) for clause in clauses]
    if not {"own", "other"} <= set(owners):
        return None
    part = ", ".join(
        clause.strip() for clause, owner in zip(clauses, _carried(owners), strict=True) if owner != "other"
    )
    return part if sum(map(str.isalpha, part)) >= LEAST_LETTERS else None


def _owner(clause: str, own: Collection[str], others: Collection[str]) -> str:
    """Whom a clause names: "own", "other", "both" or nobody ("")."""
    folded = fold(clause)
    ours = any(_holds(folded, name) for name in own)
    theirs = any(_holds(folded, name) for name in others)
    return "both" if ours and theirs else "own" if ours else "other" if theirs else ""


def _holds(folded: str, name: str) -> bool:
    """Whether a name stands at the beginning of a word: suffixes follow names in Turkish and Romanian."""
    at = folded.find(name)
    while at >= 0:
        if at == 0 or not folded[at - 1].isalnum():
            return True
        at = folded.find(name, at + 1)
    return False


def _carried(owners: list[str]) -> list[str]:
    """The owner of each clause. A clause without a name takes the owner before it; the first ones take the first owner that
    comes.
    """
    last = next(owner for owner in owners if owner)
    found = []
    for owner in owners:
        last = owner or last
        found.append(last)
    return found
