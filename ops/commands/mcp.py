"""`tocsin mcp`: alerts, evidence and mentions for an assistant that speaks the Model Context Protocol."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

KEY = "TOCSIN_KEY"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mcp", epilog="Example: tocsin mcp --url https://tocsin.example")(mcp)


def mcp(
    url: Annotated[
        str, typer.Option("--url", help="The running Tocsin that is asked.")
    ] = "http://127.0.0.1:8085",
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help=f"A file with an API key; else the variable {KEY}.")
    ] = None,
    act: Annotated[
        bool, typer.Option("--act", help="Also offer tools that acknowledge alerts and write notes.")
    ] = False,
) -> None:
    """Serve alerts, evidence and mentions to an assistant, over stdin and stdout. It can only read, unless --act is given.

    The assistant may do what its key may do: create one with `tocsin key create --role viewer --name assistant`.
    """
    from tocsin.core.errors import WrongInput

    try:
        from ops.assistant.server import build_server
    except ModuleNotFoundError as error:
        if error.name not in ("mcp", "mcp_types"):
            raise
        raise WrongInput("this needs the library mcp; install it with: pip install 'tocsin[mcp]'") from None
    from ops.assistant.service import Service, client_of

    build_server(Service(client_of(url, _key(key_file))), acts=act).run("stdio")


def _key(file: Path | None) -> str:
    from tocsin.core.errors import WrongInput

    if file is None:
        key = os.environ.get(KEY, "")
        if not key:
            raise WrongInput(
                f"no key: set {KEY}, or give --key-file FILE (tocsin key create --role viewer --name assistant)"
            )
        return key
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain ASCII text"
        raise WrongInput(f"the key file {file} cannot be read: {reason}") from None
