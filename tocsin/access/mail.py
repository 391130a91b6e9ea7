"""The mail server as an administrator set it on the page.

It is a setting first. Where a file, the environment or the command line says anything of it, the page says nothing: a password of
the machine's must not be sent to a server that somebody typed. What was chosen lies in the store, so that every process of an
installation sends by the same server; the password lies in a file of its own, and the store holds its path
(docs/decisions/0034-mail-settings-typed-on-the-page.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection

from tocsin.access.address import PAGE
from tocsin.core.errors import Conflict
from tocsin.core.sentences import Sentence
from tocsin.settings import Loaded, Smtp
from tocsin.store import audit, meta

CHOSEN: Final = "mail"
SENDER: Final = str(Smtp.model_fields["sender"].default)
PASSWORD: Final = "password"  # noqa: S105  # the name of a field
Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class ChosenMail:
    """The mail server that was set on the page. No host: none was. `password` refers to a secret."""

    host: str | None = None
    port: int = 587
    security: Security = "starttls"
    username: str | None = None
    password: str | None = None
    sender: str = SENDER


KEYS: Final = tuple(f"smtp.{name}" for name in ChosenMail.__slots__)


def chosen_mail(conn: Connection) -> ChosenMail:
    """What was set on the page."""
    found = meta.get(conn, CHOSEN)
    return ChosenMail(**json.loads(found)) if found is not None else ChosenMail()


def choose_mail(
    conn: Connection, new: ChosenMail, old: ChosenMail, at: datetime, actor: str, role: str
) -> None:
    """Set the mail server, with an entry in the audit that holds no secret and no path of one.

    Raises `Conflict` where it is no longer `old` that is set.
    """
    if chosen_mail(conn) != old:
        raise Conflict(Sentence("somebody else has changed the mail server meanwhile: load the page again"))
    if new == old:
        return
    meta.put(conn, CHOSEN, json.dumps(asdict(new)))
    detail = {
        "before": _told(old),
        "after": _told(new),
        "new_password": new.password not in (None, old.password),
    }
    audit.append(conn, at=at, actor=actor, role=role, action="mail.changed", object="smtp", detail=detail)


def set_elsewhere(origins: Mapping[str, str]) -> str | None:
    """Where the mail server is set, if that is not the page: the page then changes nothing of it."""
    return next((origins[key] for key in KEYS if origins.get(key, PAGE) != PAGE), None)


def mail_laid_under(loaded: Loaded, found: ChosenMail) -> Loaded:
    """The settings with the mail server of the page, where nothing else says anything of one."""
    laid_before = any(origin == PAGE for key, origin in loaded.origins.items() if key in KEYS)
    if set_elsewhere(loaded.origins) or (found == ChosenMail() and not laid_before):
        return loaded
    smtp = loaded.settings.smtp.model_copy(update=asdict(found))
    kept = {key: origin for key, origin in loaded.origins.items() if key not in KEYS}
    given = {key: PAGE for key in KEYS if found.host is not None and getattr(smtp, key[5:]) is not None}
    return Loaded(loaded.settings.model_copy(update={"smtp": smtp}), kept | given)


def mail_now(conn: Connection, loaded: Loaded) -> Smtp:
    """The mail server as it is set at this moment."""
    return mail_laid_under(loaded, chosen_mail(conn)).settings.smtp


def _told(one: ChosenMail) -> Mapping[str, Any]:
    return asdict(one) | {PASSWORD: "(set)" if one.password else None}
