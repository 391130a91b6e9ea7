"""Options that many commands share, and opening what they name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Config: TypeAlias = Annotated[Path | None, typer.Option("--config", help="Settings file (or TOCSIN_CONFIG).")]
Data: TypeAlias = Annotated[
    Path | None, typer.Option("--data", help="Folder of the embedded engines (or TOCSIN_DATA).")
]
StoreUrl: TypeAlias = Annotated[str | None, typer.Option("--store", help="The store's engine: sqlite.")]
StreamUrl: TypeAlias = Annotated[
    str | None, typer.Option("--stream", help="The stream: sqlite, or kafka://host:port[,host:port].")
]
