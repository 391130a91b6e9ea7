"""Pseudonyms of authors: keyed hashes. The same author keeps the same one, and without the store's key nobody knows who it is."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from sqlalchemy import Connection

from tocsin.store import meta

PSEUDONYM: Final = "pseudonym:"
KEY: Final = "pseudonym_key"


def pseudonym(key: bytes, where: str, author: str) -> str:
    """The pseudonym of an author. `where` is the network of the mention, or its source where it names none."""
    who = f"{where}\x00{author}".encode("utf-8", "surrogatepass")
    return PSEUDONYM + hashlib.blake2b(who, key=key, digest_size=12).hexdigest()


def present_key(conn: Connection) -> bytes | None:
    """The store's key, where it was made already."""
    present = meta.get(conn, KEY)
    return None if present is None else bytes.fromhex(present)


def key_of_pseudonyms(conn: Connection) -> bytes:
    """The store's key. It is made when it is first needed, in the caller's write transaction."""
    present = meta.get(conn, KEY)
    if present is None:
        present = secrets.token_hex(32)
        meta.put(conn, KEY, present)
    return bytes.fromhex(present)
