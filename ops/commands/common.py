"""The options that many commands share, and the name of the person at the keyboard."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from api.auth.principal import Principal

Config: TypeAlias = Annotated[Path | None, typer.Option("--config", help="Settings file (or TOCSIN_CONFIG).")]
Data: TypeAlias = Annotated[
    Path | None, typer.Option("--data", help="Folder of the embedded engines (or TOCSIN_DATA).")
]
StoreUrl: TypeAlias = Annotated[
    str | None, typer.Option("--store", help="The store: sqlite, or postgresql://user@host:port/database.")
]
StreamUrl: TypeAlias = Annotated[
    str | None, typer.Option("--stream", help="The stream: sqlite, or kafka://host:port[,host:port].")
]


def user_here() -> str:
    """The name of the person at the command line, as the audit chain has it."""
    return f"{getpass.getuser()} (command line)"


def operator() -> Principal:
    """The account of the machine that runs the command, as the audit chain names it."""
    from api.auth.principal import Principal
    from tocsin.definitions.models import Role

    return Principal("person", "command-line", user_here(), Role.ADMIN)


def plain(text: str) -> str:
    """The text without control characters, so that a post cannot steer the terminal."""
    return "".join(c for c in text if c.isprintable())


def json_line(value: object) -> str:
    """The value as JSON on one line."""
    import msgspec

    return msgspec.json.encode(value, enc_hook=str).decode("utf-8")


def notice_line(notice: Mapping[str, Any]) -> str:
    """One notice: when it was made, whom it tells what on which channel, and how that ended."""
    told = f"{notice['kind']} to {notice['person']} by {notice['channel']}: {notice['status']}"
    return f"{notice['created_at']:%Y-%m-%d %H:%M:%SZ} {told}"
