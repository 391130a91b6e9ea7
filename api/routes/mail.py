"""The mail server: what is set, and where; set by an administrator who is signed in, after a test mail."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from api.mailing import TypedMail, take_mail
from api.problems import PROBLEMS
from api.state import AppState, State, Who
from tocsin.access.address import PAGE
from tocsin.access.mail import KEYS, SENDER, set_elsewhere

router = APIRouter(prefix="/v1", tags=["access"])


class MailOut(BaseModel):
    """The mail server in force."""

    host: str | None = Field(description="null: no mail is sent.")
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str | None
    has_password: bool = Field(description="The password itself is shown to nobody.")
    sender: str
    set_by: str | None = Field(
        description="A file, a variable, the command line or the page; null: nobody set it."
    )


class MailIn(BaseModel):
    """A mail server. The settings count once the server has taken a test mail."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(min_length=1, max_length=300)
    port: int = Field(default=587, description="1 to 65535.")
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = Field(default="", max_length=300)
    password: str | None = Field(
        default=None, max_length=2000, description="null: the present one, for the same server and account."
    )
    sender: str = Field(default=SENDER, max_length=300)
    to: str | None = Field(
        default=None, max_length=400, description="Where the test mail goes; null: to whoever asks."
    )


_RESPONSES: dict[int | str, dict[str, Any]] = {code: PROBLEMS[code] for code in (403, 409, 422)}


@router.get("/mail", response_model=MailOut, summary="The mail server")
def read_mail(state: State) -> Any:
    """The mail server in force, and where it is set."""
    return _shown(state)


@router.put("/mail", response_model=MailOut, summary="Set the mail server", responses=_RESPONSES)
def set_mail(state: State, who: Who, given: MailIn) -> Any:
    """Send a test mail by this server, and take it if the mail was. Only a person who is signed in does. 409 where a setting says
    it already; 422 names the field, or what the server said.
    """
    take_mail(state, who, TypedMail(**given.model_dump()))
    return _shown(state)


@router.delete("/mail", status_code=204, summary="Send no mail any more", responses=_RESPONSES)
def end_mail(state: State, who: Who) -> Response:
    """Forget the mail server that was set on the page, with its password."""
    take_mail(state, who, None)
    return Response(status_code=204)


def _shown(state: AppState) -> dict[str, Any]:
    smtp = state.settings.smtp
    on_page = any(state.origins.get(key) == PAGE for key in KEYS)
    return {
        **smtp.model_dump(include={"host", "port", "security", "username", "sender"}),
        "has_password": smtp.password is not None,
        "set_by": set_elsewhere(state.origins) or (PAGE if on_page else None),
    }
