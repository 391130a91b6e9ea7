"""The cookie that keeps a person's session in the browser, where scripts cannot read it."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from api.auth.sessions import Session
from api.middleware import host_name
from tocsin.settings import Api

COOKIE = "tocsin_session"
# Browsers take a cookie of this name only over https, from the host itself.
SECURE_COOKIE = "__Host-tocsin_session"


def session_token(request: Request) -> str | None:
    """The session's token from the cookies, if there is one. Over https only the cookie of https counts.

    Other applications on this host send their cookies too, whatever they look like; only ours is read.
    """
    pairs = (pair.strip().partition("=") for pair in request.headers.get("cookie", "").split(";"))
    cookies = {name: value.strip('"') for name, _, value in pairs if name in (SECURE_COOKIE, COOKIE)}
    names = (SECURE_COOKIE,) if _secure(request, None) else (SECURE_COOKIE, COOKIE)
    return next((cookies[name] for name in names if name in cookies), None)


def set_cookie(response: Response, request: Request, session: Session, settings: Api, now: datetime) -> None:
    """Give the browser its session. Lax, not Strict: a notice's link in a mail must find its reader signed in."""
    secure = _secure(request, settings)
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        session.token,
        max_age=int((session.expires_at - now).total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response) -> None:
    """Delete the session's cookies."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def _secure(request: Request, settings: Api | None) -> bool:
    if request.url.scheme == "https":
        return True
    public = urlsplit(settings.public_url) if settings and settings.public_url else None
    return (
        public is not None
        and public.scheme == "https"
        and host_name(public.netloc) == host_name(request.headers.get("host", ""))
    )
