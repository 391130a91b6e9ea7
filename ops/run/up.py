"""`tocsin up`: runs everything on one machine. It checks port, folder and stream, and prints a sign-in link."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from api.auth.sessions import ever_signed_in
from api.listening import listen
from ops.output import NotShown, show, show_once
from ops.run.children import way_to_start
from ops.run.locks import hold_folder
from ops.run.process import RunOptions
from ops.run.roles import claim_live, retry_until_there
from ops.run.supervisor import Supervisor
from ops.runtime import Runtime, open_runtime, store_of
from tocsin.access.links import end_signin_link, make_signin_link, page_address, signin_path
from tocsin.access.signin import person_to_sign_in
from tocsin.core.errors import StreamUnavailable, WrongInput
from tocsin.logs import say, set_up
from tocsin.settings import Api, Settings
from tocsin.stream.port import MENTIONS


def up(config: Path | None, data: Path | None, store: str | None, stream: str | None) -> None:
    """Run until Ctrl-C. Raises `WrongInput` where the port or the data folder is taken, or the settings are wrong."""
    stop = threading.Event()
    with open_runtime(config, data, store, stream, retry=retry_until_there(say)) as runtime:
        settings = runtime.settings
        set_up(settings.log_level)
        with hold_folder(settings.data) as lock:
            require_free_port(settings.api)
            runtime.retry(lambda: claim_live(runtime))
            _require_stream(runtime)
            greeting = _Greeting(settings, *runtime.retry(lambda: _greeting(runtime)))
            runtime.close()
            try:
                start = way_to_start(RunOptions(config, data, store, stream), lock)
                Supervisor(start).run(stop, greeting.once_it_answers)
            except KeyboardInterrupt:
                # `stop` is not set: Ctrl-C may have come while its lock was held, and nobody waits for it any more.
                say("stopped")


def _require_stream(runtime: Runtime) -> None:
    """Raise `StreamUnavailable` where an embedded stream cannot be used. Brokers that are away are no error: every role waits."""
    try:
        runtime.stream.end_offsets(MENTIONS)
    except StreamUnavailable as error:
        if runtime.settings.stream.url == "sqlite":
            raise
        say(f"{error}; it is waited for")


def require_free_port(api: Api, otherwise: str | None = None) -> None:
    """Raise `WrongInput` where the port is 0 or taken, or where the address is not one of this machine. `otherwise` says by what
    another port is taken.
    """
    if api.port == 0:
        raise WrongInput("api.port = 0: links in notices need a port that stays; name one")
    listen(api, otherwise).close()


class _Greeting:
    """Lines that are printed once, when the page answers, so that the printed address works at once.

    Where they cannot be printed, the sign-in link among them is taken back, and the work goes on.
    """

    def __init__(self, settings: Settings, lines: Sequence[str], token: str | None) -> None:
        self._settings, self._token = settings, token
        self._lines = list(lines)

    def once_it_answers(self) -> None:
        if not self._lines or not self._page_answers():
            return
        # The link is the result of this command; the log goes to standard error.
        text, self._lines = "\n".join(f"tocsin: {line}" for line in self._lines), []
        try:
            if self._token is None:
                show(text)
            else:
                otherwise = "it ends by itself within 15 minutes"
                show_once("sign-in link", text, partial(self._take_back, self._token), otherwise=otherwise)
        except NotShown as error:
            say(f"{error}; a new one: tocsin signin")
        except OSError as error:
            say(f"the page's address cannot be printed ({error.strerror})")

    def _page_answers(self) -> bool:
        api = self._settings.api
        with contextlib.suppress(OSError), socket.create_connection((api.host, api.port), 0.2):
            return True
        return False

    def _take_back(self, token: str) -> None:
        store = store_of(self._settings)
        try:
            with store.write() as conn:
                end_signin_link(conn, token)
        finally:
            store.close()


def _greeting(runtime: Runtime) -> tuple[list[str], str | None]:
    """The page's address and how to sign in. As long as nobody has ever signed in, that is a sign-in link: the token of it comes
    second.
    """
    base = page_address(runtime.settings)
    lines = [f"the page: {base}/"]
    with runtime.store.write() as conn:
        token = None if ever_signed_in(conn) else _first_link(conn, runtime)
    lines.append(
        f"sign in within 15 minutes: {base}{signin_path(token)}"
        if token
        else "a new sign-in link: tocsin signin"
    )
    if runtime.settings.api.public_url is None:
        lines.append("links in notices work on this machine only, until api.public_url is set")
    return [*lines, "what works and what does not: tocsin doctor. Ctrl-C ends it."], token


def _first_link(conn: Connection, runtime: Runtime) -> str | None:
    """The token of a link for the person who sets everything up."""
    now = runtime.clock.now()
    try:
        person = person_to_sign_in(conn, None, now)
    except WrongInput:
        # There are several people: each asks for a link by name.
        return None
    return make_signin_link(conn, person.id, now)
