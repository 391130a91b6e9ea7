"""The options that many commands share, and the name of the person at the keyboard."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

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
