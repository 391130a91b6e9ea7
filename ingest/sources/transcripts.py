"""Transcripts of podcasts as plain text: SubRip, WebVTT, JSON, HTML and plain text, as the podcast namespace allows.

Times are dropped. A name stands before the words of a speaker where the speaker changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping

from ingest.markup import html_to_text
from ingest.plain import items, words

MAX_CHARS = 2_000_000
_TIMES = re.compile(r"^\s*(?:\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->")
_VOICE = re.compile(r"<v(?:\.[^\s>]{0,100})?\s+([^>]{1,200})>")
_TAG = re.compile(r"<[^<>]{0,200}>")
_NOT_SPOKEN = ("WEBVTT", "NOTE", "STYLE", "REGION")


def transcript(data: bytes, kind: str) -> str:
    """The words of a transcript of this media type. A text in another form is read as plain text."""
    text = data.decode("utf-8-sig", "replace")[:MAX_CHARS].replace("\r\n", "\n").replace("\r", "\n")
    return _READERS.get(kind.split(";")[0].strip().lower(), _guessed)(text).strip()


def _subtitles(text: str) -> str:
    """SubRip and WebVTT: blocks with a line of times, and the words below it."""
    spoken: list[tuple[str, str]] = []
    for block in re.split(r"\n{2,}", text):
        lines = block.strip("\n").split("\n")
        place = next((n for n, line in enumerate(lines[:2]) if _TIMES.match(line)), None)
        if place is None:
            continue
        said = " ".join(lines[place + 1 :])
        voice = _VOICE.search(said)
        spoken.append((voice[1].strip() if voice else "", _TAG.sub("", said)))
    return _joined(spoken)


def _segments(text: str) -> str:
    """JSON: segments with a body, and a speaker where one is known."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return _joined((words(one, "speaker"), words(one, "body")) for one in items(found, "segments"))


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.split("\n"))


def _guessed(text: str) -> str:
    """What the words look like, where the feed does not say it or says something else."""
    head = text.lstrip()[:300]
    if head.startswith(_NOT_SPOKEN[0]) or any(_TIMES.match(line) for line in head.split("\n")[:3]):
        return _subtitles(text)
    if head.startswith("{"):
        return _segments(text)
    return html_to_text(text) if head.startswith("<") else _plain(text)


def _joined(spoken: Iterable[tuple[str, str]]) -> str:
    lines: list[list[str]] = []
    last = None
    for speaker, said in spoken:
        clean = " ".join(said.split())
        if not clean:
            continue
        if not lines or (speaker and speaker != last):
            lines.append([f"{speaker}: {clean}" if speaker else clean])
            last = speaker or last
        else:
            lines[-1].append(clean)
    return "\n".join(" ".join(line) for line in lines)


_READERS: Mapping[str, Callable[[str], str]] = {
    "application/srt": _subtitles,
    "application/x-subrip": _subtitles,
    "text/srt": _subtitles,
    "text/vtt": _subtitles,
    "application/json": _segments,
    "text/html": html_to_text,
}
