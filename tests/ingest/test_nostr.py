"""Nostr: which events count, whose deletions do, and several relays as one source."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.source import Fetched, FetchFailed, Removed, SourceContext
from ingest.sources.nostr import (
    NostrDialect,
    NostrSettings,
    NostrSource,
    RelayPlace,
    is_by_its_author,
    is_genuine,
)
from ingest.sources.nostr_signature import _G, _N, _P, _sum_of_products, is_signed
from ingest.streaming import Heard
from ingest.wires import WireMessage
from tests.contracts.loopback import INGEST, Reply, World, posts
from tests.ingest.networks.nostr import AUTHOR, NostrRelay, event_id, talker
from tests.ingest.talking import Talker
from tocsin.core.errors import BadMention
from tocsin.settings import Ingest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OTHER = "b" * 64
NONCE = 12345


def event(kind: int = 1, content: str = 'De "ketel"\nlekt', **fields: Any) -> dict[str, Any]:
    """An event with the id that NIP-01 says."""
    made = {"pubkey": AUTHOR, "created_at": 1_772_366_000, "kind": kind, "tags": [], "content": content}
    made |= fields
    parts = [0, made["pubkey"], made["created_at"], made["kind"], made["tags"], made["content"]]
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return {"id": hashlib.sha256(text.encode()).hexdigest(), **made, "sig": "0" * 128}


def times_g(number: int) -> tuple[int, int]:
    """The point of this number."""
    x, y, z = _sum_of_products(number, _G, 0, _G)
    inverse = pow(z, -1, _P)
    return x * inverse**2 % _P, y * inverse**3 % _P


def signed(kind: int, secret: int = 7, **fields: Any) -> dict[str, Any]:
    """An event that the owner of this secret signed, as BIP-340 says. The nonce is nobody's secret here."""
    (x, y), (r, odd) = times_g(secret), times_g(NONCE)
    made = event(kind, pubkey=f"{x:064x}", **fields)
    key, nonce = (n if even % 2 == 0 else _N - n for n, even in ((secret, y), (NONCE, odd)))
    tag = hashlib.sha256(b"BIP0340/challenge").digest()
    said = b"".join(bytes.fromhex(one) for one in (f"{r:064x}", made["pubkey"], made["id"]))
    e = int.from_bytes(hashlib.sha256(tag + tag + said).digest(), "big")
    return made | {"sig": f"{r:064x}{(nonce + e * key) % _N:064x}"}


def heard(*said: Any) -> Heard:
    settings = NostrSettings(relays=("wss://relay.example",))
    context = SourceContext("n", Ingest.model_validate({}))
    relay = NostrDialect(context, settings, settings.relays[0], is_genuine, is_by_its_author)
    found, at = Heard(NOON), RelayPlace()
    for one in said:
        at = relay.read(WireMessage(json.dumps(one).encode()), at, found)
    return found


def test_a_note_becomes_a_mention() -> None:
    root, parent = "1" * 64, "2" * 64
    tags = [
        ["e", root, "wss://r", "root", OTHER],
        ["e", parent, "", "reply"],
        ["t", "ketel"],
        ["l", "nl", "ISO-639-1"],
    ]
    note = event(tags=tags)
    (mention,) = heard(["EVENT", "x", note]).mentions
    assert (mention.id, mention.network, mention.lang) == (f"{AUTHOR}:{note['id']}", "nostr", "nl")
    assert (mention.text, mention.hashtags) == ('De "ketel"\nlekt', ("ketel",))
    assert (mention.thread, mention.in_reply_to) == (f"{OTHER}:{root}", parent)
    assert mention.created_at == datetime.fromtimestamp(1_772_366_000, UTC)


def test_only_the_author_deletes_a_note_and_vanishes() -> None:
    found = heard(
        ["EVENT", "x", deletion := signed(5, tags=[["e", "1" * 64]])],
        ["EVENT", "x", farewell := signed(62, secret=8)],
        ["NOTICE", "slow down"],
    )
    gone = Removed(id=f"{deletion['pubkey']}:{'1' * 64}"), Removed(author=farewell["pubkey"])
    assert found.removed == list(gone)
    assert found.warning == "relay.example says: slow down"


@pytest.mark.parametrize("kind", [5, 62])
@pytest.mark.parametrize("sig", [None, "", "00", "0" * 128, "f" * 128, signed(62, secret=9)["sig"]])
def test_a_deletion_that_its_author_did_not_sign_is_refused(kind: int, sig: Any) -> None:
    forged = signed(kind, tags=[["e", "1" * 64]]) | {"sig": sig}
    with pytest.raises(BadMention, match="did not sign"):
        heard(["EVENT", "x", forged])


@pytest.mark.parametrize(
    ("key", "message", "signature", "holds"),
    [
        ("F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9", "00" * 32,
         "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA8215"
         "25F66A4A85EA8B71E482A74F382D2CE5EBEEE8FDB2172F477DF4900D310536C0", True),
        ("D69C3509BB99E412E68B0FE8544E72837DFA30746D8BE2AA65975F29D22DC7B9",
         "4DF3C3F68FCC83B27E9D42C90431A72499F17875C81A599B566C9889B9696703",
         "00000000000000000000003B78CE563F89A0ED9414F5AA28AD0D96D6795F9C63"
         "76AFB1548AF603B3EB45C9F8207DEE1060CB71C04E80F593060B07D28308D7F4", True),
        ("DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
         "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89",
         "FFF97BD5755EEEA420453A14355235D382F6472F8568A18B2F057A1460297556"
         "3CC27944640AC607CD107AE10923D9EF7A73C643E166BE5EBEAFA34B1AC553E2", False),
        ("DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
         "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89",
         "1FA62E331EDBC21C394792D2AB1100A7B432B013DF3F6FF4F99FCB33E0E1515F"
         "28890B3EDB6E7189B630448B515CE4F8622A954CFE545735AAEA5134FCCDB2BD", False),
        # A key that is no point, and one that is no number of the field.
        ("EEFDEA4CDB677750A420FEE807EACF21EB9898AE79B9768766E4FAA04A2D4A34", "00" * 32, "01" * 64, False),
        ("F" * 64, "00" * 32, "01" * 64, False),
    ],
)  # fmt: skip
def test_signatures_are_checked_as_bip_340_says(key: str, message: str, signature: str, holds: bool) -> None:
    """The first four are test vectors of BIP-340 (0, 4, 6 and 7), the fifth has the key of its vector 5."""
    assert is_signed(*map(bytes.fromhex, (key, message, signature))) is holds


@pytest.mark.parametrize(
    "fields", [{"content": "something else"}, {"tags": [[7]]}, {"pubkey": OTHER}, {"created_at": None}]
)
def test_an_event_that_is_not_what_its_id_says_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadMention, match="id is not that"):
        heard(["EVENT", "x", event() | fields])


def test_the_id_escapes_no_more_than_the_protocol_says() -> None:
    note = event()
    assert is_genuine(note)
    bell = event(content="\a")
    plain = f'[0,"{AUTHOR}",{bell["created_at"]},1,[],"\a"]'
    assert is_genuine(bell | {"id": hashlib.sha256(plain.encode()).hexdigest()})


def until_quiet(source: NostrSource, wanted: set[str]) -> tuple[list[str], Fetched]:
    """The ids that came until all that are wanted were among them, and the last fetch."""
    found: list[str] = []
    cursor = None
    ends = time.monotonic() + 10
    while True:
        fetched = source.fetch(cursor, NOON)
        cursor = fetched.cursor
        found += [one.id for one in fetched.mentions]
        if wanted <= set(found) and not fetched.more:
            return found, fetched
        assert time.monotonic() < ends


def test_a_note_on_two_relays_is_one_mention_and_one_relay_is_enough() -> None:
    world, shut = World(posts=posts(2)), World(fault=Reply(status=403))
    one, other = talker(), Talker(NostrRelay())
    for relay in (one, other):
        relay.begin(world)
    settings = NostrSettings(relays=(f"ws://{one.netloc}", f"ws://{other.netloc}"), first_minutes=600)
    source = NostrSource(
        SourceContext("n", INGEST, world.clock),
        settings,
        genuine=lambda event: True,
        settle=lambda inbox, fresh: inbox.settle(timedelta(milliseconds=20), timedelta(milliseconds=20)),
    )
    expected = {f"{AUTHOR}:{event_id(post)}" for post in world.posts}
    found, _ = until_quiet(source, expected)
    # Where both relays say it in the same fetch, it is there once; else the store counts it once.
    assert set(found) == expected
    other.begin(shut)
    source.close()
    found, fetched = until_quiet(source, expected)
    assert sorted(found) == sorted(expected)
    assert fetched.warning is not None and "403" in fetched.warning
    one.begin(shut)
    source.close()
    with pytest.raises(FetchFailed, match=r"403.*and 1 more"):
        source.fetch(fetched.cursor, NOON)
    source.close()
