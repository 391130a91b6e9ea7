"""Erasures that a person asks for, as jobs: counted first, confirmed by that count, carried out in pieces, on record nameless.

The name of the author or the address of the post stands in the job while the work needs it, and goes when all is done. The
audit has a keyed hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from alerts.forgetting import count_quoting, quotes_of
from alerts.typed import Typed, typed_naming
from api import jobs
from api.refusals import count_refusals
from processors.forgetting import Affected, Subject, affected, looked_up, posts_of
from processors.pseudonyms import key_of_pseudonyms
from tocsin.core.errors import Conflict, NotFound, WrongInput
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence, spoken
from tocsin.intake.dead_letters import letters_naming
from tocsin.intake.removals import AUTHOR
from tocsin.store import audit
from tocsin.store import schema as s
from tocsin.store.port import Store

SHOWN: Final = 50
READ: Final = 5000
"""Posts whose quotes in notices a preview counts; the erasure itself takes out all."""
SHORTEST: Final = 3
"""A shorter name is looked for in no dead letter, message or note: it would be found in words of anybody."""
LONGEST: Final = 2000
PLACES: Final = ("posts", "reposts", "corrections", "samples", "notices", "dead_letters", "refusals", "typed")
"""Where something of a person stands. `notices`: notices that quote it. `refusals`: messages about refused input. `typed`:
lines that people typed; they stay unless the request takes them in.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldGo:
    """What an erasure would reach. `complete` is False where the notices were counted for the first `READ` posts only. `typed`:
    where people typed the name, which a person reads first.
    """

    affected: Affected
    counts: Mapping[str, int]
    complete: bool
    typed: Sequence[Typed] = ()

    @property
    def anything(self) -> bool:
        return any(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One job as stored. `subject` is gone once it is done; `target` is a keyed hash of whom or what it named."""

    id: str
    at: datetime
    actor: str
    role: str
    what: str
    subject: Subject | None
    target: str
    expected: int
    state: str
    beat_at: datetime
    message: str | None
    counts: Mapping[str, int]

    @property
    def waits(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def progress(self) -> int:
        """Percent of the posts that the preview counted."""
        done = self.counts.get("posts", 0)
        return 100 if self.state == "done" else min(99, done * 100 // max(1, self.expected))


def subject_of(what: str, value: str, network: str | None = None, *, typed: bool = False) -> Subject:
    """The subject as it was asked for. Raises `WrongInput` where it names nothing."""
    clean = value.strip()
    if not clean.lstrip("@") or len(clean) > LONGEST or "\x00" in clean:
        raise WrongInput(Sentence("say whom: a handle or id of an author, or the address or id of a post"))
    if what not in ("author", "post"):
        raise WrongInput(Sentence("what is erased is an author or a post"))
    return Subject(
        what=AUTHOR if what == "author" else "post",
        value=clean,
        network=(network or "").strip() or None,
        typed=typed,
    )


def preview(conn: Connection, subject: Subject) -> WouldGo:
    """What an erasure would reach, as it is now. Nothing is changed, and nothing is kept."""
    subject = looked_up(conn, subject)
    found = affected(conn, subject)
    own, others = (posts_of(conn, subject, READ, passed_on=passed_on) for passed_on in (False, True))
    quotes = quotes_of(own, others, names_of(subject))
    counts = {name: getattr(found, name) for name in PLACES[:4]}
    counts["notices"] = count_quoting(conn, quotes, None)
    counts["dead_letters"] = _letters(conn, subject)
    counts["refusals"] = count_refusals(conn, words_of(subject))
    typed = typed_naming(conn, words_of(subject))
    counts["typed"] = sum(one.count for one in typed)
    return WouldGo(affected=found, counts=counts, complete=found.posts + found.reposts <= READ, typed=typed)


def names_of(subject: Subject) -> list[str]:
    """The names of an author in a notice, as far as the request has them."""
    return [subject.value.strip().lstrip("@"), subject.value.strip()] if subject.what == AUTHOR else []


def words_of(subject: Subject) -> list[str]:
    """The names to look for in dead letters, messages and lines that people typed."""
    names = {subject.value.strip().lstrip("@"), *(author for _, author in subject.authors)}
    return sorted(name for name in names if len(name) >= SHORTEST)


def ask(store: Store, subject: Subject, expected: int, *, now: datetime, actor: str, role: str) -> Erasure:
    """Ask for an erasure of what a preview counted. The same one at the same moment is one, and the same answer.

    Raises `Conflict` where there are more posts by now than were `expected`, and `WrongInput` where there is nothing.
    """
    # Counting passes over all mentions, and nobody else's writes wait for it.
    with store.read() as conn:
        subject = looked_up(conn, subject)
        found = preview(conn, subject)
    if not found.anything:
        raise WrongInput(Sentence("nothing of that author or post is kept"))
    if found.counts["posts"] > expected:
        raise Conflict(
            Sentence(
                "there are {n} posts by now: look once more at what would be erased",
                n=found.counts["posts"],
            )
        )
    with store.write() as conn:
        target = _target(key_of_pseudonyms(conn), subject)
        id = stable_id("era", target, now.isoformat())
        if conn.execute(select(s.erasures.c.id).where(s.erasures.c.id == id)).first() is not None:
            return get(conn, id)
        values = {"id": id, "at": now, "actor": actor, "role": role, "what": subject.what, "target": target}
        values |= {"subject": asdict(subject), "expected": found.counts["posts"], "counts": {}}
        conn.execute(insert(s.erasures).values(**values, state="queued", beat_at=now))
        _record(conn, now, actor, role, "erasure.asked", id, {"what": subject.what, "target": target})
        return get(conn, id)


def again(conn: Connection, id: str, now: datetime) -> Erasure:
    """Let one that failed go on. Raises `Conflict` for any other."""
    one, t = get(conn, id), s.erasures
    if one.state != "failed":
        raise Conflict(
            Sentence("{id} is {state}: only one that failed goes on again", id=id, state=spoken(one.state))
        )
    conn.execute(update(t).where(t.c.id == id).values(state="queued", beat_at=now, message=None))
    return get(conn, id)


def get(conn: Connection, id: str) -> Erasure:
    """The erasure with this id. Raises `NotFound`."""
    row = conn.execute(select(s.erasures).where(s.erasures.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(Sentence("no erasure {id}", id=repr(id)))
    return _from(row)


def listed(conn: Connection) -> list[Erasure]:
    """The last ones, the newest first."""
    t = s.erasures
    return [_from(row) for row in conn.execute(select(t).order_by(t.c.at.desc(), t.c.id).limit(SHOWN))]


# -- the worker's side -----------------------------------------------------------------------------------------------


def claim(store: Store, now: datetime, id: str | None = None) -> Erasure | None:
    """The next erasure, or that one, now running. One whose worker is gone goes on."""
    with store.write() as conn:
        found = jobs.claim(conn, s.erasures, now, s.erasures.c.at, id)
        return None if found is None else get(conn, found)


def note(conn: Connection, id: str, now: datetime, more: Mapping[str, int]) -> None:
    """Add what went in the caller's transaction."""
    t, before = s.erasures, get(conn, id).counts
    counts = {**before, **{name: before.get(name, 0) + n for name, n in more.items() if n}}
    conn.execute(update(t).where(t.c.id == id).values(counts=counts, beat_at=now))


def finish(conn: Connection, id: str, now: datetime) -> None:
    """All is done: what named it goes from the job too."""
    t, one = s.erasures, get(conn, id)
    conn.execute(update(t).where(t.c.id == id).values(state="done", subject=None, beat_at=now, message=None))
    detail = {"what": one.what, "target": one.target, "counts": dict(one.counts)}
    _record(conn, now, one.actor, one.role, "erasure.done", id, detail)


def fail(store: Store, id: str, now: datetime, message: str) -> None:
    """The erasure stopped before its end. Rows that it erased stay erased, and it may go on."""
    with store.write() as conn:
        jobs.change(conn, s.erasures, id, now, state="failed", message=message[:500])


def put_back(store: Store, id: str, now: datetime) -> None:
    """Its worker stops before the end: another one goes on."""
    jobs.put_back(store, s.erasures, id, now)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _target(key: bytes, subject: Subject) -> str:
    named = f"{subject.what}\x00{subject.network or ''}\x00{subject.bare}"
    return hashlib.blake2b(named.encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()


def _letters(conn: Connection, subject: Subject) -> int:
    words, after, count = words_of(subject), "", 0
    while words:
        found, to = letters_naming(conn, words, after)
        count += len(found)
        if to is None:
            break
        after = to
    return count


def _record(
    conn: Connection, now: datetime, actor: str, role: str, action: str, id: str, detail: dict[str, Any]
) -> None:
    audit.append(conn, at=now, actor=actor, role=role, action=action, object=id, detail=detail)


def _from(row: Row[Any]) -> Erasure:
    values = {name: row._mapping[name] for name in Erasure.__slots__}
    if row.subject is not None:
        given: dict[str, Any] = {**row.subject, "authors": _pairs(row.subject.get("authors", []))}
        values["subject"] = Subject(**given)
    return Erasure(**values)


def _pairs(found: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((source, author) for source, author in found)
