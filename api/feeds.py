"""Atom (RFC 4287), RSS 2.0 and iCalendar (RFC 5545), written from entries: whatever a name holds, it stays text.

Programs that cannot send a header read them, so their address carries a token. They say what an alert says in a headline; no
post and no author is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from xml.etree import ElementTree

from tocsin.core.clock import iso
from tocsin.core.text import lines_of

ATOM: Final = "http://www.w3.org/2005/Atom"
FOLD_AT: Final = 73
"""Bytes of a line of a calendar, of the 75 that may be: a continued line begins with a space."""
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """Something that happened or will. `id` never changes; `updated` does with every change, and `version` counts them."""

    id: str
    title: str
    updated: datetime
    starts_at: datetime
    ends_at: datetime
    link: str
    summary: str = ""
    categories: Sequence[str] = ()
    version: int = 0


def atom(title: str, own: str, page: str, entries: Sequence[FeedEntry], empty_since: datetime) -> bytes:
    """The entries as a feed. `own` is its address, `page` that of the page; a feed without entries was last updated at
    `empty_since`.
    """
    root = ElementTree.Element("feed", {"xmlns": ATOM})
    updated = max((one.updated for one in entries), default=empty_since)
    _texts(root, id=own, title=title, updated=iso(updated))
    ElementTree.SubElement(root, "link", {"rel": "self", "href": _xml(own)})
    ElementTree.SubElement(root, "link", {"href": _xml(page)})
    _texts(ElementTree.SubElement(root, "author"), name="Tocsin")
    for one in entries:
        entry = ElementTree.SubElement(root, "entry")
        _texts(
            entry,
            id=f"urn:tocsin:{one.id}",
            title=one.title,
            updated=iso(one.updated),
            published=iso(one.starts_at),
        )
        ElementTree.SubElement(entry, "link", {"href": _xml(one.link)})
        for category in one.categories:
            ElementTree.SubElement(entry, "category", {"term": _xml(category)})
        _texts(entry, summary=one.summary)
    return _written(root)


def rss(title: str, own: str, page: str, entries: Sequence[FeedEntry], empty_since: datetime) -> bytes:
    """The same as `atom`, as RSS 2.0, for readers that know no Atom."""
    root = ElementTree.Element("rss", {"version": "2.0", "xmlns:atom": ATOM})
    channel = ElementTree.SubElement(root, "channel")
    changed = max((one.updated for one in entries), default=empty_since)
    _texts(channel, title=title, link=page, description=title, lastBuildDate=_day_and_time(changed))
    # A reader learns from this where the feed itself stands: RSS has no element of its own for it.
    ElementTree.SubElement(channel, "atom:link", {"rel": "self", "href": _xml(own)})
    for one in entries:
        item = ElementTree.SubElement(channel, "item")
        _texts(item, title=one.title, link=one.link, description=one.summary)
        guid = ElementTree.SubElement(item, "guid", {"isPermaLink": "false"})
        guid.text = _xml(f"urn:tocsin:{one.id}")
        _texts(item, pubDate=_day_and_time(one.starts_at))
        for category in one.categories:
            _texts(item, category=category)
    return _written(root)


def calendar(title: str, entries: Iterable[FeedEntry]) -> bytes:
    """The entries as a calendar."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tocsin//Tocsin//EN", "METHOD:PUBLISH"]
    lines += [f"X-WR-CALNAME:{_text(title)}", "REFRESH-INTERVAL;VALUE=DURATION:PT15M"]
    for one in entries:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_text(one.id)}@tocsin",
            f"SEQUENCE:{one.version}",
            f"DTSTAMP:{_stamp(one.updated)}",
            f"DTSTART:{_stamp(one.starts_at)}",
            f"DTEND:{_stamp(max(one.ends_at, one.starts_at))}",
            f"SUMMARY:{_text(one.title)}",
            *([f"DESCRIPTION:{_text(one.summary)}"] if one.summary else []),
            *([f"CATEGORIES:{','.join(map(_text, one.categories))}"] if one.categories else []),
            f"URL:{''.join(lines_of(one.link).splitlines())}",
            "END:VEVENT",
        ]
    return b"".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _written(root: ElementTree.Element) -> bytes:
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _day_and_time(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _texts(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        if text:
            ElementTree.SubElement(parent, name).text = _xml(text)


def _xml(text: str) -> str:
    """The text without the characters that XML cannot hold; what it can hold is escaped when it is written."""
    return _NO_XML.sub("\ufffd", text)


def _text(text: str) -> str:
    escaped = lines_of(text).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\n", "\\n")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _folded(line: str) -> bytes:
    """The line with its end, folded so that no character is cut."""
    folded, piece = [], b""
    for letter in line:
        encoded = letter.encode("utf-8", "replace")
        if len(piece) + len(encoded) > FOLD_AT:
            folded.append(piece)
            piece = b" "
        piece += encoded
    return b"\r\n".join([*folded, piece]) + b"\r\n"
