"""Why a source was not heard, said in the reader's language: the ledger and the API keep the English words.

A reason is known by its pattern, so that what is in the ledger already is said as well. A network's own words have no pattern,
and are shown as they came.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from tocsin.core.sentences import Patterns, Sentence

CATALOGUES: Final = Path(__file__).parent / "locales"
"""The translations of the patterns, for pages and notices alike."""

PATTERNS: Final = (
    "{who} answered {code}: {why}",
    "{who} answered {code}",
    "it refuses the key or token of this source; check that it is right and still valid",
    "it does not let us read this",
    "there is nothing at the address of this source, at least for now",
    "what was at the address of this source is gone",
    "the law keeps it from showing this",
    "{who} took longer than {seconds} s",
    "{who} took too long to answer",
    "{who} cannot be fetched: {why}",
    "{who} cannot be reached: {why}",
    "its certificate does not hold: {why}",
    "{who} takes no more requests of ours for {span}",
    "{who} answered with something that is not read: {why}",
    "{who} has fallen silent",
    "{who} broke off",
    "{who} broke off in the middle of the stream",
    "{who} ended the stream",
    "{who} closed the connection ({why})",
    "{path} is not there (yet)",
    "{path} unpacks to less than was read of it before; give it another name",
    "it cannot be read: {why}",
    "it was not asked for {span}",
    "silent for {span}, some {n} posts used to come in such a time",
    "silent for {span}, expected every {every}",
    "fails for {span}: {why}",
    "nothing has come yet",
    "{name} was never heard",
    "{name} is blind",
    # Evidence of older versions says so of each of the next three.
    "{name} is degraded",
    "{name} is failing",
    "{name} is silent",
    "{name} is heard only in part",
    "blind on {name} since {from}: {why}",
    "blind on {name} from {from} to {to}: {why}; {n} came late",
    "blind on {name} from {from} to {to}: {why}",
    "processing is {n} minutes behind",
    "{n} records of the stream wait to be read: there is more than is counted here",
    "the cursor is too old",
    "the cursor is too old: Wikimedia keeps {n} days",
    "the cursor is too old: the instance keeps {n} hours",
    "more was posted than the feed holds",
    "the answer is no RSS or Atom feed but a web page; the page names {path} as its feed",
    "the answer is no RSS or Atom feed but a web page",
    "the answer is no RSS or Atom feed but JSON",
    "the answer is no RSS or Atom feed",
    "older than {n} days and so left out: {some} of {all} posts",
    "dated more than {n} minutes ahead and so refused: {some} of {all} posts",
    "it shows more pages than are read",
    "the forum shows an empty page before what was heard last",
    "more posts of one second than the index shows",
    "more posts changed in one second than the network shows",
    "the topic no longer had what came next",
    "the instance counts its statuses anew",
    "Telegram keeps updates for 24 hours",
    "GDELT searches three months back",
    "GDELT shows {n} articles of a step at most",
    "X's search reaches seven days back",
    "X's compliance streams reach one day back",
    "what X's search did not reach",
    "what was missed was not searched for",
    "the App Store gave an empty page for {country}: it has no reviews, or hides them just now",
    "{what} had too many bytes to be read; {who} is heard again from now on",
)
"""The reasons that Tocsin gives, the more exact ones first where two would do. `{code}` is a status of HTTP, `{n}` a number."""

_PLACES: Final = {
    "code": r"\d{3}(?: [A-Z][A-Za-z' -]*)?",
    **dict.fromkeys(("n", "some", "all"), r"[\d,]+"),
    "seconds": r"[\d.]+",
    "country": r"\w+",
}


_KNOWN: Final = Patterns(PATTERNS, _PLACES)


@lru_cache(maxsize=1024)
def sentence_of(reason: str) -> Sentence | None:
    """The reason with its pattern; None where it has none. What fills a place may be a reason itself."""
    return _KNOWN.sentence_of(reason)


def unseen(told: str) -> tuple[str, Sentence | None]:
    """What was not heard, as evidence tells it: the name of a source that it begins with (or nothing), and the reason with its
    pattern.
    """
    known = sentence_of(told)
    name, colon, reason = told.partition(": ")
    if known is not None or not colon:
        return "", known
    return name, sentence_of(reason)
