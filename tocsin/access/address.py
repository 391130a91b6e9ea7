"""The address of the page as an administrator set it on the page, and the proxies whom they trust there.

Both are settings first: what a file, the environment or the command line says wins, and then nothing that stands here counts.
What was chosen lies in the store, so that every process of an installation makes the same links.

Why a page may set its own address. The Host check answers to the name in this address, so whoever sets it opens a door. Only
a person who is signed in as an administrator may, through a form that the same-origin check and a token guard, and a
request gets there only by a name that was trusted before. Such a person may already let in whom they like, so they gain nothing.
A key may not: it stands in other people's programs. A proxy can be trusted from the page only if the very request came from it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from tocsin.access.links import hash_token, new_token, page_address
from tocsin.core.clock import iso
from tocsin.core.sentences import Sentence
from tocsin.settings import Loaded, proxy_address, public_address
from tocsin.store import audit, meta

URL: Final = "api.public_url"
PROXIES: Final = "api.trusted_proxies"
PAGE: Final = Sentence("the page")
"""The origin of a setting that was set on the page."""

CHOSEN: Final = "reach"
BEFORE: Final = "reach:before"
ASKED: Final = "reach:asked"
ASKED_FOR: Final = timedelta(seconds=30)
MAX_PROXIES: Final = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was set on the page: the address, and the proxies. None and empty: nothing was."""

    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()


def chosen(conn: Connection) -> Chosen:
    """What was set on the page."""
    return _read(conn, CHOSEN) or Chosen()


def before(conn: Connection) -> Chosen | None:
    """What was set before the last change; None where nothing was changed yet."""
    return _read(conn, BEFORE)


def choose(conn: Connection, new: Chosen, at: datetime, actor: str, role: str) -> Chosen:
    """Set the address and the proxies, with an entry in the audit. Returns what is in force now, without a slash at the end.

    The last choice is kept for `take_back`. Raises `WrongInput` for an address that no link can be made of.
    """
    url = public_address(new.public_url).rstrip("/") if new.public_url else None
    new = Chosen(url, tuple(dict.fromkeys(map(proxy_address, new.trusted_proxies)))[-MAX_PROXIES:])
    old = chosen(conn)
    if new != old:
        meta.put(conn, BEFORE, _written(old))
        meta.put(conn, CHOSEN, _written(new))
        detail = {"before": json.loads(_written(old)), "after": json.loads(_written(new))}
        audit.append(conn, at=at, actor=actor, role=role, action="reach.changed", object=URL, detail=detail)
    return new


def take_back(conn: Connection, at: datetime, actor: str, role: str) -> Chosen:
    """Set what was set before the last change. A second call undoes the first."""
    return choose(conn, before(conn) or Chosen(), at, actor, role)


def laid_under(loaded: Loaded, found: Chosen) -> Loaded:
    """The settings with what was set on the page beneath them: it counts where nothing else says anything."""
    kept = {key: origin for key, origin in loaded.origins.items() if origin != PAGE}
    given = {URL: found.public_url, PROXIES: found.trusted_proxies}
    free = {
        key: value for key, value in given.items() if key not in kept and (value or key in loaded.origins)
    }
    api = loaded.settings.api.model_copy(update={key.partition(".")[2]: value for key, value in free.items()})
    settings = loaded.settings.model_copy(update={"api": api})
    return Loaded(settings, kept | {key: PAGE for key, value in free.items() if value})


def address_now(conn: Connection, loaded: Loaded) -> str:
    """Where links begin, as it is set at this moment."""
    return page_address(laid_under(loaded, chosen(conn)).settings)


# -- the proof that an address leads here ---------------------------------------------------------------------------------


def ask_for_proof(conn: Connection, now: datetime) -> tuple[str, str]:
    """A one-time word to put behind the address, and the answer that this installation alone gives to it. Only the last word
    counts.
    """
    word, answer = new_token(), new_token()
    meta.put(conn, ASKED, json.dumps([hash_token(word), answer, iso(now + ASKED_FOR)]))
    return word, answer


def proof(conn: Connection, word: str, now: datetime) -> str | None:
    """The answer to this word; None for any other word, and half a minute later."""
    asked = meta.get(conn, ASKED)
    if asked is None:
        return None
    hashed, answer, until = json.loads(asked)
    fits = hashed == hash_token(word) and now < datetime.fromisoformat(until)
    return str(answer) if fits else None


def end_of_proof(conn: Connection, word: str) -> None:
    """Forget the word: it was asked once. A newer one is left."""
    asked = meta.get(conn, ASKED)
    if asked is not None and json.loads(asked)[0] == hash_token(word):
        meta.forget(conn, ASKED)


def _read(conn: Connection, key: str) -> Chosen | None:
    found = meta.get(conn, key)
    if found is None:
        return None
    body = json.loads(found)
    return Chosen(body["public_url"], tuple(body["trusted_proxies"]))


def _written(one: Chosen) -> str:
    return json.dumps({"public_url": one.public_url, "trusted_proxies": list(one.trusted_proxies)})
