"""Every other service (chat, push, SMS), through Apprise. The channel's setting is `url`, as env:NAME or file:PATH.

An Apprise URL is a secret, so settings only ever refer to it. Each call has one target, because Apprise returns one
boolean for several. A False from Apprise counts as `unknown`: Apprise may call a slow success a failure.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from alerts.notifiers.port import Notice, Outcome
from tocsin.core.errors import WrongInput
from tocsin.core.text import one_line
from tocsin.settings import Settings, require_reference, reveal

LONGEST_TITLE: Final = 250


class AppriseNotifier:
    """Sent: Apprise says so. Failed for good: the URL cannot be used. Unknown: Apprise says no, breaks or takes too long."""

    kind = "apprise"
    honours_id = False

    def __init__(self, timeout: timedelta = timedelta(seconds=20)) -> None:
        self.time_limit = timeout

    def send(self, notice: Notice) -> Outcome:
        reference = notice.target.get("url")
        try:
            url = reveal(reference if isinstance(reference, str) else "")
        except WrongInput as error:
            return Outcome("failed", f"this channel is not set up: {error}", for_good=True)
        outcomes: list[Outcome] = []
        worker = threading.Thread(target=lambda: outcomes.append(_call(url, notice)), daemon=True)
        worker.start()
        worker.join(self.time_limit.total_seconds())
        return outcomes[0] if outcomes else Outcome("unknown", "no answer within the time limit")


def _call(url: str, notice: Notice) -> Outcome:
    # Apprise is slow to import and few channels need it, so the import stands here.
    import apprise

    asset = apprise.AppriseAsset(app_id="Tocsin", async_mode=False, secure_logging=True)
    target = apprise.Apprise(asset=asset)
    if not target.add(url) or len(target) != 1:
        return Outcome("failed", "the URL is none that Apprise knows, or more than one", for_good=True)
    title = one_line(f"{'Repeat: ' if notice.repeat_of else ''}{notice.subject}", LONGEST_TITLE)
    try:
        sent = target.notify(title=title, body=notice.text, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001  # a plugin of Apprise may raise anything; what it did is not known
        return Outcome("unknown", f"Apprise broke: {type(error).__name__}")
    return (
        Outcome("sent", "Apprise says sent")
        if sent
        else Outcome("unknown", "Apprise says not sent, which may be wrong")
    )


def check_target(target: Mapping[str, Any]) -> None:
    """Raise `WrongInput` for a target without a reference to its URL."""
    require_reference("url", target.get("url"))


def require_ready(target: Mapping[str, Any], _settings: Settings) -> None:
    """Raise `WrongInput` where the URL that the target names is not there."""
    reveal(str(target["url"]))
