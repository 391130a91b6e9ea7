"""The parts that settings of many kinds share: addresses, secrets, names, searches and hashtags."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from tocsin.core import patterns
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.core.text import unseen
from tocsin.definitions.models import language_code
from tocsin.net import check_url

_WRITTEN: Final = "LNS"
"""The first letters of the categories of characters that somebody can look for: letters, numbers, and symbols as in an emoji."""
_BETWEEN_WORDS: Final = frozenset("\t\n\r")


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


def _seen(value: str) -> str:
    if found := unseen(value):
        raise ValueError(
            Sentence(
                "a name is one line of characters that can be seen; take out {choices}",
                choices=", ".join(found),
            )
        )
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError(Sentence("this may not be empty"))
    return value


def _hashtag(value: str) -> str:
    _without_unseen(value, unseen(value))
    if not _is_written(value):
        raise ValueError(
            Sentence("{value} is no hashtag: it needs a letter, a digit or an emoji", value=repr(value[:40]))
        )
    return value


def _is_written(value: str) -> bool:
    """Whether more stands in it than punctuation."""
    return any(unicodedata.category(char)[0] in _WRITTEN for char in value)


def _search(value: str) -> str:
    # The flags of England, Scotland and Wales are written in tags that cannot be seen.
    found = unseen(
        "".join(
            char for char in value if char not in _BETWEEN_WORDS and not "\U000e0020" <= char <= "\U000e007f"
        )
    )
    _without_unseen(_not_blank(value), found)
    if not _is_written(value):
        raise ValueError(Sentence("{value} looks for nothing: a search needs a word", value=repr(value[:40])))
    return value


def _search_or_none(value: str) -> str:
    return _search(value) if value.strip() else value


def _without_unseen(value: str, found: list[str]) -> str:
    if found:
        raise ValueError(Sentence("take out what cannot be seen: {choices}", choices=", ".join(found)))
    return value


Language = Annotated[str, Field(max_length=16), AfterValidator(language_code)]
"""The code of a language, as a mention may have it."""

Network = Annotated[str, Field(min_length=1, max_length=64, pattern=patterns.WORD), AfterValidator(_seen)]
"""The name of a network that mentions count for."""


Line = Annotated[str, Field(min_length=1, max_length=256, pattern=patterns.LINE), AfterValidator(_not_blank)]
"""A name that another server knows, such as that of an account or a folder: one line, which may have any letters."""

Search = Annotated[str, AfterValidator(_search)]
"""What a network is asked for, in its own words. A line break in it parts words."""

SearchOrNone = Annotated[str, AfterValidator(_search_or_none)]
"""A search, or blanks where there is none."""

Hashtag = Annotated[str, Field(pattern=patterns.HASHTAG), AfterValidator(_hashtag)]
"""A hashtag of Mastodon, with or without its #."""

NostrHashtag = Annotated[str, Field(pattern=patterns.NOSTR_HASHTAG), AfterValidator(_hashtag)]
"""A hashtag of Nostr, which may have a slash."""


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
