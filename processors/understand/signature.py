"""Near-duplicates: a number that copies of one text share, and the gist that lightly edited copies nearly share.

Copy-paste floods and syndicated posts differ in the parts that are cheap to vary: the link, the handle, the case, punctuation,
figures, the hashtags at the end, "RT". `text_signature` leaves these out and hashes the rest. So copies are equal in it: they
need no search, and a `GROUP BY` groups them when a window is judged. Texts that say almost nothing are an exception, which
`text_signature` describes.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from processors.understand.gist import NO_GIST, gist_of
from tocsin.core.mention import Mention
from tocsin.query.fold import fold

LEAST_WORDS = 4
"""In a text with fewer words, the parts that are otherwise left out count: many people write "ok thanks" and mean it."""
MAX_CHARS = 2_000
"""The part of a text that is read. Copies of a long text share its beginning."""

NO_SIGNATURE = 0
"""The signature of a text that says too little to be a copy of anything."""

_LINKS = ("http://", "https://", "www.")
_MARKED = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S*|@\w*|&\w{2,6};")
"""Links, handles and entities: their letters are no words."""
_WORD = re.compile(r"[^\W\d_]+")
_LETTERS_OF_ASCII = bytes(point if chr(point).isalpha() else 32 for point in range(128)).ljust(256)
_REPOST = re.compile(r"(?:\s*rt\s*@\w+\s*:?)+")
_AT_THE_END = ("#", "@", "http://", "https://", "www.", "pic.twitter.com/")


def text_signature(text: str) -> int:
    """The signature of a text, 0 to 2^63 - 1 (a signed BIGINT holds it), in some 5 microseconds. Copies have the same signature
    even where they differ in the parts that copying varies.

    The signature leaves out handles, links, a leading "RT @handle:", digits, punctuation, emoji, upper case, diacritics and tags
    at the end. A text of fewer than `LEAST_WORDS` other words has no signature (`NO_SIGNATURE`): short replies of many people
    are no flood. But if such a text has a link or a tag, everything in it is hashed except case, diacritics and white space: the
    same few words with the same link or tags are one text.
    """
    return copied_part(text)[0]


def copied_part(text: str) -> tuple[int, bytes]:
    """The signature of a text and its gist (`processors.understand.gist`), which copies with a changed word nearly share."""
    return copied_part_of_folded(fold(text[:MAX_CHARS]))


def copied_part_of_folded(folded: str) -> tuple[int, bytes]:
    """`copied_part` of a text of at most `MAX_CHARS` that is already folded."""
    folded = folded[:MAX_CHARS]
    words = _words(folded)
    if len(words) >= LEAST_WORDS or _says_much_in_few_words(words):
        said = _encoded(words)
        return _hash63(said), gist_of(said)
    if not any(mark in folded for mark in (*_LINKS, "#")):
        return NO_SIGNATURE, NO_GIST
    # The empty word keeps these words apart from those of a longer text.
    return _hash63(_encoded(["", *folded.split()])), NO_GIST


def is_repost(mention: Mention) -> bool:
    """Whether the mention passes on another one: the network says so, or the text begins with "RT @handle"."""
    if mention.repost_of is not None:
        return True
    start = mention.text[:100].lower()
    return "rt" in start and _REPOST.match(start) is not None


def _words(folded: str) -> list[str]:
    if (start := _REPOST.match(folded)) is not None:
        folded = folded[start.end() :]
    tokens = folded.split()
    many = len(tokens)
    while tokens and (tokens[-1].startswith(_AT_THE_END) or not any(map(str.isalpha, tokens[-1]))):
        tokens.pop()
    if len(tokens) < many:
        folded = " ".join(tokens)
    if "@" in folded or "&" in folded or "://" in folded or "www." in folded or "pic." in folded:
        folded = _MARKED.sub(" ", folded)
    if folded.isascii():
        return folded.encode("ascii").translate(_LETTERS_OF_ASCII).decode("ascii").split()
    return _WORD.findall(folded)


def _says_much_in_few_words(words: list[str]) -> bool:
    """Whether few words say much. Chinese, Japanese and their like write no spaces, and there a few signs are a word."""
    return sum(sign >= "\u2e80" for word in words for sign in word) >= 2 * LEAST_WORDS


def _encoded(words: list[str]) -> bytes:
    return " ".join(words).encode("utf-8", "surrogatepass")


def _hash63(said: bytes) -> int:
    return int.from_bytes(blake2b(said, digest_size=8).digest(), "big") >> 1
