"""Every notifier by its kind, made from the settings. A new notifier is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alerts.notifiers.apprise import AppriseNotifier
from alerts.notifiers.console import ConsoleNotifier
from alerts.notifiers.email import EmailNotifier
from alerts.notifiers.port import Notifier
from alerts.notifiers.webhook import WebhookNotifier
from tocsin.settings import Settings

Make = Callable[[Settings], Notifier]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierKind:
    """The way to make a notifier, and the facts that others must know of its kind."""

    make: Make
    # A person's e-mail address is the target, unless the channel names another.
    by_address: bool = False
    # The kind needs no target: it serves a person who has listed no channel and has no address.
    last_resort: bool = False


KINDS: Final[dict[str, NotifierKind]] = {
    "apprise": NotifierKind(make=lambda _settings: AppriseNotifier()),
    "console": NotifierKind(make=lambda _settings: ConsoleNotifier(), last_resort=True),
    "email": NotifierKind(make=lambda settings: EmailNotifier(settings.smtp), by_address=True),
    "webhook": NotifierKind(make=lambda settings: WebhookNotifier(settings.ingest.allowed_private_networks)),
}
BY_ADDRESS: Final = next(kind for kind, one in KINDS.items() if one.by_address)
LAST_RESORT: Final = next(kind for kind, one in KINDS.items() if one.last_resort)


def notifiers(settings: Settings) -> dict[str, Notifier]:
    """One of each kind, for real use."""
    return {kind: one.make(settings) for kind, one in KINDS.items()}
