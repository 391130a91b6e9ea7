"""A device that keeps passkeys, as WebAuthn describes it: it makes a key, and signs what a browser is asked to have signed."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, VERIFIED, WITH_KEY = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One passkey on one device. `counts` False: the device never counts, as those that are copied between devices."""

    origin: str = "http://localhost"
    host: str = "localhost"
    counts: bool = True
    verifies: bool = True
    count: int = 0
    holder: str = ""
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: dict[str, Any]) -> str:
        """The browser's answer to what it was asked to make, as JSON."""
        self.holder = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        x, y = (one.to_bytes(32, "big") for one in (numbers.x, numbers.y))
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        data = (
            self._data(WITH_KEY)
            + bytes(16)
            + len(self.credential).to_bytes(2, "big")
            + self.credential
            + cose
        )
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"])
        return self._answer(clientDataJSON=client, attestationObject=attestation)

    def sign(self, options: dict[str, Any]) -> str:
        """The browser's answer to what it was asked to have signed, as JSON."""
        self.count += int(self.counts)
        data, client = self._data(), self._client("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        holder = base64url_to_bytes(self.holder)
        return self._answer(
            clientDataJSON=client, authenticatorData=data, signature=signature, userHandle=holder
        )

    def _data(self, flags: int = 0) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, **response: bytes) -> str:
        id = bytes_to_base64url(self.credential)
        shown = {name: bytes_to_base64url(one) for name, one in response.items()}
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": shown})
