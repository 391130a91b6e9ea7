"""What a mention says, as far as a machine can tell: language, sentiment, near-duplicate signature, trigger
terms.

Everything here is a pure function of one mention: whatever batch it comes in, in whatever order and
process, the same is understood. Batches exist because a scorer may be cheaper by the hundred.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.understand.language import detect_language, language_code
from processors.understand.sentiment import UNSCORED, Label, Scorer, Sentiment
from processors.understand.signature import is_repost, text_signature
from processors.understand.triggers import trigger_categories
from tocsin.core.mention import Mention


class Understood(msgspec.Struct, frozen=True):
    """One mention, understood. `Sentiment` and `text_signature` say what the numbers mean."""

    lang: str | None
    label: Label
    score_e4: int
    confidence_e4: int
    model: str | None
    signature: int
    repost: bool
    triggers: tuple[str, ...]


class Understander:
    """Understands mentions with the scorers given; of two that speak a language, the first is asked."""

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self._scorer_of = {language: scorer for scorer in reversed(scorers) for language in scorer.languages}

    def understand(self, mentions: Sequence[Mention]) -> list[Understood]:
        """One answer a mention, in order. Reads title and text; never raises for what is in them."""
        texts = [mention.full_text for mention in mentions]
        sentiments = self.sentiments(texts, [mention.lang for mention in mentions])
        return [
            Understood(
                lang=lang,
                label=sentiment.label,
                score_e4=sentiment.score_e4,
                confidence_e4=sentiment.confidence_e4,
                model=sentiment.model,
                signature=text_signature(text),
                repost=is_repost(mention),
                triggers=trigger_categories(text),
            )
            for mention, text, (lang, sentiment) in zip(mentions, texts, sentiments, strict=True)
        ]

    def sentiments(
        self, texts: Sequence[str], hints: Sequence[str | None]
    ) -> list[tuple[str | None, Sentiment]]:
        """Language and sentiment of each text. A hint (the mention's `lang`) that names one is believed."""
        languages = [
            language_code(hint) or detect_language(text)[0] for text, hint in zip(texts, hints, strict=True)
        ]
        found = [UNSCORED] * len(texts)
        places_of: dict[int, list[int]] = {}
        scorers = {id(scorer): scorer for scorer in self._scorer_of.values()}
        for place, language in enumerate(languages):
            if language is not None and (scorer := self._scorer_of.get(language)) is not None:
                places_of.setdefault(id(scorer), []).append(place)
        for which, places in places_of.items():
            scored = scorers[which].score([texts[place] for place in places])
            for place, sentiment in zip(places, scored, strict=True):
                found[place] = sentiment
        return list(zip(languages, found, strict=True))


def default_scorers() -> tuple[Scorer, ...]:
    """The scorers that come with Tocsin. Their models are read at the first text, not here."""
    from processors.understand.vader import VaderScorer

    return (VaderScorer(),)
