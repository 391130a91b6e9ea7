"""English sentiment by VADER (Hutto and Gilbert, 2014), with thresholds and confidences measured on
labelled posts.

The rules and the lexicon are those of the package vaderSentiment. `compound` gives what its
`polarity_scores` gives, to the last digit, but reads each word's neighbours instead of the whole text again
and walks emoji only where there are any: several times as fast, and linear in the length. Before that,
`readable` bounds what is read, so that a flood of emoji or a megabyte of text costs no more than a few
milliseconds.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from processors.understand.sentiment import Label, Sentiment

MAX_CHARS = 2_000
"""What is read of a text, after links were taken out."""
MAX_RUN = 4
"""The same character more often than this in a row says no more; VADER counts no more than four "!"."""
MAX_EMOJI = 20
"""Emoji beyond so many are left out."""

NEGATIVE_UP_TO_E4 = -500
POSITIVE_FROM_E4 = 3_500
"""Ten-thousandths of compound. The package's own thresholds are 0.05 either way; people hear praise in
posts later than that. How these were chosen: docs/understanding.md."""

# Which share of labelled English posts with a compound in a range people labelled as we do: the mean of four
# sets of posts (general tweets, an airline week, a computer brand's week, VADER's own tweets), so that no
# set's mix of labels rules. (from this many ten-thousandths on, the share in ten-thousandths)
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
        """`vader-`, the package's version, and that of our preparation, thresholds and confidences."""
        return _model_name()

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        """See `Scorer.score`. At most a few milliseconds a text, whatever is in it."""
        model = _model_name()
        return [_sentiment(round(compound(readable(text)) * 10_000), model) for text in texts]


def readable(text: str) -> str:
    """What is scored of a text: `MAX_CHARS` without links, HTML entities resolved, runs and emoji bounded."""
    text = text[: 4 * MAX_CHARS]
    if "&" in text:
        text = html.unescape(text)
    text = _RUN.sub(r"\1\1\1\1", _LINK.sub(" ", text)[:MAX_CHARS])
    if text.isascii():
        return text
    emoji = _rules().emojis
    if sum(map(emoji.__contains__, text)) <= MAX_EMOJI:
        return text
    kept = 0
    parts: list[str] = []
    for sign in text:
        kept += sign in emoji
        if kept <= MAX_EMOJI or sign not in emoji:
            parts.append(sign)
    return "".join(parts)


def compound(text: str) -> float:
    """VADER's compound, -1 to 1 in steps of 0.0001: equal to what `polarity_scores` calls so."""
    rules = _rules()
    if not text.isascii() and not rules.emojis.keys().isdisjoint(text):
        text = rules.without_emoji(text)
    text = text.strip()
    words = [word if len(bare := word.strip(_PUNCTUATION)) <= 2 else bare for word in text.split()]
    lowered = [word.lower() for word in words]
    found = [i for i, word in enumerate(lowered) if word in rules.feeling]
    if not found:
        return 0.0
    capitals = sum(map(str.isupper, words))
    some_capitals = 0 < capitals < len(words)
    valences: list[float] = [0] * len(words)
    for i in found:
        if not (lowered[i] == "kind" and lowered[i + 1 : i + 2] == ["of"]):
            valences[i] = rules.valence(words, lowered, i, some_capitals)
    if "but" in lowered:
        valences = rules.analyzer._but_check(words, valences)
    total = float(sum(valences))
    if total == 0.0:
        return 0.0
    emphasis = rules.analyzer._punctuation_emphasis(text)
    return round(rules.normalize(total + emphasis if total > 0 else total - emphasis), 4)


def _sentiment(score_e4: int, model: str) -> Sentiment:
    label: Label = "neutral"
    if score_e4 <= NEGATIVE_UP_TO_E4:
        label = "negative"
    elif score_e4 >= POSITIVE_FROM_E4:
        label = "positive"
    return Sentiment(label, score_e4, _CONFIDENCE_E4[bisect_right(_STEPS, score_e4) - 1][1], model)


class _Rules:
    """vaderSentiment's lexicons and tables, read once, and its rule for the valence of one word."""

    def __init__(self) -> None:
        from vaderSentiment import vaderSentiment as package

        self.analyzer: Any = package.SentimentIntensityAnalyzer()
        self.normalize: Callable[[float], float] = package.normalize
        self.lexicon: dict[str, float] = self.analyzer.lexicon
        self.boosters: dict[str, float] = package.BOOSTER_DICT
        self.feeling = self.lexicon.keys() - self.boosters.keys()
        self.emojis: dict[str, str] = {
            sign: words for sign, words in self.analyzer.emojis.items() if len(sign) == 1
        }
        self.negations = frozenset(package.NEGATE)
        self.capitals: float = package.C_INCR
        self.negated: float = package.N_SCALAR
        phrases = [phrase.split() for phrase in (*package.SPECIAL_CASES, *self.boosters) if " " in phrase]
        self.idiom_marks = frozenset(max(phrase, key=len) for phrase in phrases)

    def without_emoji(self, text: str) -> str:
        """Emoji in words, set off from what stands before them (what stands behind is not, in VADER)."""
        parts: list[str] = []
        before = " "
        for sign in text:
            if words := self.emojis.get(sign):
                parts.append(words if before == " " else f" {words}")
            else:
                parts.append(sign)
            before = sign
        return "".join(parts)

    def valence(self, words: list[str], lowered: list[str], i: int, some_capitals: bool) -> float:
        """The package's `sentiment_valence` for the lexicon word at `i`, in the same order of arithmetic.

        The rules look at three words before and two after, never further.
        """
        lexicon = self.lexicon
        word = lowered[i]
        valence = lexicon[word]
        one, two, three = (lowered[i - back] if i >= back else "" for back in (1, 2, 3))
        if word == "no" and i + 1 < len(lowered) and lowered[i + 1] in lexicon:
            valence = 0.0
        if one == "no" or two == "no" or (three == "no" and one in ("or", "nor")):
            valence = lexicon[word] * self.negated
        if some_capitals and words[i].isupper():
            valence += self.capitals if valence > 0 else -self.capitals
        if i > 0 and one not in lexicon:
            valence += self._boost(one, words[i - 1], valence, some_capitals)
            if self._negates(one):
                valence *= self.negated
        if i > 1 and two not in lexicon:
            valence += self._boost(two, words[i - 2], valence, some_capitals) * 0.95
            if two == "never" and one in ("so", "this"):
                valence *= 1.25
            elif not (two == "without" and one == "doubt") and self._negates(two):
                valence *= self.negated
        if i > 2 and three not in lexicon:
            valence += self._boost(three, words[i - 3], valence, some_capitals) * 0.9
            if (three == "never" and two in ("so", "this")) or one in ("so", "this"):
                valence *= 1.25
            elif not (three == "without" and "doubt" in (one, two)) and self._negates(three):
                valence *= self.negated
            around = lowered[i - 3 : i + 3]
            if not self.idiom_marks.isdisjoint(around):
                valence = self.analyzer._special_idioms_check(valence, around, 3)
        if one == "least" and (i == 1 or two not in ("at", "very")):
            valence *= self.negated
        return valence

    def _boost(self, lowered: str, word: str, valence: float, some_capitals: bool) -> float:
        boost = self.boosters.get(lowered)
        if boost is None:
            return 0.0
        if valence < 0:
            boost = -boost
        if some_capitals and word.isupper():
            boost += self.capitals if valence > 0 else -self.capitals
        return boost

    def _negates(self, lowered: str) -> bool:
        return lowered in self.negations or "n't" in lowered


_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_RUN = re.compile(r"(.)\1{4,}", re.DOTALL)
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@cache
def _rules() -> _Rules:
    return _Rules()


@cache
def _model_name() -> str:
    return f"vader-{version('vaderSentiment')}-1"
