"""English sentiment by VADER (Hutto and Gilbert, 2014), with thresholds and confidences measured on labelled posts.

The rules and the lexicon are those of the package vaderSentiment. `compound` gives the same as its `polarity_scores`, to the
last digit, in a tenth of the time and linear in the length. The module looks up once what a word means to the rules, and
remembers it. A word without a meaning costs one look-up. The rules about neighbours run only where a neighbour has something to
say. Before that, `readable` bounds the text, so that a flood of emoji or a megabyte of text costs no more than a few
milliseconds.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from processors.understand.brand import Nudge
from processors.understand.sentiment import Label, Sentiment
from tocsin.core.facets import NO_FACETS, Facets

MAX_CHARS = 2_000
"""The part of a text that is read, after links were taken out."""
MAX_EMOJI = 20
"""The most emoji that are read. Further ones are left out."""

NEGATIVE_UP_TO_E4 = -500
POSITIVE_FROM_E4 = 3_500
"""The thresholds in ten-thousandths of compound. The package's own thresholds are 0.05 either way, but people hear praise in
posts later than that. docs/understanding.md says how these were chosen.
"""

# Pairs: from this compound on (in ten-thousandths), the share (in ten-thousandths) of labelled English posts that people
# labelled as Tocsin does. The share is the mean of four sets of posts (general tweets, an airline week, a computer brand's
# week, VADER's own tweets), so that no set's mix of labels rules.
_CONFIDENCE_E4 = (
    (-10_000, 8_900),
    (-9_000, 8_700),
    (-7_500, 8_200),
    (-6_000, 7_800),
    (-4_500, 6_700),
    (-3_000, 6_000),
    (-499, 2_500),
    (0, 5_400),
    (1, 4_300),
    (1_000, 3_300),
    (3_500, 4_000),
    (4_500, 4_800),
    (6_000, 5_700),
    (7_500, 7_200),
    (9_000, 8_900),
)
_STEPS = tuple(first for first, _ in _CONFIDENCE_E4)


class VaderScorer:
    """VADER for English posts."""

    languages = frozenset({"en"})

    @property
    def model(self) -> str:
        """The name: `vader-`, the version of the package, and the version of our preparation, thresholds and confidences."""
        return _model_name()

    def score(self, texts: Sequence[str], _nudges: Sequence[Nudge] | None = None) -> list[Sentiment]:
        """See `Scorer.score`. A text takes at most a few milliseconds, whatever its content."""
        return [_sentiment(round(compound(readable(text)) * 10_000)) for text in texts]

    def read(self, texts: Sequence[str]) -> list[tuple[Sentiment, Facets]]:
        """See `Scorer.read`. VADER tells no facets."""
        return [(sentiment, NO_FACETS) for sentiment in self.score(texts)]


def readable(text: str) -> str:
    """The scored part of a text: `MAX_CHARS` without links, with HTML entities resolved and with runs and emoji bounded."""
    text = text[: 4 * MAX_CHARS]
    if "&" in text:
        text = html.unescape(text)
    if "://" in text or "www." in text.lower():
        text = _LINK.sub(" ", text)
    text = text[:MAX_CHARS]
    if _HAS_RUN.search(text):
        text = _RUN.sub(r"\1\1\1\1", text)
    if text.isascii():
        return text
    rules = _rules()
    if len(rules.perhaps_emoji.findall(text)) <= MAX_EMOJI:
        return text
    kept = 0
    parts: list[str] = []
    for sign in text:
        kept += sign in rules.emojis
        if kept <= MAX_EMOJI or sign not in rules.emojis:
            parts.append(sign)
    return "".join(parts)


def compound(text: str) -> float:
    """VADER's compound, -1 to 1 in steps of 0.0001. It equals the `compound` of `polarity_scores`."""
    rules = _rules()
    if not text.isascii():
        text = rules.without_emoji(text)
    tokens = text.split()
    words = list(map(rules.words.__getitem__, tokens))
    if not any(words):
        return 0.0
    valences: list[float] = [0] * len(words)
    some_capitals: bool | None = None
    near, contrast = -4, False
    for i, word in enumerate(words):
        if word is None:
            continue
        # One word is in capitals, so the question is whether all are.
        if word.upper and some_capitals is None:
            some_capitals = not all(map(str.isupper, tokens))
        valence = word.valence
        if valence is None:
            contrast = contrast or word.lowered == "but"
        elif word.particular or i - near <= 3:
            if not (word.lowered == "kind" and rules.lowered(words, i + 1) == "of"):
                valences[i] = rules.valence(words, i, bool(some_capitals))
        elif word.upper and some_capitals:
            valences[i] = valence + rules.capitals if valence > 0 else valence - rules.capitals
        else:
            valences[i] = valence
        if word.near:
            near = i
    if contrast:
        lowered = [word.lowered if word is not None else "" for word in words]
        valences = rules.analyzer._but_check(lowered, valences)
    total = float(sum(valences))
    if total == 0.0:
        return 0.0
    if "!" in text or "?" in text:
        emphasis = rules.analyzer._punctuation_emphasis(text)
        total = total + emphasis if total > 0 else total - emphasis
    return round(rules.normalize(total), 4)


@cache
def _sentiment(score_e4: int) -> Sentiment:
    """The sentiment of a score. There are 20,001 scores, which bounds the cache."""
    label: Label = "neutral"
    if score_e4 <= NEGATIVE_UP_TO_E4:
        label = "negative"
    elif score_e4 >= POSITIVE_FROM_E4:
        label = "positive"
    return Sentiment(label, score_e4, _CONFIDENCE_E4[bisect_right(_STEPS, score_e4) - 1][1], _model_name())


@dataclass(frozen=True, slots=True)
class _Word:
    """The meaning of a token to the rules. A token that means nothing to them has no `_Word`."""

    lowered: str
    valence: float | None
    """The valence of a word of the lexicon; None for other words."""
    upper: bool
    boost: float
    negates: bool
    near: bool
    """Whether the word may change the valence of one of the next three words."""
    particular: bool
    """Whether the valence of the word itself depends on what it is or on the word after it."""


class _Words(dict[str, "_Word | None"]):
    """A map from a token to its meaning, worked out when the map first meets the token.

    When the map is full, it empties itself, which changes no answer.
    """

    def __init__(self, rules: _Rules) -> None:
        self._rules = rules

    def __missing__(self, token: str) -> _Word | None:
        word = self._rules.word(token)
        if len(token) <= _LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[token] = word
        return word


class _Rules:
    """The lexicons and tables of vaderSentiment, read once, and its rule for the valence of one word."""

    def __init__(self) -> None:
        from vaderSentiment import vaderSentiment as package

        self.analyzer: Any = package.SentimentIntensityAnalyzer()
        self.normalize: Callable[[float], float] = package.normalize
        self.lexicon: dict[str, float] = self.analyzer.lexicon
        self.boosters: dict[str, float] = package.BOOSTER_DICT
        self.emojis: dict[str, str] = {
            sign: words for sign, words in self.analyzer.emojis.items() if len(sign) == 1
        }
        self.perhaps_emoji = _class_around(self.emojis)
        self.negations = frozenset(package.NEGATE)
        self.capitals: float = package.C_INCR
        self.negated: float = package.N_SCALAR
        phrases = [phrase.split() for phrase in (*package.SPECIAL_CASES, *self.boosters) if " " in phrase]
        self.idiom_marks = frozenset(max(phrase, key=len) for phrase in phrases)
        self._phrase_starts = frozenset(phrase[0] for phrase in phrases)
        self._of_phrases = frozenset(word for phrase in phrases for word in phrase)
        self.words = _Words(self)

    def word(self, token: str) -> _Word | None:
        """The meaning of a token to the rules, or None if it means nothing to them."""
        bare = token.strip(_PUNCTUATION)
        lowered = (token if len(bare) <= 2 else bare).lower()
        boost = self.boosters.get(lowered, 0.0)
        negates = lowered in self.negations or "n't" in lowered
        valence = None if boost else self.lexicon.get(lowered)
        near = bool(boost) or negates or lowered in _NEAR or lowered in self.idiom_marks
        if valence is None and not near and lowered not in self._of_phrases and lowered not in _OTHERS:
            return None
        return _Word(
            lowered=lowered,
            valence=valence,
            upper=token.isupper(),
            boost=boost,
            negates=negates,
            near=near,
            particular=lowered in self.idiom_marks or lowered in self._phrase_starts or lowered == "no",
        )

    def without_emoji(self, text: str) -> str:
        """The text with emoji in words, with a space before them. VADER puts no space after them."""

        def in_words(found: re.Match[str]) -> str:
            words = self.emojis.get(found[0])
            if words is None:
                return found[0]
            at = found.start()
            return words if at == 0 or text[at - 1] == " " else f" {words}"

        return self.perhaps_emoji.sub(in_words, text)

    @staticmethod
    def lowered(words: Sequence[_Word | None], i: int) -> str:
        """The token at `i` in lower case, or "" without a token there that the rules know."""
        word = words[i] if 0 <= i < len(words) else None
        return word.lowered if word is not None else ""

    def valence(self, words: Sequence[_Word | None], i: int, some_capitals: bool) -> float:
        """The valence of the lexicon word at `i`: the `sentiment_valence` of the package, in the same order of arithmetic.

        The rules look at three words before and two after, never further.
        """
        this = words[i]
        assert this is not None and this.valence is not None
        valence = this.valence
        before = [words[i - back] if i >= back else None for back in (1, 2, 3)]
        one, two, three = (word.lowered if word is not None else "" for word in before)
        if this.lowered == "no" and self.lowered(words, i + 1) in self.lexicon:
            valence = 0.0
        if one == "no" or two == "no" or (three == "no" and one in ("or", "nor")):
            valence = this.valence * self.negated
        if some_capitals and this.upper:
            valence += self.capitals if valence > 0 else -self.capitals
        if (word := before[0]) is not None and word.valence is None:
            valence += self._boost(word, valence, some_capitals)
            if word.negates:
                valence *= self.negated
        if (word := before[1]) is not None and word.valence is None:
            valence += self._boost(word, valence, some_capitals) * 0.95
            if two == "never" and one in ("so", "this"):
                valence *= 1.25
            elif word.negates and not (two == "without" and one == "doubt"):
                valence *= self.negated
        word = before[2]
        if i > 2 and (word is None or word.valence is None):
            if word is not None:
                valence += self._boost(word, valence, some_capitals) * 0.9
            if (three == "never" and two in ("so", "this")) or one in ("so", "this"):
                valence *= 1.25
            elif word is not None and word.negates and not (three == "without" and "doubt" in (one, two)):
                valence *= self.negated
            around = [self.lowered(words, at) for at in range(i - 3, min(i + 3, len(words)))]
            if not self.idiom_marks.isdisjoint(around):
                valence = self.analyzer._special_idioms_check(valence, around, 3)
        if one == "least" and (i == 1 or two not in ("at", "very")):
            valence *= self.negated
        return valence

    def _boost(self, word: _Word, valence: float, some_capitals: bool) -> float:
        boost = word.boost
        if boost == 0.0:
            return 0.0
        if valence < 0:
            boost = -boost
        if some_capitals and word.upper:
            boost += self.capitals if valence > 0 else -self.capitals
        return boost


def _class_around(signs: Iterable[str]) -> re.Pattern[str]:
    """A pattern for any of these signs.

    Beyond the first 65,536, where `re` keeps no table, it also takes the signs between them.
    """
    low = "".join(re.escape(sign) for sign in signs if sign <= "\uffff")
    high = [sign for sign in signs if sign > "\uffff"]
    return re.compile(f"[{low}{min(high)}-{max(high)}]")


_LONGEST_KEPT, _MOST_KEPT = 24, 1 << 15
"""The longest token that is remembered, in characters, and the most tokens: 15 MB at the very most."""
_NEAR = frozenset({"no", "never", "so", "this", "least"})
"""Words that are neither boosters nor negations and change a word that comes later."""
_OTHERS = frozenset({"but", "or", "nor", "without", "doubt", "at", "very", "of"})
"""Words that the rules ask about beside another."""
# Upper and lower case are written out, because with re.IGNORECASE a search is three times as slow. The long s is its own
# upper case.
_LINK = re.compile(r"[hHwW](?:(?<=[hH])[tT][tT][pP][sSſ]?://|(?<=[wW])[wW][wW]\.)\S+")
_RUN = re.compile(r"(.)\1\1\1\1+", re.DOTALL)
# To look for a run is faster than to replace none.
_HAS_RUN = re.compile(r"(.)\1\1\1\1", re.DOTALL)
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@cache
def _rules() -> _Rules:
    return _Rules()


@cache
def _model_name() -> str:
    return f"vader-{version('vaderSentiment')}-1"
