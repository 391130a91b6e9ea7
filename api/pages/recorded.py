"""Texts that are kept in English, said in the reader's language: why a mention could not be taken, what the auditor finds,
how a job ended, how figures differ. A text is recognised by its pattern, and a refusal, which jobs keep as text, by the
patterns of its catalogue.
"""

from __future__ import annotations

import string
import tomllib
from functools import cache, lru_cache
from typing import Final

from alerts.reasons import reason_of
from alerts.words import CATALOGUES
from api.pages.i18n import REFUSALS
from api.pages.terms import FIGURES, PREFIXES, STEP_NAMES
from tocsin.core.sentences import Patterns, Sentence

LONGEST: Final = 600
"""A longer text is not ours: it is shown as it came."""

WHOLE: Final = 20
"""The least characters, without its places, of a pattern that is a sentence. A shorter one is a word of a list."""

MENTIONS: Final = (
    "{field} must be a string, not {kind}",
    "{field} must be a list, not {kind}",
    "{field} must be true or false, not {kind}",
    "{field} must be a whole number, not {kind}",
    "{field} must be a time in ISO 8601, not {kind}",
    "{field} must be an object, not {kind}",
    "{field} must be strings, not {kind}",
    "{field} must be 0 to {most}, not {n}",
    "{field} must have at most {most} characters, not {n}",
    "id must have 1 to 256 characters, not none",
    "source must have 1 to 256 characters, none of them a control character",
    "{field} {text} is no time in ISO 8601, such as 2026-03-01T09:30:00+03:00",
    "{field} {text} is no time of this kind: {how}",
    "{field} {time} has no offset from UTC, and no time zone was given for it",
    "{field} {time} is outside the calendar",
    "{field} {time} is later than it was received",
    "posted {time}: older than {n} days is refused",
    "an author needs an id, a handle or a name",
    "a mention needs an id",
    "a mention needs a text (which may be empty)",
    "a mention needs created_at, when it was posted",
    "a mention needs a source, and none was given for those that name none",
    "a mention is a JSON object, not {kind}",
    "a record is a JSON object",
    "the row has no text",
    "the row has no time",
    "the row is not UTF-8",
    "{n} cells under {of} columns; is a quote missing?",
    "a row of over {n} bytes; is a quote left open?",
    "a line of over {n} bytes",
    "a line of over {n} values; a post has some hundreds",
    "a line of {n} bytes is over the limit of {most}",
    "not UTF-8: byte {n} is {hex}",
    "the JSON is nested on more than {n} levels",
    "not JSON: {why} at character {n}",
    "not JSON: {why}",
    "not CSV: {why}",
    "the gzip file is damaged or ends early: {why}",
    "more than {n} bytes come out of it; set imports.max_bytes, or split it",
    "{n} cells in a row, at most {most} are read",
    "cannot read {position}: {why}",
    "line or item {n}",
    "{topic} at {n}, line {of}",
    "the fields of mention {id} besides its text are too large for a record",
)
"""Why a mention or a row of a file could not be taken."""

FINDINGS: Final = (
    "{monitor} SEV{n}: {why}",
    "acknowledged, but by nobody or for ever",
    "the acknowledgement has expired and nobody was paged",
    "the snooze has ended and nobody was paged",
    "escalated, but nobody owns it",
    "a step is due and was not taken",
    "nobody has answered and every step of the policy was taken",
    "nobody has answered and every step of the policy was taken, and it goes on ringing",
    "{monitor}: {n} signals wait since {time}",
    "the {kind} {name} cannot be read: define it again, or end it",
    "{monitor}: the policy names nobody who is active",
    "for {who} by {channel}: still {status}",
    "the escalation to {team} has no clock",
    "the clock of the escalation to {team} has run out and nobody was paged",
    "{who} has the escalation to {team} and works none any more: hand it over",
    "{role} last reported {span} ago",
    "{role} fails: {why}",
    "since {time}: {why}",
    "{n} records were gone before they were read, noticed {span} ago",
    "entry {n} of the audit chain is wrong: {why}",
    "no notice leaves since {time} ({why}), {n} wait: let them go with tocsin notify release, or take them back with --discard",
    "SEV{n} {monitor}: {who} could not be reached",
    "{monitor}, escalation to {team}: {who} could not be reached",
)
"""What the auditor finds."""

ENDS: Final = (
    "its process ended before it was done",
    "it took longer than {span}",
)
"""Why a job did not come to its end."""

DIFFERENCES: Final = (
    "what it was judged from was not kept: an older version of Tocsin wrote the signal",
    "no detector judges this kind: another part of Tocsin has seen it",
    "judged by {was}; this Tocsin has {now}, which computes otherwise",
    "{figure}: judged {was}, computed again {now}",
    "{figure}: judged {was}, by hand {now}",
    "{figure}: judged {was}, in the store now {now}",
    "the mentions of the window are others than those that were judged",
)
"""Why an explanation has no second figures, or which of them are others."""

PATTERNS: Final = (*MENTIONS, *FINDINGS, *ENDS, *DIFFERENCES)
_PLACES: Final = {
    "n": r"[\d,.]+",
    "most": r"[\d,]+",
    "of": r"\d+",
    "hex": "0x[0-9a-f]{2}",
    "figure": r"[\w ]+",
}


@lru_cache(maxsize=512)
def recorded(text: str) -> Sentence | None:
    """The text with its pattern; None where it has none."""
    found = _known().sentence_of(text) if len(text) <= LONGEST else None
    if found is not None and (figure := found.values.get("figure")):
        called = FIGURES.get(str(figure)) or STEP_NAMES.get(str(figure)) or str(figure)
        return Sentence(found.pattern, **{**found.values, "figure": Sentence(called)})
    return found


def refusal_in(receipt: str) -> Sentence | None:
    """The refusal of ours that a receipt quotes behind its own words, such as "not sent: ..."; None where it quotes none."""
    prefix, colon, why = receipt.partition(": ")
    if not colon or prefix not in PREFIXES:
        known = reason_of(receipt)
        why = str(known.values.get("why", "")) if known is not None else ""
    return (reason_of(why) or recorded(why) or _of_channels().sentence_of(why)) if why else None


@cache
def _of_channels() -> Patterns:
    """What alerts refuse a channel for. Their catalogue has the words of notices, too: only whole sentences count."""
    known = (key for path in CATALOGUES.glob("*.toml") for key in tomllib.loads(path.read_text("utf-8")))
    found = {one for one in known if _weight(one) >= WHOLE}
    return Patterns(sorted(found, key=lambda one: (-_weight(one), one)), _PLACES)


@cache
def _known() -> Patterns:
    refusals = {key for path in REFUSALS.glob("*.toml") for key in tomllib.loads(path.read_text("utf-8"))}
    found = {one for one in {*refusals, *PATTERNS} if _weight(one) >= 3}
    return Patterns(sorted(found, key=lambda one: (-_weight(one), one)), _PLACES)


def _weight(pattern: str) -> int:
    """How many characters of a pattern are words. The more there are, the fewer other texts fit it."""
    return sum(len(text.strip(" :;,.()")) for text, *_ in string.Formatter().parse(pattern))
