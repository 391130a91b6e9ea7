"""A shared mailbox of customers' letters, read over IMAP. Letters stay unread and where they are.

A letter's place is its UID, which counts up as long as the folder's UIDVALIDITY stays the same. After another UIDVALIDITY the
folder is read again from its last days: a letter keeps its own Message-ID, so what comes twice counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.plain import taken
from ingest.source import Bad, Cursor, Fetched, FetchFailed, Natural, SourceContext, read_cursor
from ingest.sources.imap_letter import fields
from ingest.sources.imap_mailbox import Letter, Login, Mailbox, SignIn, Tls
from ingest.sources.places import Line, Network, Secret
from tocsin.core import patterns
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention
from tocsin.net import checked_socket
from tocsin.settings.secrets import reveal

# Older letters would be refused anyway.
MOST_DAYS = 3660
LETTERS = 20
"""Of one fetch."""

# A server that idles is asked all the same after so long, should its word have been lost.
ASK_AFTER = timedelta(minutes=1)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LAST_UID = 2**32 - 1


class ImapSettings(BaseModel):
    """The settings of a mailbox."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(pattern=patterns.HOST, description="The mail server.")
    port: int | None = Field(None, ge=1, le=65_535, description="Default: 993 with TLS, else 143.")
    tls: Tls = Field(
        "tls", description="tls, starttls, or none for a server on a network that nobody else reads."
    )
    user: Line = Field(description="The name that the mailbox is opened with.")
    password: Secret = Field(description="As env:NAME or file:PATH; often an app password.")
    sign_in: SignIn = Field(
        "password",
        description="token: `password` is an access token of OAuth 2.0 (XOAUTH2), in a file that you keep fresh.",
    )
    folder: Line = Field("INBOX", description="The folder that is read.")
    network: Network = Field("mail", description="The network that its mails count for.")
    look_back_days: int = Field(7, ge=1, le=90, description="How far back the first reading goes.")
    interval_s: int = Field(10, ge=1, le=86_400, description="How often to look.")


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    validity: Natural = 0
    # The last letter that was read.
    uid: Natural = 0
    # The day of the last look, counted from the year 1.
    day: Annotated[int, msgspec.Meta(ge=0, le=date.max.toordinal())] = 0


@dataclass(slots=True)
class _Held:
    """The open mailbox, and the cursor up to which it is known to have nothing new."""

    mailbox: Mailbox
    quiet_at: Cursor | None = None
    asked_at: datetime | None = None


class ImapSource:
    """A mailbox as a source; the module's docstring describes how it is read."""

    kind = "imap"
    remote = True

    def __init__(self, context: SourceContext, settings: ImapSettings) -> None:
        self._name, self._settings, self._ingest = context.name, settings, context.ingest
        self._port = settings.port or (993 if settings.tls == "tls" else 143)
        self.target = f"{settings.user} at {settings.host}:{self._port} {settings.folder}"
        self.interval = timedelta(seconds=settings.interval_s)
        self._held: _Held | None = None

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        try:
            return self._fetch(cursor, now)
        except FetchFailed:
            self.close()
            raise

    def close(self) -> None:
        if self._held is not None:
            self._held.mailbox.close()
            self._held = None

    def _fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        held = self._held or self._open()
        mailbox = held.mailbox
        if self._is_quiet(held, cursor, now):
            return Fetched(cursor=cursor)
        if held.asked_at is not None:
            mailbox.wake()
        at = read_cursor(cursor, _Cursor)
        if at.validity != mailbox.validity or at.uid >= _LAST_UID:
            at = _Cursor(mailbox.validity, 0, at.day)
        uids = self._new(mailbox, at, now)
        asked = uids[:LETTERS]
        mentions, bad = self._read(mailbox.letters(asked), mailbox.validity) if asked else ([], [])
        after = msgspec.to_builtins(_Cursor(at.validity, asked[-1] if asked else at.uid, now.toordinal()))
        more = len(uids) > len(asked)
        held.asked_at, held.quiet_at = now, None if more else after
        if not more and mailbox.can_idle:
            mailbox.idle()
        return Fetched(mentions, bad, after, more=more)

    def _open(self) -> _Held:
        settings, limit = self._settings, timedelta(seconds=self._ingest.fetch_timeout_s)
        login = Login(
            host=settings.host,
            port=self._port,
            tls=settings.tls,
            user=settings.user,
            password=reveal(settings.password),
            sign_in=settings.sign_in,
            folder=settings.folder,
        )
        networks = self._ingest.allowed_private_networks
        mailbox = Mailbox(login, lambda: checked_socket(login.host, login.port, networks, limit), limit)
        self._held = _Held(mailbox)
        return self._held

    def _is_quiet(self, held: _Held, cursor: Cursor | None, now: datetime) -> bool:
        if not held.mailbox.idles or held.asked_at is None or cursor != held.quiet_at:
            return False
        return now - held.asked_at < ASK_AFTER and not held.mailbox.has_news()

    def _new(self, mailbox: Mailbox, at: _Cursor, now: datetime) -> Sequence[int]:
        """The letters after the cursor. `n:*` names the last letter even where that is before n."""
        if at.uid:
            return [uid for uid in mailbox.uids("UID", f"{at.uid + 1}:*") if uid > at.uid]
        # After another UIDVALIDITY no less than what came since the last look, and the day before it for the server's clock.
        away = now.toordinal() - at.day + 1 if at.day else 0
        first = now - timedelta(days=min(max(self._settings.look_back_days, away), MOST_DAYS))
        return mailbox.uids("SINCE", f"{first.day}-{_MONTHS[first.month - 1]}-{first.year}")

    def _read(self, letters: Sequence[Letter], validity: int) -> tuple[Sequence[Mention], Sequence[Bad]]:
        found: list[Mapping[str, Any]] = []
        unread: list[Bad] = []
        for letter in letters:
            place = f"{validity}.{letter.uid}"
            try:
                found.append(fields(letter.data, letter.received, place, self._settings.network))
            except BadMention as error:
                unread.append(Bad(letter.uid, letter.data, error))
        mentions, bad = taken(found, self._name)
        return mentions, [*unread, *bad]
