"""Patterns of fields that people type, each with what is said of a value that does not fit: nobody reads a regular expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORD: Final = r"^[^\x00-\x1f]*\w[^\x00-\x1f]*$"
ACCOUNT: Final = r"^@?[^\s\x00-\x1f@,]+(@[^\s\x00-\x1f@,]+)?$"
LINE: Final = r"^[^\x00-\x1f]+$"
COUNTRY: Final = r"^[A-Z]{2}$"
APP: Final = r"^(id)?\d{4,15}$"
STORE_COUNTRY: Final = r"^[a-z]{2}$"
REPOSITORY: Final = r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$"
HOST: Final = r"^[A-Za-z0-9.:_-]{1,253}$"
ENV_OR_FILE: Final = r"^(env|file):."
TOPIC: Final = r"^[A-Za-z0-9._-]{1,249}$"
HASHTAG: Final = r"^#?[^\s#/?]{1,100}$"
NOSTR_HASHTAG: Final = r"^#?[^\s#]{1,100}$"
META_PAGE: Final = r"^[A-Za-z0-9.]{3,64}$"
META_VERSION: Final = r"^v\d{1,3}\.\d$"
SUBREDDIT: Final = r"^(r/)?[A-Za-z0-9_]{2,60}$"
REDDIT_USER: Final = r"^[A-Za-z0-9_-]{2,60}$"
SITE: Final = r"^[a-z0-9.-]{2,60}$"
TELEGRAM_CHANNEL: Final = r"^@?[A-Za-z][A-Za-z0-9_]{3,63}$"
WIKI: Final = r"^[a-z0-9_]{2,40}$"
YOUTUBE_CHANNEL: Final = r"^UC[A-Za-z0-9_-]{22}$"
CONTACT: Final = r"^[!-'*-~]+$"

SAID: Final[Mapping[str, str]] = {
    WORD: "{value} is no word: it needs a letter or a digit, and no control character",
    ACCOUNT: "{value} is no account, such as @lumo or @lumo@social.example",
    LINE: "{value} has a line break or another control character",
    COUNTRY: "{value} is no country in two capital letters, such as NL",
    APP: "the app's number is needed, such as 310633997 or id310633997",
    STORE_COUNTRY: "a country is written in two small letters, such as nl",
    REPOSITORY: "a repository is written OWNER/NAME, such as lumo/lamp",
    HOST: "the name or address of a machine is needed, such as mail.example.org",
    ENV_OR_FILE: "a secret is not written here: name where it is, as env:NAME or file:PATH",
    TOPIC: "the name of a topic has letters, digits, dots, hyphens and underscores, 249 at most",
    HASHTAG: "a hashtag is one word without a space, such as lumo or #lumo",
    NOSTR_HASHTAG: "a hashtag is one word without a space, such as lumo or #lumo",
    META_PAGE: "the id or the name of the page is needed, as in its address: letters, digits and dots",
    META_VERSION: "a version is written like v26.0",
    SUBREDDIT: "a subreddit is written like lamps or r/lamps",
    REDDIT_USER: "the name of the account is needed: letters, digits, hyphens and underscores",
    SITE: "a site is written in small letters, such as stackoverflow",
    TELEGRAM_CHANNEL: "the public name of the channel is needed, such as @lumo_news",
    WIKI: "a wiki is written like enwiki or trwiki",
    YOUTUBE_CHANNEL: "the id of the channel is needed: UC and 22 more characters",
    CONTACT: "a mail address or a web address is needed, without a space and without parentheses",
}
"""By pattern, the sentence."""
