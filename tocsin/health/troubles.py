"""Why a part of Tocsin does not work, said in the reader's language: its report, the API and the log keep the English words.

A trouble is known by its pattern. What SQLite, the operating system, a server or a library says in its own words fills a place
named in `THEIR_OWN`; the page shows it beside our sentence, marked as English.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from tocsin.core.sentences import Patterns, Sentence

THEIR_OWN: Final = frozenset({"error", "why"})

ADVICE: Final = (
    "put a backup in its place: tocsin restore",
    "check the folder's rights and space",
    "move the file away, and a new one is made: what was not read yet is lost, what is stored is not",
    "the connection was lost",
    "the day that a row belongs to was dropped meanwhile; try again",
    "it takes no writes: is it a standby?",
    "a transaction was left open for too long",
    "check the role and its password (store.url, store.password)",
    "start the server, or check store.url",
    "make the database first: docs/engines.md",
    "two transactions met; try again",
    "the role lacks a right: docs/engines.md",
    "its disk is full",
    "it is out of memory",
    "it has no connection left: raise max_connections, or run fewer processes",
    "it lacks something it needs",
    "another writer held its lock for too long",
    "a statement took too long",
    "it is stopping or starting",
    "its disk cannot be read or written",
    "its data is damaged",
)
"""The next step, or the cause, that stands after the words of an engine."""

KNOWN_WORDS: Final = (
    "database is locked",
    "database or disk is full",
    "attempt to write a readonly database",
    "unable to open database file",
    "disk I/O error",
    "timed out",
    "[Errno 13] Permission denied: {path}",
    "[Errno 13] Permission denied",
    "[Errno 28] No space left on device: {path}",
    "[Errno 28] No space left on device",
    "[Errno 30] Read-only file system: {path}",
    "[Errno 30] Read-only file system",
)
"""What SQLite and the operating system say most often: it is said in the reader's language, too."""

STORE: Final = (
    "the store {where} cannot be used just now: every connection is in use",
    "the store {where} cannot be used just now: {error}; {advice}",
    "the store {where} cannot be used just now: {error}",
    "the store {where} was lost while it was writing: whether the last change was kept is not known, read before deciding"
    " ({error})",
    "the store {where} is damaged or no database: {error}; {advice}",
    "the store {where} failed: {error}",
    "cannot use {where} as a store: {error}; {advice}",
    "another process copies the store here before its upgrade: try again when it is done",
)
STREAM: Final = (
    "the stream {where} cannot be used just now: {error}",
    "the stream {where} cannot be read just now: {error}",
    "no broker of the stream {where} answers ({error})",
    "the stream {where} does not sign us in: check stream.sasl_username, sasl_password and sasl_mechanism",
    "the stream {where} cannot be trusted: {error}; check stream.tls_ca_file and the host's name",
    "the stream {where} forbids this: {error}; grant this account the topics and groups",
    "the stream {where} refuses records of this size: raise the topic's max.message.bytes to {n}",
    "the stream {where} was closed",
    "the stream {where} has too few brokers just now for {n} copies of {name}: they are waited for; or set stream.replication",
    "the topic {name} is not there any more: it is waited for; what starts next, also tocsin doctor, makes it anew",
    "half of the {n} bytes that the stream may keep is unread: try again when processing caught up",
    "half of the {n} bytes that partition {of} of {name} may keep is unread: try again when processing caught up",
    "what is older than half of the time that {name} is kept is unread: try again when processing caught up",
    "cannot use {where} as a stream: {error}; {advice}",
)
WORK: Final = (
    "the story {story} cannot be handled and waits: {error}",
    "{n} stories cannot be handled and wait, such as {story}: {error}",
    "{n} records wait to be read: what is shown lags behind",
    "the fuse has blown: {n} of {of} lines of the records from {place} on are no mentions that this version can read, and nothing"
    " from there on is stored; look at them with: tocsin dead-letters list; go on past them with: tocsin dead-letters fuse"
    " --go-on",
    "{name} cannot be reached by {channel}: {why}",
)
UNEXPECTED: Final = "{kind}: {error}"
"""An error that nobody expected: the name of its class, and its words."""

TROUBLES: Final = (*STORE, *STREAM, *WORK, *ADVICE, *KNOWN_WORDS, UNEXPECTED)

_PLACES: Final = {
    "n": r"[\d,]+",
    "of": r"[\d,]+",
    "advice": "|".join(map(re.escape, ADVICE)),
    # Two humps, or one of the few with one: the name of a class, and hardly that of a source.
    "kind": r"[A-Z]+[a-z]+[A-Z]\w*|Fenced|Conflict|Full|Empty|Exception",
}
_KNOWN: Final = Patterns((*STORE, *STREAM, *WORK, *ADVICE, *KNOWN_WORDS), _PLACES)
_UNEXPECTED: Final = Patterns((UNEXPECTED,), _PLACES)


@lru_cache(maxsize=256)
def trouble_of(told: str) -> Sentence | None:
    """The trouble with its pattern; None where it has none. What fills a place may be one itself."""
    return _KNOWN.sentence_of(told)


@lru_cache(maxsize=256)
def unexpected_of(told: str) -> Sentence | None:
    """An error that nobody expected, with its pattern; None for what does not begin with the name of an error's class."""
    found = _UNEXPECTED.sentence_of(told)
    if found is None:
        return None
    kind, error = (str(found.values[name]) for name in ("kind", "error"))
    return Sentence(UNEXPECTED, kind=kind, error=trouble_of(error) or error)
