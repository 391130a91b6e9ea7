"""The ceremonies of WebAuthn, registering a passkey and signing in by one: what a browser is asked, and whether its answer holds.

The address of the page (`api.public_url`) decides where a passkey works: it is bound to that host for ever. The device must have
checked its holder (by finger, face or number), so a passkey that lies around signs nobody in.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from api.auth.passkeys import GOOD_FOR, Passkey
from tocsin.core.errors import NotAllowed

LONGEST_ANSWER: Final = 64 * 1024
_TIMEOUT_MS: Final = int(GOOD_FOR.total_seconds() * 1000)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Lack = Literal["no_url", "no_name", "no_tls"]
"""Why no passkey works here: `api.public_url` is not set, names a number instead of a host, or is not https."""


class PasskeyRefused(NotAllowed):
    """What a browser sent does not hold. The message is for the log; a stranger is not told which check failed."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom a passkey is made for: the host, and the origin that a browser must name."""

    id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A new passkey as its device made it. Both texts are base64url."""

    credential: str
    public_key: str
    sign_count: int


def relying_party(public_url: str | None) -> RelyingParty | Lack:
    """Whom passkeys are made for at this address of the page, or why none can be."""
    try:
        where = urlsplit(public_url or "")
        host, port = (where.hostname or "").rstrip(".").encode("idna").decode("ascii"), where.port
    except ValueError:
        return "no_name"
    if not host:
        return "no_url"
    if _is_number(host):
        return "no_name"
    if where.scheme != "https" and host != "localhost" and not host.endswith(".localhost"):
        return "no_tls"
    shown = "" if port in (None, _DEFAULT_PORTS.get(where.scheme)) else f":{port}"
    return RelyingParty(host, f"{where.scheme}://{host}{shown}")


def registration_options(
    party: RelyingParty, person_id: str, name: str, challenge: str, known: Sequence[Passkey]
) -> str:
    """What the browser is asked to make, as JSON. A device that has one of the `known` passkeys makes no second one."""
    # The library takes a quarter of a second to load, with cryptography; most starts of Tocsin never need it.
    from webauthn import base64url_to_bytes, generate_registration_options, options_to_json
    from webauthn.helpers import structs

    return options_to_json(
        generate_registration_options(
            rp_id=party.id,
            rp_name="Tocsin",
            user_name=name,
            user_id=person_id.encode(),
            challenge=base64url_to_bytes(challenge),
            timeout=_TIMEOUT_MS,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                structs.PublicKeyCredentialDescriptor(base64url_to_bytes(one.credential)) for one in known
            ],
        )
    )


def signin_options(party: RelyingParty, challenge: str) -> str:
    """What the browser is asked to sign, as JSON: it names no passkey, so the device offers those that it has for this page."""
    from webauthn import base64url_to_bytes, generate_authentication_options, options_to_json
    from webauthn.helpers import structs

    return options_to_json(
        generate_authentication_options(
            rp_id=party.id,
            challenge=base64url_to_bytes(challenge),
            timeout=_TIMEOUT_MS,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
    )


def check_registration(party: RelyingParty, challenge: str, answer: str) -> Registered:
    """The passkey that the browser made in answer to this challenge. Raises `PasskeyRefused`."""
    from webauthn import base64url_to_bytes, verify_registration_response
    from webauthn.helpers import bytes_to_base64url

    given = answered(answer)
    try:
        found = verify_registration_response(
            credential=given,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001  # it reads a stranger's bytes: whatever it raises, the answer does not hold
        raise PasskeyRefused(_told(error)) from None
    return Registered(
        bytes_to_base64url(found.credential_id),
        bytes_to_base64url(found.credential_public_key),
        found.sign_count,
    )


def check_signin(party: RelyingParty, challenge: str, answer: str, known: Passkey) -> int:
    """The device's new count, where this passkey signed the answer. Raises `PasskeyRefused`, also where the count went back."""
    from webauthn import base64url_to_bytes, verify_authentication_response

    given = answered(answer)
    try:
        holder = given["response"].get("userHandle")
        if holder and base64url_to_bytes(holder) != known.person_id.encode():
            raise PasskeyRefused("the device names another person")
        found = verify_authentication_response(
            credential=given,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=base64url_to_bytes(known.public_key),
            credential_current_sign_count=known.sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001  # it reads a stranger's bytes: whatever it raises, the answer does not hold
        raise PasskeyRefused(_told(error)) from None
    return found.new_sign_count


def answered(answer: str) -> dict[str, Any]:
    """The browser's answer as JSON values, with its `id`. Raises `PasskeyRefused`."""
    try:
        given = json.loads(answer) if len(answer) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not isinstance(given.get("id"), str):
        raise PasskeyRefused("the answer is not that of a browser")
    return given


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
