"""What Tocsin itself writes as a reason or a receipt, said in the reader's language: the record and the API keep English.

Each is known by its pattern, so sentences that are on record already are translated as well. The words of a person or a server
have no pattern, and are shown as they came.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from tocsin.core.sentences import Patterns, Sentence

REASONS: Final = (
    "the merged {kind} alert rose",
    "{id} has ended, this goes on",
    "{who} had answered {id}",
    "{who} raised it from SEV{n}",
    "calmed before it fired",
    "calmed, never acknowledged",
    "a new alert tells the new story",
    "{who}'s quiet hours",
)
"""Reasons of the timeline."""

RECEIPTS: Final = (
    "the worker died while it was sending",
    "there is no notifier {channel} here",
    "the notifier broke: {why}",
    "this webhook is not set up: {why}",
    "sent, but no answer: {why}",
    "answered 410: the receiver is gone",
    "answered {code} and asks for a pause of {n} s",
    "answered {code}",
    "this channel is not set up: {why}",
    "this channel is not used: {why}",
    "no answer within the time limit",
    "the URL is none that Apprise knows, or more than one",
    "Apprise broke: {why}",
    "Apprise says sent",
    "Apprise says not sent, which may be wrong",
    "recorded for {who}",
    "a replay reaches nobody",
    "the console cannot be written: {why}",
    "this e-mail cannot be written: {why}",
    "the connection was lost after sending: {why}",
    "the receiver has asked for a pause",
)
"""What came of an attempt to send a notice."""

_KNOWN: Final = Patterns(
    (*REASONS, *RECEIPTS), {"id": r"al_\w+", "kind": r"\w+", "n": r"\d+", "code": r"\d{3}"}
)


@lru_cache(maxsize=1024)
def reason_of(text: str) -> Sentence | None:
    """The reason or receipt with its pattern; None where it has none. It holds no "; ", which joins several of them."""
    return _KNOWN.sentence_of(text)
