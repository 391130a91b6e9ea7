"""The socket that the HTTP service listens on.

This module loads no web framework: `tocsin up` looks with it whether the port is free.
"""

from __future__ import annotations

import errno
import socket

from tocsin.core.errors import WrongInput
from tocsin.settings import Api


def listen(settings: Api, otherwise: str | None = None) -> socket.socket:
    """A bound socket. Raises `WrongInput` that names address and port: in use, not allowed, or not of this machine.

    `otherwise` names what sets another port: the setting, unless a command has an option of its own.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise WrongInput(
            f"api.host = {settings.host!r} is no address of this machine: {error.strerror}"
        ) from None
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(512)
        found.setblocking(False)
    except OSError as error:
        found.close()
        raise WrongInput(_why_not(settings, error, otherwise)) from None
    return found


def _why_not(settings: Api, error: OSError, otherwise: str | None) -> str:
    where, by = f"{shown(settings.host)}:{settings.port}", otherwise or "api.port"
    if error.errno == errno.EADDRINUSE:
        another = otherwise or f"api.port (TOCSIN_API__PORT={settings.port + 1})"
        return (
            f"port {settings.port} on {settings.host} is in use: is Tocsin running already? "
            f"Otherwise take another with {another}"
        )
    if error.errno == errno.EACCES:
        return f"may not listen on {where}: ports below 1024 need rights; take a higher one with {by}"
    return f"cannot listen on {where}: {error.strerror}; check api.host and {by}"


def shown(host: str) -> str:
    """The host as it stands in an address."""
    return f"[{host}]" if ":" in host else host
