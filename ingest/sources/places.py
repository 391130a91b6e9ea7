"""The parts that settings of many kinds share: addresses on the web, hosts alone, and secrets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from tocsin.core import patterns
from tocsin.core.errors import WrongInput
from tocsin.net import check_url


def base_url(value: str) -> str:
    """The address without a slash at its end; a bare host is asked over https. Raises ValueError where it is no web address."""
    full = value if "://" in value else f"https://{value}"
    try:
        return check_url(full).rstrip("/")
    except WrongInput as error:
        raise ValueError(error.said) from None


Secret = Annotated[str, Field(pattern=patterns.ENV_OR_FILE)]
"""Where a key, token or password stands: `env:NAME` or `file:PATH`. A definition never holds the secret itself: one that is
given over the API or typed on the page goes into a file first."""

WebAddress = Annotated[str, AfterValidator(base_url)]
"""A web address as `base_url` gives it."""


def _once(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value))


def _page_url(value: str) -> str:
    try:
        return check_url(value)
    except WrongInput as error:
        raise ValueError(error.said) from None


PageAddress = Annotated[str, AfterValidator(_page_url)]
"""The address of one page of the web, http or https, as it was written."""

WebAddresses = Annotated[tuple[WebAddress, ...], AfterValidator(_once)]
"""Several of them, each once."""
