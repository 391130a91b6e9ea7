"""The part of a text that is about one brand, where the text names another, too: clauses, each given to the name that it holds.

A text is cut at its stops, commas, dashes and at words that join or set against each other ("but", "while", "ama", "terwijl",
"iar"). A clause that holds one of the brand's names is about the brand, and one that holds another name alone is about that. A
clause without a name is about the name before it, and at the beginning about the first that comes. Another name is the name of
another monitor that the mention matches, that of a rival in the monitor's settings, or another handle.

For `contrast` a text that holds both is cut into six pieces: the clauses about the brand, those about the others, the whole, and
what stands before the first of the two names, between them, and behind the second.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from processors.understand.comparisons import Named, side_of
from tocsin.query.fold import fold

MAX_CHARS: Final = 2_000
"""The part of a text that is read, as for sentiment."""
LEAST_LETTERS: Final = 8
"""A shorter part says too little by itself: the whole text counts."""
LONG: Final = 30.0
"""The characters of a piece that count as 1 in the shape of a text. Three times as many count as the most."""

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


class Pieces(NamedTuple):
    """A text with two brands, cut up."""

    about: str
    """The clauses about the brand; the whole text where they cannot be told apart."""
    texts: tuple[str, ...]
    """The six pieces, as the module names them."""
    shape: tuple[float, ...]
    """Where the names and signs stand: `_shape`."""
    side: int = 0
    """Whether the text says in so many words that the brand is the better one (1) or the worse one (-1): `comparisons`."""


def pieces_of(
    text: str, own: Collection[str], others: Collection[str], language: str | None = None
) -> Pieces | None:
    """A text in its pieces, for the brand with the names `own` beside `others`, all folded; None where it does not name both."""
    if not own or not others:
        return None
    text = text[:MAX_CHARS]
    folded = fold(text)
    named = _named(folded, own, others)
    first = dict(reversed(named))
    if len(first) < 2:
        return None
    (begin, end), (begin_second, end_second) = sorted(first.values())
    around = (folded[:begin], folded[end:begin_second], folded[end_second:])
    about = part_about(text, own, others) or text
    rest = part_about(text, others, own) or text
    shape = _shape(folded, named, around, first[True] < first[False])
    return Pieces(about, (about, rest, text, *around), shape, side_of(language, folded, named))


def _named(folded: str, own: Collection[str], others: Collection[str]) -> Named:
    """The names in order: whether it is the brand's own, and where it stands with its suffix. Of two that begin alike the longer
    one is meant.
    """
    names = {**dict.fromkeys(others, False), **dict.fromkeys(own, True)}
    longest_first = "|".join(map(re.escape, sorted(filter(None, names), key=lambda one: (-len(one), one))))
    found = re.finditer(rf"(?<!\w)({longest_first})\w*", folded)
    return [(names[match[1]], match.span()) for match in found]


def _shape(folded: str, named: Named, around: Sequence[str], own_first: bool) -> tuple[float, ...]:
    """Numbers of where things stand: who comes first, how long the pieces are, signs of comparing, asking and calling, who is
    named twice, who is followed by a colon, and whether a sentence ends between two different names.
    """
    calls = {
        ours: any(folded[end:].lstrip().startswith(":") for one, (_, end) in named if one == ours)
        for ours in (True, False)
    }
    parted = any(
        one != other and "." in folded[end:begin] for (one, (_, end)), (other, (begin, _)) in pairwise(named)
    )
    times = [sum(ours == one for one, _ in named) > 1 for ours in (True, False)]
    signs = (">" in folded, "?" in folded, "!" in folded, *times, calls[True], calls[False], parted)
    return (
        1.0 if own_first else -1.0,
        *(min(3.0, len(piece) / LONG) for piece in around),
        *map(float, signs),
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


def asked_of(found: Sequence[Pieces]) -> list[str]:
    """The pieces that a scorer is asked about, in order: all that are not blank."""
    return [text for one in found for text in one.texts if text.strip()]
