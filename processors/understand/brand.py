"""Sentiment toward one brand, for the monitor that watches it. It may differ from the sentiment of the whole text.

Three things make it differ. The text names another brand too: then a model weighs the clauses about either brand and the places
of the names (`contrast`). Where another handle is all that it names, only the clauses about this brand count (`target`). The text
has words that are neutral for this brand, such as the name of a game that is called "War Zone": they are taken out. People have
corrected labels: then a small model adds something to the logit of each label, word by word. All three depend on the text and on
the brand as it was defined when the mention came, and on nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import msgspec

from processors.understand.target import MAX_CHARS, Pieces, part_about, pieces_of
from tocsin.core.mention import Mention
from tocsin.query.fold import fold

Nudge = tuple[float, float, float]
"""Numbers to add to the logits of negative, neutral and positive, in this order."""

NO_NUDGE: Final[Nudge] = (0.0, 0.0, 0.0)
MOST_WORDS: Final = 256
_WORD: Final = re.compile(r"[^\W_]+")
_HANDLE: Final = re.compile(r"[@＠]\w+")


@dataclass(frozen=True, slots=True)
class BrandModel:
    """The model that was learnt from corrections: a nudge for every text of the brand, and one for each word."""

    version: int
    bias: Nudge = NO_NUDGE
    words: Mapping[str, Nudge] = field(default_factory=dict)

    def nudge(self, text: str) -> Nudge:
        """What the model adds to the logits of a text."""
        found = words_in(text)
        share = 1 / math.sqrt(max(1, len(found)))
        rows = [self.words[word] for word in found if word in self.words]
        negative, neutral, positive = (
            round(bias + share * math.fsum(row[label] for row in rows), 6)
            for label, bias in enumerate(self.bias)
        )
        return negative, neutral, positive


def words_in(text: str) -> list[str]:
    """The different folded words of a text, in order of their spelling."""
    return sorted(set(_WORD.findall(fold(text[:MAX_CHARS]))[:MOST_WORDS]))


def account(name: str) -> str:
    """An account's handle or id as accounts are compared: without its first @, and without case."""
    return name.strip().removeprefix("@").casefold()


@dataclass(frozen=True)
class Brand:
    """What a monitor knows of its brand. Names and words are folded."""

    names: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    neutral: tuple[str, ...] = ()
    model: BrandModel | None = None
    # Its own accounts, as `account` writes them.
    accounts: frozenset[str] = frozenset()

    def wrote(self, mention: Mention) -> bool:
        """Whether one of the brand's own accounts wrote the mention, by its handle or its id."""
        author = mention.author
        if author is None or not self.accounts:
            return False
        return bool({account(one) for one in (author.handle, author.id) if one} & self.accounts)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but another monitor's name or another handle in a text can change its label toward the brand."""
        return not (self.rivals or self.neutral or self.model)

    @cached_property
    def _neutral(self) -> re.Pattern[str] | None:
        """Each neutral word or phrase, whatever its case and diacritics, as a whole."""
        phrases = [r"[\W_]+".join(map(re.escape, one.split())) for one in self.neutral]
        return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)") if phrases else None

    def read(self, text: str, others: Sequence[str] = ()) -> str:
        """The part of a text that is about the brand, without its neutral words. `others` are names of other brands in it."""
        rivals = (*others, *self.rivals, *self._other_handles(text))
        part = part_about(text, self.names, rivals) if rivals else None
        return self._without_neutral(text if part is None else part)

    def pieces(self, text: str, language: str | None, others: Sequence[str] = ()) -> Pieces | None:
        """The text in pieces without its neutral words, where it names the brand and another one; None where it does not."""
        found = pieces_of(text, self.names, (*others, *self.rivals), language)
        if found is None or not self.neutral:
            return found
        about, *texts = map(self._without_neutral, (found.about, *found.texts))
        return found._replace(about=about, texts=tuple(texts))

    def _other_handles(self, text: str) -> list[str]:
        if "@" not in text and "＠" not in text:
            return []
        found = {fold(handle)[1:] for handle in _HANDLE.findall(text)}
        return sorted(one for one in found if not any(name in one or one in name for name in self.names))

    def _without_neutral(self, text: str) -> str:
        pattern = self._neutral
        if pattern is None:
            return text
        folded = fold(text)
        # Folding may change the length of a text; then its folded form is read, which scores nearly the same.
        whole = text if len(folded) == len(text) else folded
        spans = [found.span() for found in pattern.finditer(folded)]
        for begin, end in reversed(spans):
            whole = f"{whole[:begin]} {whole[end:]}"
        return whole


class Toward(msgspec.Struct, frozen=True):
    """The label toward a monitor's brand, and how it was found: "part" (of the text), or "brand-" and the model's version."""

    label: str
    how: str
