"""A query proposed for a brand: how people write its name, its accounts, hashtags and products, and what is usually left out.

A person ticks what they want; `query_of` joins it. Nothing is looked up: the same name gives the same proposal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tocsin.query.errors import QueryError
from tocsin.query.fold import fold
from tocsin.query.parser import parse_query

Why = Literal[
    "name", "endings", "joined", "spelling", "hashtag", "handle", "product", "jobs", "shop", "prizes"
]

SHORTEST_WITH_ENDINGS: Final = 5
"""Letters of a name that may be the beginning of a longer word: shorter ones begin too many others."""

SHORTEST: Final = 3
"""Letters of a name that is still told apart when a doubled letter is written once."""

MOST: Final = 60
_SAID: Final[dict[Why, tuple[str, ...]]] = {
    "jobs": (
        *(
            "job opening",
            "vacancy",
            "we are hiring",
            "vacature",
            "iş ilanı",
            "loc de munca",
            "angajam",
            "stellenangebot",
        ),
        *(
            "offre d'emploi",
            "oferta de empleo",
            "offerta di lavoro",
            "vaga de emprego",
            "وظيفة شاغرة",
            "oferta pracy",
            "lediga jobb",
        ),
    ),
    "shop": (
        *(
            "discount code",
            "promo code",
            "kortingscode",
            "indirim kodu",
            "cod de reducere",
            "rabattcode",
            "gutscheincode",
        ),
        *(
            "code promo",
            "código de descuento",
            "codice sconto",
            "cupom de desconto",
            "كود خصم",
            "kod rabatowy",
            "rabattkod",
        ),
    ),
    "prizes": (
        *(
            "giveaway",
            "win a",
            "winactie",
            "çekiliş",
            "concurs cu premii",
            "gewinnspiel",
            "jeu concours",
            "sorteo",
        ),
        *("concorso a premi", "sorteio", "مسابقة وجوائز", "konkurs z nagrodami", "utlottning"),
    ),
}
LEFT_OUT: Final[dict[Why, str]] = {
    why: "(" + " OR ".join(term if term.isalpha() else f'"{term}"' for term in terms) + ")"
    for why, terms in _SAID.items()
}
"""What talks of nearly every brand and says nothing of it, in twelve languages."""


@dataclass(frozen=True, slots=True)
class BrandTerm:
    """One part of a query as it is typed, and why it is proposed. `ticked`: most people want it."""

    text: str
    why: Why
    ticked: bool = True


@dataclass(frozen=True, slots=True)
class BrandProposal:
    """What to hear, and what to leave out."""

    hears: tuple[BrandTerm, ...]
    leaves_out: tuple[BrandTerm, ...]


def propose(
    name: str, handles: Sequence[str] = (), hashtags: Sequence[str] = (), products: Sequence[str] = ()
) -> BrandProposal:
    """The proposal for a brand. A word that is too short to be looked for by itself, or that comes again, is left out."""
    seen: set[str] = set()
    hears: list[BrandTerm] = []
    for one in _hears(name, handles, hashtags, products):
        key = fold(one.text)
        if key not in seen and len(hears) < MOST and _can_be_heard(one.text):
            seen.add(key)
            hears.append(one)
    out = tuple(BrandTerm(text, why, ticked=why == "jobs") for why, text in LEFT_OUT.items())
    return BrandProposal(tuple(hears), out)


def query_of(hears: Sequence[str], leaves_out: Sequence[str] = ()) -> str:
    """The query of what was ticked; empty where nothing is heard."""
    if not hears:
        return ""
    any_of = " OR ".join(hears)
    wanted = f"({any_of})" if len(hears) > 1 and leaves_out else any_of
    return " ".join([wanted, *(f"NOT {one}" for one in leaves_out)])


def own_accounts(handles: Sequence[str]) -> list[str]:
    """The accounts that somebody typed as the brand's own, as they are told apart from people's: @name, or @name@host."""
    found = (re.search(r"\w[\w.-]*(@\w[\w.-]*)?", one) for one in handles)
    return list(dict.fromkeys(f"@{one.group()}" for one in found if one))


def words_in(text: str) -> list[str]:
    """What a person typed into a list: parts between commas or lines, without blanks at their ends."""
    return [part for one in re.split(r"[,\n]", text) if (part := " ".join(one.split()))]


def _hears(
    name: str, handles: Sequence[str], hashtags: Sequence[str], products: Sequence[str]
) -> Iterator[BrandTerm]:
    plain = " ".join(name.split())
    words = re.findall(r"[^\W_]+", plain)
    joined = "".join(words)
    yield BrandTerm(_term(plain), "name")
    if len(words) == 1 and len(joined) >= SHORTEST_WITH_ENDINGS:
        yield BrandTerm(f"{joined}*", "endings")
    if len(words) > 1:
        yield BrandTerm(joined, "joined")
    for spelling in spellings(plain):
        yield BrandTerm(_term(spelling), "spelling")
    yield BrandTerm(f"#{joined}", "hashtag")
    yield from (BrandTerm(f"#{bare}", "hashtag") for one in hashtags if (bare := _bare(one)))
    own = [bare for one in handles if (bare := _bare(one))]
    yield from (BrandTerm(f"@{bare}", "handle") for bare in own)
    # Who typed accounts knows them; the one of the brand's own name may be somebody else's then.
    yield BrandTerm(f"@{joined}", "handle", ticked=not own)
    yield from (BrandTerm(_term(one), "product") for one in products)


def spellings(name: str) -> Iterator[str]:
    """How people misspell it: doubled letters written once, `&` and `and`."""
    once = re.sub(r"([^\W\d_])\1", r"\1", name)
    if once != name and len(once) > SHORTEST:
        yield once
    if "&" in name:
        yield " ".join(name.replace("&", " and ").split())
        apart = name.replace("&", " ").split()
        # An `&` that stands alone is not a word of a phrase: the name also finds texts that leave it out.
        if apart != [one for one in name.split() if one != "&"]:
            yield " ".join(apart)


def _term(text: str) -> str:
    """A word as it is, and everything else as a phrase; quotes and backslashes cannot stand in one."""
    clean = " ".join(re.sub(r'["\\“”„*]', " ", text).split())
    return clean if re.fullmatch(r"[^\W_]+", clean) and clean not in ("AND", "OR", "NOT") else f'"{clean}"'


def _can_be_heard(text: str) -> bool:
    try:
        parse_query(text)
    except QueryError:
        return False
    return True


def _bare(text: str) -> str:
    """A handle or hashtag without its sign and without what cannot stand in one."""
    found = re.search(r"\w+", text.strip().lstrip("@#"))
    return found.group() if found else ""
