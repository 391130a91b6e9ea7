"""Whether an author signed an event of Nostr: Schnorr signatures over secp256k1, as BIP-340 checks them.

Plain arithmetic takes some milliseconds, so this is for what is rare and does harm when it is false: deletions. Nothing secret
is computed with, so the time that it takes tells nobody anything.
"""

from __future__ import annotations

import hashlib
from typing import Final

_P: Final = 2**256 - 2**32 - 977
_N: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_G: Final = (
    0x79BE667E_F9DCBBAC_55A06295_CE870B07_029BFCDB_2DCE28D9_59F2815B_16F81798,
    0x483ADA77_26A3C465_5DA4FBFC_0E1108A8_FD17B448_A6855419_9C47D08F_FB10D4B8,
    1,
)
_CHALLENGE: Final = hashlib.sha256(b"BIP0340/challenge").digest()

# x / z^2, y / z^3; z is 0 for the point at infinity.
_Point = tuple[int, int, int]
_NOWHERE: Final[_Point] = (1, 1, 0)


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the 32 bytes of `key` signed `message`; `signature` has 64 bytes."""
    if len(key) != 32 or len(signature) != 64:
        return False
    author = _lifted(int.from_bytes(key, "big"))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if author is None or r >= _P or s >= _N:
        return False
    hashed = hashlib.sha256(_CHALLENGE * 2 + signature[:32] + key + message).digest()
    e = int.from_bytes(hashed, "big") % _N
    x, y, z = _sum_of_products(s, _G, _N - e, author)
    if z == 0:
        return False
    inverse = pow(z, -1, _P)
    return y * pow(inverse, 3, _P) % _P % 2 == 0 and x * inverse * inverse % _P == r


def _lifted(x: int) -> _Point | None:
    """The point with this x and an even y; None where there is none."""
    if x >= _P:
        return None
    square = (pow(x, 3, _P) + 7) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if y * y % _P != square:
        return None
    return (x, y if y % 2 == 0 else _P - y, 1)


def _sum_of_products(a: int, one: _Point, b: int, other: _Point) -> _Point:
    """a * one + b * other, both bit by bit together."""
    table = (_NOWHERE, one, other, _added(one, other))
    found = _NOWHERE
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        found = _doubled(found)
        which = (a >> bit & 1) | (b >> bit & 1) << 1
        if which:
            found = _added(found, table[which])
    return found


def _doubled(point: _Point) -> _Point:
    x, y, z = point
    if z == 0:
        return point
    yy = y * y % _P
    s = 4 * x * yy % _P
    m = 3 * x * x % _P
    x3 = (m * m - 2 * s) % _P
    return x3, (m * (s - x3) - 8 * yy * yy) % _P, 2 * y * z % _P


def _added(one: _Point, other: _Point) -> _Point:
    if one[2] == 0 or other[2] == 0:
        return other if one[2] == 0 else one
    (x1, y1, z1), (x2, y2, z2) = one, other
    zz1, zz2 = z1 * z1 % _P, z2 * z2 % _P
    u1, u2 = x1 * zz2 % _P, x2 * zz1 % _P
    s1, s2 = y1 * zz2 * z2 % _P, y2 * zz1 * z1 % _P
    if u1 == u2:
        return _doubled(one) if s1 == s2 else _NOWHERE
    h, r = (u2 - u1) % _P, (s2 - s1) % _P
    hh = h * h % _P
    hhh, v = h * hh % _P, u1 * hh % _P
    x3 = (r * r - hhh - 2 * v) % _P
    return x3, (r * (v - x3) - s1 * hhh) % _P, h * z1 * z2 % _P
