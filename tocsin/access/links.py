"""Links that do one thing once: sign-in links, and the button behind a notice's link.

A token is 256 random bits, and only its SHA-256 is stored. Opening a link changes nothing, because mail scanners and chat
previews open links too. Spending a link is one conditional update, so when two people press at once, one of them wins.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from tocsin.core.errors import NotAllowed, NotFound
from tocsin.core.sentences import Sentence
from tocsin.settings import Settings
from tocsin.store import schema as s

SIGNIN_TTL = timedelta(minutes=15)
ACTION_TTL = timedelta(days=3)
# A spent or expired link can still say so for this long.
KEEP_DEAD = timedelta(days=30)


class LinkRefused(NotAllowed):
    """The link was used already or has expired. The message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class ActionLink:
    """What one button of the link behind a notice may do: `action`, on this alert, as this person, until it is spent."""

    alert_id: str
    person_id: str
    action: str
    expires_at: datetime
    spent_at: datetime | None

    def usable(self, now: datetime) -> bool:
        """Whether the link's button would still work."""
        return self.spent_at is None and now < self.expires_at


def hash_token(token: str) -> str:
    """The stored hash of a token: 64 hex digits. Tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """256 random bits as 43 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(32)


def signin_path(token: str) -> str:
    """The path of a sign-in link, to be put after the page's address."""
    return f"/signin/{token}"


def action_path(token: str) -> str:
    """The path of a notice's link, to be put after the page's address."""
    return f"/links/{token}"


def make_signin_link(conn: Connection, person_id: str, now: datetime, ttl: timedelta = SIGNIN_TTL) -> str:
    """Make a link for this person. Returns its token, which is shown once and not stored."""
    token, links = new_token(), s.signin_links
    conn.execute(delete(links).where(links.c.expires_at < now - KEEP_DEAD))
    conn.execute(
        insert(links),
        {"token_hash": hash_token(token), "person_id": person_id, "created_at": now, "expires_at": now + ttl},
    )
    return token


def find_signin_link(conn: Connection, token: str, now: datetime) -> str:
    """The id of the person who would be signed in. Raises `NotFound` or `LinkRefused`."""
    links = s.signin_links
    row = conn.execute(select(links).where(links.c.token_hash == hash_token(token))).one_or_none()
    if row is None:
        raise NotFound(Sentence("there is no such sign-in link; make a new one with: tocsin signin"))
    if row.spent_at is not None:
        raise LinkRefused("this sign-in link was used already; make a new one with: tocsin signin")
    if now >= row.expires_at:
        raise LinkRefused("this sign-in link has expired; make a new one with: tocsin signin")
    return str(row.person_id)


def spend_signin_link(conn: Connection, token: str, now: datetime) -> str:
    """Use the link up and return the person's id. Raises as `find_signin_link` does."""
    person, links = find_signin_link(conn, token, now), s.signin_links
    unspent = links.c.token_hash == hash_token(token), links.c.spent_at.is_(None)
    if conn.execute(update(links).where(*unspent), {"spent_at": now}).rowcount != 1:
        raise LinkRefused("this sign-in link was used already; make a new one with: tocsin signin")
    return person


def end_signin_link(conn: Connection, token: str) -> None:
    """Forget a link that nobody was shown."""
    links = s.signin_links
    conn.execute(delete(links).where(links.c.token_hash == hash_token(token)))


def make_action_link(
    conn: Connection,
    *,
    alert_id: str,
    person_id: str,
    action: str,
    now: datetime,
    ttl: timedelta = ACTION_TTL,
    beside: Sequence[str] = (),
) -> str:
    """Make a link whose buttons do `action`, and each of the actions `beside` it, on this alert as this person, each once.
    Returns its token.
    """
    token, links = new_token(), s.action_tokens
    conn.execute(delete(links).where(links.c.expires_at < now - KEEP_DEAD))
    bound = {"alert_id": alert_id, "person_id": person_id, "created_at": now, "expires_at": now + ttl}
    first = {"token_hash": hash_token(token), "action": action, **bound}
    others = [{"token_hash": _hash_beside(token, one), "action": one, **bound} for one in beside]
    conn.execute(insert(links), [first, *others])
    return token


def find_action_link(conn: Connection, token: str, action: str | None = None) -> ActionLink:
    """The purpose of the link, or of its button for `action`. Used and expired links are found too, because their card is still
    shown. Raises `NotFound`.
    """
    links = s.action_tokens
    hashed = hash_token(token) if action is None else _hash_beside(token, action)
    row = conn.execute(select(links).where(links.c.token_hash == hashed)).one_or_none()
    if row is None:
        raise NotFound(
            Sentence("there is no such link, or it is older than 30 days; sign in to see the alert")
        )
    return ActionLink(row.alert_id, row.person_id, row.action, row.expires_at, row.spent_at)


def spend_every_link(conn: Connection, now: datetime) -> None:
    """Use up all unspent sign-in and action links, so that none of them works after a restore."""
    for links in (s.signin_links, s.action_tokens):
        conn.execute(update(links).where(links.c.spent_at.is_(None)), {"spent_at": now})


def spend_action_link(conn: Connection, token: str, now: datetime, action: str | None = None) -> ActionLink:
    """Use the link, or its button for `action`, up and return its purpose. The caller carries the action out in the same
    transaction.

    Raises `NotFound`, or `LinkRefused` when it was used or has expired.
    """
    link, links = find_action_link(conn, token, action), s.action_tokens
    hashed = hash_token(token) if action is None else _hash_beside(token, action)
    if link.spent_at is None and now >= link.expires_at:
        raise LinkRefused("this link has expired; sign in to act on the alert")
    unspent = links.c.token_hash == hashed, links.c.spent_at.is_(None)
    if conn.execute(update(links).where(*unspent), {"spent_at": now}).rowcount != 1:
        raise LinkRefused("this link was used already; sign in to do more")
    return link


def usable_beside(conn: Connection, token: str, actions: Sequence[str], now: datetime) -> frozenset[str]:
    """Those of the actions `beside` a link whose buttons would still work."""
    links = s.action_tokens.c
    hashes = {_hash_beside(token, one): one for one in actions}
    unspent = links.token_hash.in_(hashes), links.spent_at.is_(None), links.expires_at > now
    return frozenset(hashes[one] for one in conn.execute(select(links.token_hash).where(*unspent)).scalars())


def _hash_beside(token: str, action: str) -> str:
    """The stored hash of a link's further button. No token has a full stop, so it opens nothing by itself."""
    return hash_token(f"{token}.{action}")


def page_address(settings: Settings) -> str:
    """The address at which a browser finds the page: `api.public_url`, else the listening address as seen from this machine."""
    if settings.api.public_url:
        return settings.api.public_url.rstrip("/")
    host = settings.api.host
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  # read, not bound
    return f"http://{host}:{settings.api.port}"
