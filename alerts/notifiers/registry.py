"""Every notifier by its kind, made from the settings. A new notifier is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from alerts.notifiers import apprise, email, webhook
from alerts.notifiers.apprise import AppriseNotifier
from alerts.notifiers.console import ConsoleNotifier
from alerts.notifiers.email import EmailNotifier
from alerts.notifiers.port import Notifier
from alerts.notifiers.webhook import WebhookNotifier
from tocsin.settings import Settings

Make = Callable[[Settings], Notifier]
Check = Callable[[Mapping[str, Any]], object]
"""Raises `WrongInput` for a target that no notice could ever go to. Asks nobody, and reads no secret."""

Ready = Callable[[Mapping[str, Any], Settings], object]
"""Raises `WrongInput` where this machine lacks what the target needs: a setting, or a secret. Sends nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierKind:
    """The way to make a notifier, and the facts that others must know of its kind."""

    make: Make
    check: Check = lambda _target: None
    ready: Ready = lambda _target, _settings: None
    # A person's e-mail address is the target, unless the channel names another.
    by_address: bool = False
    # The setting that holds the address which a person types, and the one that refers to a secret, where there is one.
    address: str = "to"
    signed_by: str | None = None
    # The kind needs no target: it serves a person who has listed no channel and has no address.
    last_resort: bool = False


KINDS: Final[dict[str, NotifierKind]] = {
    "apprise": NotifierKind(
        make=lambda settings: AppriseNotifier(
            allowed_private_networks=settings.ingest.allowed_private_networks
        ),
        check=apprise.check_target,
        ready=apprise.require_ready,
        address="url",
        signed_by="url",
    ),
    "console": NotifierKind(make=lambda _settings: ConsoleNotifier(), last_resort=True),
    "email": NotifierKind(
        make=lambda settings: EmailNotifier(settings.smtp),
        check=email.check_target,
        ready=email.require_ready,
        by_address=True,
    ),
    "webhook": NotifierKind(
        make=lambda settings: WebhookNotifier(settings.ingest.allowed_private_networks),
        check=webhook.check_target,
        ready=webhook.require_ready,
        address="url",
        signed_by="secret",
    ),
}
BY_ADDRESS: Final = next(kind for kind, one in KINDS.items() if one.by_address)
LAST_RESORT: Final = next(kind for kind, one in KINDS.items() if one.last_resort)


def notifiers(settings: Settings) -> dict[str, Notifier]:
    """One of each kind, for real use."""
    return {kind: one.make(settings) for kind, one in KINDS.items()}
