"""The page that a stranger wanted to see: whoever signs in from there is led back to it.

A cookie of the browser holds its path for half an hour. Another application on this host may set one of that name, so only a path
of this page counts.
"""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request, Response

COOKIE: Final = "tocsin_wanted"
KEPT_S: Final = 30 * 60
LONGEST: Final = 200
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.~-]*)+")


def keep_wanted(answer: Response, path: str | None) -> None:
    """Keep the path of a page that was refused to a stranger: the one asked for, or the one on which a form was."""
    if path is not None and _is_page(path):
        answer.set_cookie(COOKIE, path, max_age=KEPT_S, path="/", httponly=True, samesite="lax")


def take_wanted(request: Request, answer: Response) -> str | None:
    """The path that this browser wanted, once; None where it wanted nothing, or no page of ours."""
    path = cookie_of(request, COOKIE)
    if path is None:
        return None
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return path if _is_page(path) else None


def cookie_of(request: Request, name: str) -> str | None:
    """The value of this cookie."""
    pairs = (pair.strip().partition("=") for pair in request.headers.get("cookie", "")[:4000].split(";"))
    return next((value.strip('"') for found, _, value in pairs if found == name), None)


def _is_page(path: str) -> bool:
    return len(path) <= LONGEST and _PATH.fullmatch(path) is not None
