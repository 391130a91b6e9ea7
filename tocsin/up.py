"""`tocsin up`: everything on one machine. Looks before it starts, prints the way in, keeps the processes alive."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from sqlalchemy import Connection, select

from tocsin.commands.access import who_signs_in
from tocsin.core.errors import WrongInput
from tocsin.links import make_signin_link, page_address, signin_path
from tocsin.roles import Supervisor, only_one
from tocsin.settings import Api
from tocsin.store import mode
from tocsin.store import schema as s
from tocsin.wiring import Runtime, open_runtime


def up(config: Path | None, data: Path | None, store: str | None, stream: str | None) -> None:
    """Run until Ctrl-C. Raises `WrongInput` where the port or the data folder is taken, or the settings are wrong."""
    options = [
        part
        for name, value in (("--config", config), ("--data", data), ("--store", store), ("--stream", stream))
        if value is not None
        for part in (name, str(value))
    ]
    stop = threading.Event()
    with open_runtime(config, data, store, stream) as runtime:
        settings = runtime.settings
        with only_one(settings.data):
            free_port_or_say(settings.api)
            with runtime.store.write() as conn:
                mode.claim_mode(conn, "live")
            runtime.stream.end_offsets("mentions")
            _greet(runtime)
            runtime.close()
            try:
                Supervisor(options).run(stop)
            except KeyboardInterrupt:
                stop.set()
                _say("stopped")


def free_port_or_say(api: Api) -> None:
    """Raises `WrongInput` where something else listens on the port already, or the address is not of this machine."""
    from api.server import listen

    listen(api).close()


def _greet(runtime: Runtime) -> None:
    """Say where the page is and how to get in; a sign-in link as long as nobody has ever signed in."""
    _say(f"the page: {page_address(runtime.settings)}/")
    with runtime.store.write() as conn:
        link = (
            None
            if conn.execute(select(s.sessions.c.person_id).limit(1)).first()
            else _first_link(conn, runtime)
        )
    if link is not None:
        _say(f"sign in within 15 minutes: {link}")
    else:
        _say("a new sign-in link: tocsin signin")
    if runtime.settings.api.public_url is None:
        _say("links in notices work on this machine only, until api.public_url is set")
    _say("what works and what does not: tocsin doctor. Ctrl-C ends it.")


def _first_link(conn: Connection, runtime: Runtime) -> str | None:
    now = runtime.clock.now()
    try:
        person = who_signs_in(conn, None, now)
    except WrongInput:
        return None  # there are several: they ask for theirs by name
    return page_address(runtime.settings) + signin_path(make_signin_link(conn, person.id, now))


def _say(message: str) -> None:
    print(f"tocsin: {message}", file=sys.stderr, flush=True)  # noqa: T201  # the operator's terminal
