"""The options that many commands share, and the name of the person at the keyboard."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

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
