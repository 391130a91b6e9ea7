"""`tocsin score`: the sentiments and facets of texts, JSON lines in, JSON lines out.

Line n of the output always answers line n of the input. A line that cannot be read is answered too, with `unscored` and an
`error`. Answers leave as soon as the input that is there has been read, so another program can ask and wait for its answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, BinaryIO, Final, TextIO

from ops.lines.pieces import MAX_LINE_BYTES, pieces, read_chunks
from processors.understand import Understander
from processors.understand.reasons import reasons_for
from processors.understand.sentiment import Sentiment
from tocsin.core.facets import FACETS
from tocsin.core.mention import MAX_TEXT_BYTES

MOST_NOTES: Final = 20
Second = Callable[[str, str | None], Sentiment]
"""Another scorer: the sentiment of a text in a language, without a confidence."""


def answer_lines(
    understander: Understander,
    source: BinaryIO,
    sink: BinaryIO,
    notes: TextIO,
    *,
    with_reasons: bool = False,
    second: Second | None = None,
) -> int:
    """Answer each line of `source` on `sink`, flushed piece by piece. `notes` gets the unreadable lines; returns how many.

    With `second`, label, score and model are those of that scorer.
    """
    number = 0
    bad = 0
    for lines in pieces(read_chunks(source)):
        requests = [_request(line) for line in lines]
        scored = iter(
            understander.read(
                [text for text, _, error in requests if error is None],
                [lang for _, lang, error in requests if error is None],
            )
        )
        answers = []
        for text, _, error in requests:
            number += 1
            if error is None:
                lang, (sentiment, facets) = next(scored)
                if second is not None:
                    sentiment = second(text, lang)
                answer = {
                    "label": sentiment.label,
                    "score": sentiment.score,
                    "confidence": sentiment.confidence if second is None else None,
                    "lang": lang,
                    "model": sentiment.model,
                } | {facet: list(getattr(facets, facet)) for facet in FACETS}
                if with_reasons:
                    answer["reasons"] = _reasons(sentiment.model, lang, text)
            else:
                bad += 1
                if bad <= MOST_NOTES:
                    print(f"line {number}: {error}", file=notes)
                answer = {
                    "label": "unscored",
                    "score": 0.0,
                    "confidence": 0.0,
                    "lang": None,
                    "model": None,
                    "error": error,
                }
            answers.append(json.dumps(answer))
        sink.write(("\n".join(answers) + "\n").encode("ascii"))
        sink.flush()
    if bad > MOST_NOTES:
        print(
            f"{bad} of {number} lines could not be read; the first {MOST_NOTES} are named above",
            file=notes,
        )
    return bad


def _reasons(model: str | None, lang: str | None, text: str) -> list[dict[str, Any]] | None:
    """The words that counted; None where no linear model gave the score."""
    found = reasons_for(model, lang, text)
    return None if found is None else [one._asdict() for one in found]


def _request(line: bytes | None) -> tuple[str, str | None, str | None]:
    """The (text, lang, error) of a line.

    None stands for a line that is too long to keep. Bytes that are no UTF-8 become U+FFFD.
    """
    if line is None:
        return "", None, f"longer than {MAX_LINE_BYTES // 1024 // 1024} MB"
    try:
        value: Any = json.loads(line.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        return "", None, 'not JSON; expected an object such as {"text": "..."}'
    if not isinstance(value, dict):
        return "", None, f'{_kind(value)} where an object such as {{"text": "..."}} was expected'
    if "text" not in value:
        return "", None, "field 'text' is missing"
    text, lang = value["text"], value.get("lang")
    if not isinstance(text, str):
        return "", None, f"field 'text' is {_kind(text)}; expected a string"
    if lang is not None and not isinstance(lang, str):
        return "", None, f"field 'lang' is {_kind(lang)}; expected a string such as \"en\", or nothing"
    if len(text) > MAX_TEXT_BYTES // 4:
        text = text[:MAX_TEXT_BYTES].encode("utf-8", "replace")[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
    return text, lang, None


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
