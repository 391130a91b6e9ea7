"""Signatures of incoming webhooks, as Standard Webhooks has them: HMAC-SHA256 over id, time and body.

The library `standardwebhooks` signs what Tocsin sends (`alerts/notifiers/webhook.py`). It cannot check what comes in: its
`verify` reads the machine's clock, not ours, and wants a body that is text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from tocsin.core.errors import NotAllowed, WrongInput
from tocsin.core.sentences import Sentence

TOLERANCE = timedelta(minutes=5)


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The webhook's id, if one of its signatures was made with this secret and its time is within five minutes of `now`.

    `secret` is base64, with or without `whsec_` before it. Raises `NotAllowed` (which does not say what was close), and
    `WrongInput` for a secret that is none.
    """
    key = secret_bytes(secret)
    sent_id, sent_at = claimed(headers, now)
    signed = f"{sent_id}.{sent_at}.".encode("utf-8", "surrogateescape") + body
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    for one in headers.get("webhook-signature", "")[:2000].split(" "):
        version, _, signature = one.partition(",")
        if version == "v1" and hmac.compare_digest(right, signature.encode("utf-8", "surrogateescape")):
            return sent_id
    raise NotAllowed(Sentence("the webhook's signature is not right: check the secret on both sides"))


def claimed(headers: Mapping[str, str], now: datetime) -> tuple[str, str]:
    """The id and the time that the headers claim, before a body is read. Raises `NotAllowed` where no body makes them right."""
    sent_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if (
        not sent_id
        or len(sent_id) > 200
        or not sent_at.isascii()
        or not sent_at.isdigit()
        or len(sent_at) > 12
        or "v1," not in headers.get("webhook-signature", "")
    ):
        raise NotAllowed(
            Sentence("not a signed webhook: webhook-id, webhook-timestamp and webhook-signature are needed")
        )
    if abs(int(sent_at) - now.timestamp()) > TOLERANCE.total_seconds():
        raise NotAllowed(
            Sentence("the webhook's time is over five minutes from ours: check both clocks, or send it again")
        )
    return sent_id, sent_at


def secret_bytes(secret: str) -> bytes:
    """The key in a webhook secret. Raises `WrongInput`, which never shows the secret."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 16:
        raise WrongInput(Sentence("a webhook secret is whsec_ and base64 of 24 to 64 random bytes"))
    return key
