"""Hashed features of short posts, for linear models: words, parts of words, pairs of words, negation, valence.

A text becomes counts of features, each a number below `BUCKETS`. A token brings its word, the parts of it (three to five letters,
so that inflected and misspelt forms share something), and the step of its valence in the lexicon of the language. A negator marks
the tokens after it, at most `NEGATED_WORDS` of them in the same clause: each brings its word as negated, and its valence too.
Some negators stand behind ("iyi değil") and mark the tokens before them, and some mark both sides. Two neighbours bring a pair.
A whole text brings the step of its summed valence and the step of its length. Diacritics and case make no difference, apart from
words in capitals.

Links and handles bring nothing but their presence. A hashtag brings itself and the words in it. Texts end at `MAX_CHARS`
characters and `MAX_TOKENS` tokens, so that no post costs more than another dozen.
"""

from __future__ import annotations

import html
import re
import zlib
from array import array
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from processors.understand.lexicon import Lexicon, Negation
from tocsin.query.fold import fold

BITS: Final = 18
BUCKETS: Final = 1 << BITS
MAX_CHARS: Final = 2_000
MAX_TOKENS: Final = 256
NEGATED_WORDS: Final = 4
"""How many tokens after a negator are marked as negated."""

Ints = npt.NDArray[np.int64]

_LINK = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S*", re.IGNORECASE)
_HANDLE = re.compile(r"[@＠]\w+")
_TAG = re.compile(r"#(\w+)")
_CAMEL = re.compile(r"(?<=[a-zçğıöşüăâîșț])(?=[A-ZÇĞİÖŞÜĂÂÎȘȚ])")
_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)
# Few texts have a run, and to look for one is four times as fast as to replace none.
_HAS_RUN = re.compile(r"(.)\1\1\1", re.DOTALL)
_STRETCHED = re.compile(r"(.)\1\1+")
# Emoticons, hashtags, words (with apostrophes in them), numbers, runs of marks, and every other sign on its own.
_TOKEN = re.compile(
    r"[:;=8xX]['’]?-?[()\[\]DPpOo/\\|*3](?!\w)|<3|#\w+|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[!?]+|\.{2,}|[^\w\s]"
)
_ENDS: Final = frozenset(".,;:!?…|")
_PARTS: Final = (3, 4, 5)
_LONGEST_WORD: Final = 24
_LONGEST_KEPT: Final = 40
_MOST_KEPT: Final = 1 << 15
"""The most tokens that are remembered, and the most pieces of texts: some 50 MB at the very most."""

_PLAIN, _END, _NEGATOR, _NEGATOR_BEHIND, _NEGATOR_BOTH = 0, 1, 2, 3, 4


def bucket(name: str) -> int:
    """The bucket of the feature of this name."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) & (BUCKETS - 1)


def pair_buckets(first: Ints, second: Ints) -> Ints:
    """The bucket of each pair of words, from the words' own numbers."""
    mixed = (first * 0x9E3779B1 + second * 0x85EBCA6B) & 0xFFFFFFFF
    mixed ^= mixed >> 15
    return mixed & (BUCKETS - 1)


_KIND_OF: Final[dict[Negation, int]] = {
    "": _PLAIN,
    "after": _NEGATOR,
    "before": _NEGATOR_BEHIND,
    "both": _NEGATOR_BOTH,
}


def part_buckets(words: Sequence[str]) -> tuple[Ints, Ints]:
    """The buckets of the parts of each word, one word after the other, and by word how many it has. The hash is FNV-like."""
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    codes = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.int64
    )
    word_of = np.repeat(np.arange(len(words)), lengths)
    room = np.cumsum(lengths)[word_of] - np.arange(len(codes))
    found, owners = [], []
    for size in _PARTS:
        places = np.flatnonzero(room >= size)
        mixed = np.full(len(places), size, dtype=np.int64)
        for ahead in range(size):
            mixed = (mixed * 0x01000193 ^ codes[places + ahead]) & 0xFFFFFFFF
        mixed = ((mixed ^ mixed >> 15) * 0x2C1B3C6D) & 0xFFFFFFFF
        found.append((mixed ^ mixed >> 12) & (BUCKETS - 1))
        owners.append(word_of[places])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(found)[order], np.bincount(owner, minlength=len(words))


class Token(NamedTuple):
    """What a token brings: the buckets `always`, those where nothing negates it, and those where something does."""

    edged: str
    """The word between its edges, for `part_buckets`; empty where only the whole counts."""
    always: tuple[int, ...]
    affirmed: tuple[int, ...]
    negated: tuple[int, ...]
    number: int
    """32 bits that stand for the word in a pair."""
    kind: int
    valence: int
    """In tenths, from the lexicon."""


class Tokens(NamedTuple):
    """The tokens of a batch, one text after the other, each text after a sentinel that is no token of it."""

    ids: Ints
    """By token, its place among the tokens that the reader has met."""
    starts: Ints
    """By text, where its sentinel stands."""


class _Pieces(dict[str, bytes]):
    """A map from a piece of a text, as it stands between spaces, to the places of its tokens. No token holds a space, so most
    texts are read by looking their pieces up. When the map is full, it empties itself, which changes no answer.
    """

    def __init__(self, place_of: Callable[[str], int]) -> None:
        self._place_of = place_of

    def __missing__(self, piece: str) -> bytes:
        said = _shortened(piece)
        # Most pieces are one word.
        tokens = [said] if said.isalpha() else _TOKEN.findall(said)
        places = array("q", map(self._place_of, tokens)).tobytes()
        if len(piece) <= _LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[piece] = places
        return places


class Reader:
    """Reads texts of one language into tokens, and remembers what a token brings. Only one thread at a time may use it."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self.known: list[Token] = []
        self._ids: dict[str, int] = {}
        self._pieces = _Pieces(self._place_of)
        self.forget()

    def forget(self) -> None:
        """Forget every token. The numbers that tokens had before mean nothing from now on."""
        self._ids.clear()
        self._pieces.clear()
        self.known[:] = [_SENTINEL]

    @property
    def full(self) -> bool:
        """Whether it is time to forget."""
        return len(self.known) > _MOST_KEPT

    def read(self, texts: Sequence[str]) -> Tokens:
        """The tokens of these texts. Numbers of tokens hold until `forget`."""
        read, starts, at = list[bytes](), list[int](), 0
        places_of = self._pieces.__getitem__
        for text in texts:
            starts.append(at)
            pieces = _opened_up(text).split()
            if len(pieces) > MAX_TOKENS:
                # A piece of nothing but "_" holds no token, and every other one at least one.
                pieces = [piece for piece in pieces if piece.strip("_")][:MAX_TOKENS]
            places = b"".join(map(places_of, pieces))[: MAX_TOKENS * _PLACE_BYTES]
            read += (_SENTINELS_PLACE, places)
            at += 1 + len(places) // _PLACE_BYTES
        return Tokens(np.frombuffer(b"".join(read), dtype=np.int64), np.array(starts, dtype=np.int64))

    def _place_of(self, token: str) -> int:
        place = self._ids.get(token)
        return place if place is not None else self._learn(token)

    def _learn(self, token: str) -> int:
        self.known.append(self._token(token))
        place = len(self.known) - 1
        if len(token) <= _LONGEST_KEPT:
            self._ids[token] = place
        return place

    def _token(self, token: str) -> Token:
        folded = fold(token)
        word = _STRETCHED.sub(r"\1\1", folded) if _STRETCHED.search(folded) else folded
        said = word.encode("utf-8", "surrogatepass")
        always = [_bucket_after(_WORD, said)]
        if word != folded:
            always.append(_IS_STRETCHED)
        if len(token) > 2 and token.isupper():
            always += [_IS_CAPITALS, _bucket_after(_IN_CAPITALS, said)]
        edged = f"<{word[:_LONGEST_WORD]}>" if word[:1].isalpha() else ""
        affirmed, negated = list[int](), [_bucket_after(_NOT, said)]
        valence = self._lexicon.valence(word)
        if valence:
            step = max(-3, min(3, round(valence)))
            side = "up" if valence > 0 else "down"
            affirmed += [bucket(f"valence {step}"), bucket(f"valence {side}")]
            negated += [bucket(f"not valence {step}"), bucket(f"not valence {side}")]
        kind = _END if word[:1] in _ENDS else _KIND_OF[self._lexicon.negates(word)]
        number = zlib.crc32(said)
        return Token(edged, tuple(always), tuple(affirmed), tuple(negated), number, kind, round(valence * 10))


def _bucket_after(hashed: int, said: bytes) -> int:
    """The bucket of a name that ends in `said`; the rest of the name is hashed already."""
    return zlib.crc32(said, hashed) & (BUCKETS - 1)


_WORD, _IN_CAPITALS, _NOT = map(zlib.crc32, (b"w ", b"W ", b"not "))
_IS_STRETCHED, _IS_CAPITALS = bucket("stretched"), bucket("capitals")
_SENTINEL: Final = Token("", (), (), (), zlib.crc32(b"\x00"), _END, 0)
_SENTINELS_PLACE: Final = array("q", [0]).tobytes()
_PLACE_BYTES: Final = len(_SENTINELS_PLACE)


def tokens_of(text: str) -> list[str]:
    """The tokens of a text that are read, in order, as they are written there."""
    tokens = _TOKEN.findall(cleaned(text))
    return tokens if len(tokens) <= MAX_TOKENS else tokens[:MAX_TOKENS]


def cleaned(text: str) -> str:
    """The part of a text that is read: without links, a handle as "@", hashtags with the words in them, runs of at most three."""
    return _shortened(_opened_up(text))


def _opened_up(text: str) -> str:
    """`cleaned`, with its runs as they are."""
    text = text[: 4 * MAX_CHARS]
    if "&" in text:
        text = html.unescape(text)
    if "://" in text or "ww." in text.lower() or "pic." in text:
        text = _LINK.sub(" ", text)
    if "@" in text or "＠" in text:
        text = _HANDLE.sub(" @ ", text)
    if "#" in text:
        text = _TAG.sub(_opened, text)
    return text[:MAX_CHARS]


def _shortened(text: str) -> str:
    return _RUN.sub(r"\1\1\1", text) if _HAS_RUN.search(text) else text


def _opened(found: re.Match[str]) -> str:
    return f" #{found[1]} {_CAMEL.sub(' ', found[1]).replace('_', ' ')} "


def are_negated(kinds: Ints) -> npt.NDArray[np.bool_]:
    """By token, whether a negator that may reach it stands in the same clause and at most `NEGATED_WORDS` tokens away."""
    ends = kinds == _END
    both = kinds == _NEGATOR_BOTH
    behind = _after(((kinds == _NEGATOR_BEHIND) | both)[::-1], ends[::-1])[::-1]
    return _after((kinds == _NEGATOR) | both, ends) | behind


def _after(negators: npt.NDArray[np.bool_], ends: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """By place, whether one of the `NEGATED_WORDS` places before is a negator, with no end in between."""
    places = np.arange(len(ends))
    negator = np.maximum.accumulate(np.where(negators, places, -NEGATED_WORDS - 2))
    end = np.maximum.accumulate(np.where(ends, places, -1))
    before = np.empty_like(negator)
    before[:1] = -NEGATED_WORDS - 2
    before[1:] = negator[:-1]
    return (before >= end) & (places - before <= NEGATED_WORDS)


def text_buckets(valences: Ints, lengths: Ints) -> list[Ints]:
    """By text, the buckets of the whole: the step of its valence (a sum of tenths), its side, and the step of its length."""
    steps = np.clip(np.round(valences / 20).astype(np.int64), -4, 4)
    return [
        _STEPS[steps + 4],
        _SIDES[np.sign(valences).astype(np.int64) + 1],
        _LENGTHS[np.minimum(lengths // 5, 6)],
    ]


_STEPS: Final = np.array([bucket(f"sum {step}") for step in range(-4, 5)])
_SIDES: Final = np.array([bucket(f"side {side}") for side in (-1, 0, 1)])
_LENGTHS: Final = np.array([bucket(f"length {step}") for step in range(7)])
