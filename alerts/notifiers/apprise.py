"""Every other service (chat, push, SMS), through Apprise. The channel's setting is `url`, as env:NAME or file:PATH.

An Apprise URL is a secret, so settings only ever refer to it. Each call has one target, because Apprise returns one
boolean for several. A False from Apprise counts as `unknown`: Apprise may call a slow success a failure.

A service that stands at an address of one's own is refused where that is in a private network, unless the network is listed.
Apprise resolves the name once more and follows redirects by itself. So the check stops a mistake. It does not stop a name
that changes its answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from alerts.notifiers.port import Notice, Outcome
from tocsin.core.errors import WrongInput
from tocsin.core.text import one_line
from tocsin.net import check_host
from tocsin.settings import Settings, require_reference, reveal

LONGEST_TITLE: Final = 250


class AppriseNotifier:
    """Sent: Apprise says so. Failed for good: the URL cannot be used. Unknown: Apprise says no, breaks or takes too long."""

    kind = "apprise"
    honours_id = False

    def __init__(
        self, timeout: timedelta = timedelta(seconds=20), allowed_private_networks: Sequence[str] = ()
    ) -> None:
        self.time_limit = timeout
        self._allowed = tuple(allowed_private_networks)

    def send(self, notice: Notice) -> Outcome:
        reference = notice.target.get("url")
        try:
            url = reveal(reference if isinstance(reference, str) else "")
        except WrongInput as error:
            return Outcome("failed", f"this channel is not set up: {error}", for_good=True)
        outcomes: list[Outcome] = []
        worker = threading.Thread(
            target=lambda: outcomes.append(_call(url, notice, self._allowed)), daemon=True
        )
        worker.start()
        worker.join(self.time_limit.total_seconds())
        return outcomes[0] if outcomes else Outcome("unknown", "no answer within the time limit")


def _call(url: str, notice: Notice, allowed: Sequence[str]) -> Outcome:
    # Apprise is slow to import and few channels need it, so the import stands here.
    import apprise

    asset = apprise.AppriseAsset(app_id="Tocsin", async_mode=False, secure_logging=True)
    target = apprise.Apprise(asset=asset)
    if not target.add(url) or len(target) != 1:
        return Outcome("failed", "the URL is none that Apprise knows, or more than one", for_good=True)
    try:
        for host, port in _own_hosts(target[0]):
            check_host(host, port, allowed)
    except WrongInput as refused:
        return Outcome("failed", f"this channel is not used: {refused}", for_good=True)
    title = one_line(notice.subject, LONGEST_TITLE)
    try:
        sent = target.notify(title=title, body=notice.below_subject, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001  # a plugin of Apprise may raise anything; what it did is not known
        return Outcome("unknown", f"Apprise broke: {type(error).__name__}")
    return (
        Outcome("sent", "Apprise says sent")
        if sent
        else Outcome("unknown", "Apprise says not sent, which may be wrong")
    )


def _own_hosts(service: Any) -> Iterator[tuple[str, int]]:
    """The hosts that the URL itself names. Other services have an address of their own, and a token in its place."""
    port = service.port or 443
    if any("{host}" in template for template in service.templates) and service.host:
        yield str(service.host).strip("[]"), port
    if smtp := getattr(service, "smtp_host", None):
        yield str(smtp), port


def check_target(target: Mapping[str, Any]) -> None:
    """Raise `WrongInput` for a target without a reference to its URL."""
    require_reference("url", target.get("url"))


def require_ready(target: Mapping[str, Any], _settings: Settings) -> None:
    """Raise `WrongInput` where the URL that the target names is not there."""
    reveal(str(target["url"]))
