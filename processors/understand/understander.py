"""The understanding of a mention, as far as a machine can tell: language, sentiment, facets, near-duplicate
signature, trigger terms.

Everything here is a pure function of one mention. The batch, the order and the process make no difference. Batches exist because
most of the work is cheaper by the hundred, and because in a storm many people say the same: equal texts are understood once and
remembered for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec

from processors.understand import signature, triggers
from processors.understand.brand import NO_NUDGE, Brand, Toward
from processors.understand.language import language_code, language_of
from processors.understand.quotes import own_words
from processors.understand.sentiment import LABELS, UNSCORED, Label, Scorer, Sentiment
from processors.understand.signature import copied_part_of_folded, is_repost
from processors.understand.target import Pieces, asked_of
from processors.understand.triggers import triggers_of_folded
from tocsin.core.facets import NO_FACETS, Facets
from tocsin.core.mention import Mention
from tocsin.query.fold import fold

Answer = TypeVar("Answer")

_REMEMBERED_CHARS = 1 << 20
_LONGEST_REMEMBERED = 2_000
# The cost of an entry beside its text, counted in characters.
_ENTRY_CHARS = 100


class Understood(msgspec.Struct, frozen=True):
    """The understanding of one mention. `Sentiment` and `text_signature` say what the numbers mean."""

    lang: str | None
    label: Label
    score_e4: int
    confidence_e4: int
    model: str | None
    facets: Facets
    signature: int
    repost: bool
    triggers: tuple[str, ...]
    # `processors.understand.gist`
    gist: bytes = b""
    toward: dict[str, Toward] = {}
    """By monitor, the label toward its brand, where that is another one than `label`."""
    own: frozenset[str] = frozenset()
    """The monitors whose own brand's account wrote the mention."""


class AboutBrand(NamedTuple):
    """A question: the label of a text toward a brand, where `others` are names of other brands in it."""

    text: str
    lang: str | None
    label: str
    brand: Brand
    others: tuple[str, ...] = ()

    def other(self, label: str) -> Toward | None:
        """The label toward a brand, where the part about the brand has another label than the whole text."""
        if label in ("unscored", self.label):
            return None
        if self.brand.model is not None:
            return Toward(label, f"brand-{self.brand.model.version}")
        return Toward(label, "part")


_Asked = tuple[str, str | None, bool]
"""The input of an answer: the text, the language that its network states, and whether it is a repost."""


class Understander:
    """The understander of mentions, with the given scorers. If two scorers speak a language, the first one scores it.

    Only one thread at a time may use it, because it remembers its last answers.
    """

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self._scorer_of = {language: scorer for scorer in reversed(scorers) for language in scorer.languages}
        self._remembered = _Remembered(_REMEMBERED_CHARS)

    def understand(self, mentions: Sequence[Mention]) -> list[Understood]:
        """One answer per mention, in order. Reads the title and the text, and never raises because of their content."""
        asked = [(one.full_text, _code(one.lang), is_repost(one)) for one in mentions]
        answers = self._remembered.among(asked)
        new = [one for one in dict.fromkeys(asked) if one not in answers]
        for one, answer in zip(new, self._answers(new), strict=True):
            answers[one] = answer
            self._remembered.put(one, answer)
        return [answers[one] for one in asked]

    def _answers(self, asked: Sequence[_Asked]) -> list[Understood]:
        texts = [text for text, _, _ in asked]
        folded = [fold(text[: triggers.MAX_CHARS]) for text in texts]
        return [
            Understood(
                lang=lang,
                label=sentiment.label,
                score_e4=sentiment.score_e4,
                confidence_e4=sentiment.confidence_e4,
                model=sentiment.model,
                facets=facets,
                signature=mark,
                repost=repost,
                triggers=categories,
                gist=gist,
            )
            for (_, _, repost), (mark, gist), (lang, (sentiment, facets)), categories in zip(
                asked,
                map(_copied_part, texts, folded),
                self.read(texts, [code for _, code, _ in asked]),
                triggers_of_folded(folded),
                strict=True,
            )
        ]

    def sentiments(
        self, texts: Sequence[str], hints: Sequence[str | None]
    ) -> list[tuple[str | None, Sentiment]]:
        """The language and the sentiment of each text. A hint is the `lang` of the mention. It is believed where the text does
        not show another language (`language_of`).
        """
        return self._by_language(
            texts, list(map(_code, hints)), UNSCORED, lambda scorer, some: scorer.score(some)
        )

    def read(
        self, texts: Sequence[str], hints: Sequence[str | None]
    ) -> list[tuple[str | None, tuple[Sentiment, Facets]]]:
        """`sentiments`, with the facets of each text beside its sentiment."""
        return self._by_language(
            texts,
            list(map(_code, hints)),
            (UNSCORED, NO_FACETS),
            lambda scorer, some: scorer.read(some),
        )

    def toward(self, asked: Sequence[AboutBrand]) -> list[Toward | None]:
        """The label of each text toward the brand; None where it is that of the text."""
        own = [own_words(one.text) for one in asked]
        found: list[Toward | None] = [None] * len(asked)
        places_of: dict[str, list[int]] = {}
        cut_of: dict[str, list[tuple[int, Pieces]]] = {}
        parts: dict[int, str] = {}
        for place, (one, text) in enumerate(zip(asked, own, strict=True)):
            if one.lang not in self._scorer_of:
                continue
            if (pieces := one.brand.pieces(text, one.lang, one.others)) is not None:
                cut_of.setdefault(one.lang or "", []).append((place, pieces))
                continue
            parts[place] = one.brand.read(text, one.others)
            if one.brand.model is not None or parts[place] != text:
                places_of.setdefault(one.lang or "", []).append(place)
        for language, cut in cut_of.items():
            for (place, _), label in zip(cut, self._contrasted(language, asked, cut), strict=True):
                found[place] = asked[place].other(label)
        for language, places in places_of.items():
            models = [asked[place].brand.model for place in places]
            some = [parts[place] for place in places]
            nudges = [
                model.nudge(part) if model else NO_NUDGE for model, part in zip(models, some, strict=True)
            ]
            scored = self._scorer_of[language].score(some, nudges)
            for place, sentiment in zip(places, scored, strict=True):
                found[place] = asked[place].other(sentiment.label)
        return found

    def _contrasted(
        self, language: str, asked: Sequence[AboutBrand], cut: Sequence[tuple[int, Pieces]]
    ) -> list[Label]:
        """The labels toward the brands of texts that name two. What corrections have taught is added, as in other texts."""
        from processors.understand.contrast import logits_of

        pieces = [one for _, one in cut]
        logits = logits_of(pieces, self._scorer_of[language].score(asked_of(pieces)))
        for row, (place, one) in zip(logits, cut, strict=True):
            if (model := asked[place].brand.model) is not None:
                row += model.nudge(one.about)
        return [LABELS[int(row.argmax())] for row in logits]

    def _by_language(
        self,
        texts: Sequence[str],
        codes: Sequence[str | None],
        nothing: Answer,
        ask: Callable[[Scorer, Sequence[str]], Sequence[Answer]],
    ) -> list[tuple[str | None, Answer]]:
        """The language of each text, and the answer of the scorer that speaks it, or `nothing` where none does."""
        texts = [own_words(text) for text in texts]
        languages = [language_of(text, code) for text, code in zip(texts, codes, strict=True)]
        found = [nothing] * len(texts)
        places_of: dict[int, list[int]] = {}
        scorers = {id(scorer): scorer for scorer in self._scorer_of.values()}
        for place, language in enumerate(languages):
            if language is not None and (scorer := self._scorer_of.get(language)) is not None:
                places_of.setdefault(id(scorer), []).append(place)
        for which, places in places_of.items():
            answers = ask(scorers[which], [texts[place] for place in places])
            for place, answer in zip(places, answers, strict=True):
                found[place] = answer
        return list(zip(languages, found, strict=True))


class _Remembered:
    """The recent answers, for copies that come batches later. There are two generations. When the younger one is full, the older
    one is dropped, so at most twice `chars` characters are kept.
    """

    def __init__(self, chars: int) -> None:
        self._most = chars
        self._held = 0
        self._young: dict[_Asked, Understood] = {}
        self._old: dict[_Asked, Understood] = {}

    def among(self, asked: Sequence[_Asked]) -> dict[_Asked, Understood]:
        """The known answers among those asked for."""
        old = {one: self._old[one] for one in self._old.keys() & asked}
        return old | {one: self._young[one] for one in self._young.keys() & asked}

    def put(self, one: _Asked, answer: Understood) -> None:
        """Keep an answer for a while, unless its text is long."""
        if len(one[0]) > _LONGEST_REMEMBERED:
            return
        self._held += len(one[0]) + _ENTRY_CHARS
        if self._held > self._most:
            self._old, self._young, self._held = self._young, {}, len(one[0]) + _ENTRY_CHARS
        self._young[one] = answer


@lru_cache(maxsize=1024)
def _code_of_short(hint: str) -> str | None:
    return language_code(hint)


def _copied_part(text: str, folded: str) -> tuple[int, bytes]:
    short = len(text) <= signature.MAX_CHARS
    return copied_part_of_folded(folded if short else fold(text[: signature.MAX_CHARS]))


def _code(hint: str | None) -> str | None:
    return _code_of_short(hint[:64]) if hint else None


PLUGGED: list[Scorer] = []
"""The scorers of plugins. They win over Tocsin's own for the languages that they speak."""


def default_scorers() -> tuple[Scorer, ...]:
    """The scorers that come with Tocsin, one a language, and those of plugins. Models are read at the first text, not here."""
    from processors.understand.linear import LinearScorer, shipped_languages

    return (*map(LinearScorer, shipped_languages()), *PLUGGED)


_of_thread = threading.local()


def mention_facets(mention: Mention) -> Facets:
    """The facets of one mention, for the queries that ask for them (`intent:complaint`). Each thread has its own understander."""
    understander: Understander | None = getattr(_of_thread, "understander", None)
    if understander is None:
        understander = _of_thread.understander = Understander(default_scorers())
    return understander.understand([mention])[0].facets
