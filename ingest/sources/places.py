"""Addresses of places that people name by their host alone, such as an instance or a forum."""

from __future__ import annotations

from tocsin.core.errors import WrongInput
from tocsin.net import check_url


def base_url(value: str) -> str:
    """The address without a slash at its end; a bare host is asked over https. Raises ValueError where it is no web address."""
    full = value if "://" in value else f"https://{value}"
    try:
        return check_url(full).rstrip("/")
    except WrongInput as error:
        raise ValueError(str(error)) from None
