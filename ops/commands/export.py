"""`tocsin export`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl

EXAMPLE = "Example: tocsin export alerts --data ./history | head"


def register(app: typer.Typer) -> None:
    """Add `export`."""
    app.command("export", epilog=EXAMPLE)(export)


def export(
    kind: Annotated[
        str, typer.Argument(help="mentions, tallies, alerts, escalations, notices, dead-letters or audit.")
    ],
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Print everything of one kind as JSON lines, in a canonical order, so that two runs can be compared."""
    from ops.runtime import open_runtime
    from ops.transfer.export import KINDS
    from ops.transfer.export import export as lines
    from tocsin.core.errors import WrongInput

    if kind not in KINDS:
        raise WrongInput(f"cannot export {kind!r}; known: {', '.join(KINDS)}")
    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        for line in lines(conn, kind):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
