"""A letter (RFC 5322 with MIME) as the fields of a mention: its subject, and the words that a person wrote.

Letters are anybody's. The plain old reader of headers is used, because it neither raises nor takes long; what is still wrong
with a letter spoils that letter only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any

from ingest.markup import html_to_text
from tocsin.core.clock import iso
from tocsin.core.errors import BadMention
from tocsin.core.ids import stable_id
from tocsin.core.mention import MAX_ID_CHARS

MAX_HEADER_CHARS = 2000
MOST_PARTS = 200
# A reader of letters looks for the ends of all open multiparts in every line.
MOST_MULTIPARTS = 50
_MULTIPART = re.compile(rb"multipart/", re.IGNORECASE)
_ID = re.compile(r"<([^<>\s]{1,900})>")
_SPACES = re.compile(r"\s+")


def fields(letter: bytes, received: datetime | None, place: str, network: str) -> dict[str, Any]:
    """The fields of the letter that a mailbox received then. `place` names it there, in case it has no id of its own.

    Raises `BadMention` for what cannot be read as a letter.
    """
    if len(_MULTIPART.findall(letter)) > MOST_MULTIPARTS:
        raise BadMention("malformed", f"a letter of more than {MOST_MULTIPARTS} multiparts")
    try:
        return _fields(message_from_bytes(letter), received, place, network)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, HeaderParseError) as error:
        raise BadMention("malformed", f"no letter that can be read: {type(error).__name__}") from None


def _fields(letter: Message, received: datetime | None, place: str, network: str) -> dict[str, Any]:
    name, address = parseaddr(_header(letter, "From"))
    found = _ids(letter, "Message-ID")
    id = found[0] if found else place
    answers, before = _ids(letter, "In-Reply-To"), _ids(letter, "References")
    posted = received or _date(letter)
    is_automatic = _header(letter, "Auto-Submitted").lower() not in ("", "no")
    return {
        "id": id if len(id) <= MAX_ID_CHARS else stable_id("letter", id),
        "title": _header(letter, "Subject"),
        "text": _text(letter),
        "created_at": iso(posted) if posted else None,
        "network": network,
        "lang": _header(letter, "Content-Language").split(",")[0].strip()[:16] or None,
        "author": {"id": address.lower(), "name": name or address, "handle": address.lower()},
        "in_reply_to": answers[0][:MAX_ID_CHARS] if answers else None,
        "thread": before[0][:MAX_ID_CHARS] if before else None,
        "extra": {"automatic": True} if is_automatic else {},
    }


def _header(letter: Message, name: str) -> str:
    """The header as people read it, on one line."""
    value = letter.get(name)
    text = _SPACES.sub(" ", str(value if value is not None else ""))[:MAX_HEADER_CHARS].strip()
    try:
        parts = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    return "".join(one if isinstance(one, str) else _decoded(one, charset) for one, charset in parts).strip()


def _ids(letter: Message, name: str) -> list[str]:
    return _ID.findall(str(letter.get(name) or "")[: 10 * MAX_HEADER_CHARS])


def _date(letter: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(str(letter.get("Date"))[:100])
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _text(letter: Message) -> str:
    """The plain text, else the text of the HTML. Attachments are not read."""
    html = ""
    for count, part in enumerate(letter.walk()):
        if count >= MOST_PARTS:
            break
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        if part.get_content_type() == "text/plain":
            text = _payload(part).strip()
            if text:
                return text
        elif part.get_content_type() == "text/html" and not html:
            html = _payload(part)
    return html_to_text(html)


def _payload(part: Message) -> str:
    data = part.get_payload(decode=True)
    return _decoded(data, part.get_content_charset()) if isinstance(data, bytes) else ""


def _decoded(data: bytes, charset: str | None) -> str:
    """The text of these bytes; what is not in its charset becomes U+FFFD."""
    try:
        return data.decode(charset or "utf-8", "replace").replace("\r\n", "\n")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace").replace("\r\n", "\n")
