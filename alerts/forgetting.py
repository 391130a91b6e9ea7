"""Erasure in notices: what they quote of the posts of forgotten people is taken out. The notice stays, and so does the record
that it was sent.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select, update

from alerts.message import quoted_line
from tocsin.store import schema as s
from tocsin.store.port import Store

PIECE: Final = 200
GONE: Final = "…"
_QUOTE: Final = re.compile(r"(\d+\. \[[^\]\n]*\] )(.*)")


@dataclass(frozen=True, slots=True)
class Quotes:
    """Posts as notices quote them, each on one line, and names of authors as notices call them."""

    posts: frozenset[str]
    names: frozenset[str] = frozenset()


def quotes_of(own: Sequence[Any], passed_on: Sequence[Any], names: Iterable[str] = ()) -> Quotes:
    """What notices may quote of these mentions, and of those that pass them on, whose authors are not forgotten."""
    called = {name for row in own for name in (row.author_handle, row.author_name) if name}
    return Quotes(frozenset(quoted_line(row) for row in (*own, *passed_on)), frozenset(called | set(names)))


def unquote(store: Store, own: Sequence[Any], passed_on: Sequence[Any]) -> int:
    """Take these mentions, and those that pass them on, out of the notices that quote them. Returns how many changed."""
    since = min((row.created_at for row in (*own, *passed_on)), default=None)
    return 0 if since is None else forget_quotes(store, quotes_of(own, passed_on), since)


def count_quoting(conn: Connection, quotes: Quotes, since: datetime | None) -> int:
    """The notices that quote one of them."""
    n = s.notices.c
    rows = conn.execute(select(n.subject, n.body).where(*_from(since)))
    return sum(_changes(row, quotes) != {} for row in rows)


def forget_quotes(store: Store, quotes: Quotes, since: datetime | None) -> int:
    """Take what is quoted out of the notices that were made since then. Returns how many changed."""
    n, after, changed = s.notices.c, "", 0
    while True:
        with store.read() as conn:
            query = (
                select(n.id, n.subject, n.body).where(n.id > after, *_from(since)).order_by(n.id).limit(PIECE)
            )
            rows = conn.execute(query).all()
        hit = [(row.id, changes) for row in rows if (changes := _changes(row, quotes))]
        if hit:
            with store.write(alone=False) as conn:
                for id, changes in hit:
                    conn.execute(update(s.notices).where(n.id == id).values(**changes))
        changed += len(hit)
        if len(rows) < PIECE:
            return changed
        after = rows[-1].id


def _changes(notice: Any, quotes: Quotes) -> dict[str, Any]:
    """The columns of a notice that change, with their new values. A subject may name the voice that its alert tells of."""
    new = {"subject": _line(notice.subject, quotes), "body": forgotten(notice.body, quotes)}
    return {name: value for name, value in new.items() if value != getattr(notice, name)}


def forgotten(body: Mapping[str, Any], quotes: Quotes) -> dict[str, Any]:
    """The body of a notice without what it quotes. Its figures and its own words stay."""
    page = str(body.get("html", ""))
    lines = str(body.get("text", "")).split("\n")
    kept = [_line(line, quotes) for line in lines]
    for before, after in zip(lines, kept, strict=True):
        if before != after:
            page = page.replace(f">{html.escape(before)}<", f">{html.escape(after)}<")
    changed = {"text": "\n".join(kept), **({"html": page} if "html" in body else {})}
    return {**body, **changed} if "text" in body else dict(body)


def _line(line: str, quotes: Quotes) -> str:
    found = _QUOTE.fullmatch(line)
    if found:
        return found[1] + GONE if found[2] in quotes.posts else line
    for name in quotes.names:
        # "Well known: ada (12K), ben (10K)", or "SEV3 Lumo: ada (120,000 followers) speaks against it"
        line = re.sub(rf"(?<=[:,] ){re.escape(name)}(?= \()", GONE, line)
    return line


def _from(since: datetime | None) -> tuple[Any, ...]:
    return () if since is None else (s.notices.c.created_at >= since,)
