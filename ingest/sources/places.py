"""The parts that settings of many kinds share: addresses on the web, hosts alone, and secrets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from tocsin.core import patterns
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.core.text import unseen
from tocsin.net import check_url
from tocsin.reading.fields import language


def base_url(value: str) -> str:
    """The address without a slash at its end; a bare host is asked over https. Raises ValueError where it is no web address, and
    where a question mark or a # stands in it: behind it the paths that are asked would be lost.
    """
    if "?" in value or "#" in value:
        raise ValueError(Sentence("it must end after the host: no question mark and no #"))
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


def _language(value: str) -> str:
    if not language(value)[1]:
        raise ValueError(
            Sentence("{value} is no language; write its code, such as en or pt-BR", value=repr(value))
        )
    return value


def _seen(value: str) -> str:
    if found := unseen(value):
        raise ValueError(
            Sentence(
                "a name is one line of characters that can be seen; take out {choices}",
                choices=", ".join(found),
            )
        )
    return value


Language = Annotated[str, Field(max_length=16), AfterValidator(_language)]
"""The code of a language, as a mention may have it."""

Network = Annotated[str, Field(min_length=1, max_length=64, pattern=patterns.WORD), AfterValidator(_seen)]
"""The name of a network that mentions count for."""


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
