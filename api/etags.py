"""ETags made from versions and counters, not from the answer, and checked before anything is rendered."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from fastapi import Request, Response
from sqlalchemy import Connection

from alerts.events import newest_event
from api.auth.principal import Principal
from api.problems import NotModified


def list_etag(request: Request, who: Principal, *state: object) -> str:
    """The ETag of what this request shows this role; another `state` gives another tag."""
    asked = (request.url.path, *sorted(request.query_params.multi_items()), who.role.value)
    text = "\x1f".join(str(part) for part in (*asked, *state))
    return f'"{hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()}"'


def version_etag(version: int) -> str:
    """The ETag of something with a version, as `If-Match` wants it back."""
    return f'"{version}"'


def etag_or_304(request: Request, response: Response, tag: str) -> None:
    """Put the tag on the answer. Raises `NotModified` where the client has it already."""
    known = request.headers.get("if-none-match", "")
    if known and any(one.strip().removeprefix("W/") in (tag, "*") for one in known.split(",")):
        raise NotModified(tag)
    response.headers["ETag"] = tag


def alerts_revision(conn: Connection) -> int:
    """A number that grows with every change of an alert or an escalation."""
    return newest_event(conn)


def slot(now: datetime, every: timedelta) -> int:
    """The number of the current slot of time, for answers that change as time passes."""
    return int(now.timestamp() // every.total_seconds())
