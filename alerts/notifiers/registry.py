"""Every notifier by its kind, made from the settings. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from alerts.notifiers.apprise import AppriseNotifier
from alerts.notifiers.console import ConsoleNotifier
from alerts.notifiers.email import EmailNotifier
from alerts.notifiers.port import Notifier
from alerts.notifiers.webhook import WebhookNotifier
from tocsin.settings import Settings

Make = Callable[[Settings], Notifier]

KINDS: Final[dict[str, Make]] = {
    "apprise": lambda _settings: AppriseNotifier(),
    "console": lambda _settings: ConsoleNotifier(),
    "email": lambda settings: EmailNotifier(settings.smtp),
    "webhook": lambda settings: WebhookNotifier(settings.ingest.allowed_private_networks),
}


def notifiers(settings: Settings) -> dict[str, Notifier]:
    """One of each kind, for real use."""
    return {kind: make(settings) for kind, make in KINDS.items()}
