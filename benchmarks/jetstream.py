"""A Jetstream that streams a made-up day of Bluesky as fast as it is read, with faults, for `benchmarks/bluesky.py`.

Two instances tell of the same day, each with numbers of its own. An event is made when it is sent, from its index alone: so any
instance begins anywhere, and its memory does not grow. A fault comes once, at its index.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import zstandard

from benchmarks.synthetic import synthetic_mentions

DAY = timedelta(days=1)
# Different texts; each event adds its index to one.
POOL = 20_000
AUTHORS = 5000
# Of so many events, one is the deletion of a post that came so many events before.
DELETES, BEFORE = 50, 25_001
FAULTS = (
    "cut in the middle of a frame",
    "no websocket frame",
    "a message that is no JSON",
    "an event twice",
    "ConsumerTooSlow",
    "the other instance",
    "an event of the year 2099",
    "a cursor that is too old by its number",
    "numbers that begin anew",
    "compressed with another dictionary",
)
_PREFIX = '{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","seq":'
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Day:
    """The day: `posts` events evenly over 24 hours from `start`, of which `share` name a brand."""

    posts: int
    start: datetime
    monitors: int
    share: float = 0.02
    texts: list[str] = field(default_factory=list)
    named: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        for one in synthetic_mentions(
            POOL,
            start=self.start,
            rate_per_second=300,
            match_share=self.share,
            monitors=self.monitors,
            seed=7,
        ):
            self.texts.append(json.dumps(one.text, ensure_ascii=False)[1:-1])
            self.named.append("brand0" in one.text)

    def matches(self, index: int) -> bool:
        """Whether the event is a post that names a brand."""
        return self.deletes(index) is None and bool(self.named[index % POOL])

    def deletes(self, index: int) -> int | None:
        """The index of the post that this event deletes; None where it is a post itself. Only posts without a brand."""
        gone = index - BEFORE
        if index % DELETES or gone < 0 or gone % DELETES == 0 or self.named[gone % POOL]:
            return None
        return gone

    def at_us(self, index: int) -> int:
        """When the instance saw it, in microseconds."""
        return (self.start - _EPOCH) // timedelta(microseconds=1) + index * 86_400_000_000 // self.posts

    def index_at(self, at_us: int) -> int:
        """The first event at that time or later."""
        since = at_us - (self.start - _EPOCH) // timedelta(microseconds=1)
        return max(0, -(-since * self.posts // 86_400_000_000))

    def event(self, index: int, seq: int, at_us: int) -> bytes:
        """The message about the event."""
        at = (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds")[:26] + "Z"
        gone = self.deletes(index)
        key, operation = (index, "create") if gone is None else (gone, "delete")
        head = (
            f'{_PREFIX}{seq},"did":"did:plc:{key % AUTHORS:024d}","time":"{at}","witnessedAt":"{at}","rev":"3l3qo2vutsw2b",'
            f'"operation":"{operation}","collection":"app.bsky.feed.post","rkey":"{key:013d}"'
        )
        if gone is not None:
            return f"{head}}}}}".encode()
        return (
            f'{head},"cid":"bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi","record":'
            f'{{"$type":"app.bsky.feed.post","text":"{self.texts[index % POOL]} {index}","createdAt":"{at}"}}}}}}'
        ).encode()


def planned(posts: int, rounds: int) -> dict[int, str]:
    """Where which fault comes: every kind so often, evenly, the one after which nothing is compressed last."""
    kinds = [*(kind for _ in range(rounds) for kind in FAULTS[:-1]), *FAULTS[-1:]][: rounds * len(FAULTS)]
    # At odd numbers, where no deletion stands.
    return {(n + 1) * posts // (len(kinds) + 1) | 1: kind for n, kind in enumerate(kinds)}


class Instances:
    """Two instances on one port of loopback: `/a` and `/b`."""

    def __init__(self, day: Day, faults: dict[int, str]) -> None:
        self.day, self.faults, self.done = day, dict(faults), list[str]()
        self._first = {"a": 1, "b": 700_000_000}
        self._away, self._too_old = "", ""
        samples: list[bytes | bytearray | memoryview] = [
            day.event(n, n, day.at_us(n)) for n in range(0, min(POOL, day.posts), 40)
        ]
        self._words = zstandard.train_dictionary(16_384, samples * (1 + 200 // len(samples)), dict_id=1)
        self._other = zstandard.train_dictionary(4096, samples[:40] * 10, dict_id=2)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            lines = head.decode().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
            parts = urlsplit(lines[0].split(" ")[1])
            if parts.path.endswith("getZstdDictionary"):
                _answer(client, 200, self._words.as_bytes())
                return
            name, query = parts.path.split("/")[1], parse_qs(parts.query)
            refusal = self._refusal(name, int(query["cursor"][0]))
            if refusal is not None:
                _answer(client, *refusal)
                return
            key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            client.sendall(
                f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
            )
            self._stream(client, name, int(query["cursor"][0]), "zstdDictionary" in query)

    def _refusal(self, name: str, cursor: int) -> tuple[int, bytes] | None:
        if self._away == name:
            self._away = ""
            return 503, b"{}"
        if self._too_old == name and cursor < 10**15:
            self._too_old = ""
            return 400, b'{"error":"CursorTooOld","message":"the floor is higher"}'
        return None

    def _stream(self, client: socket.socket, name: str, cursor: int, packed: bool) -> None:
        day, first = self.day, self._first[name]
        begin = day.index_at(cursor) if cursor >= 10**15 else cursor - first
        if not 0 <= begin <= day.posts:
            _say(client, b'{"$type":"message","payload":{"$type":"x#info","name":"FutureCursor"}}')
            begin = day.posts
        pack = zstandard.ZstdCompressor(dict_data=self._words, level=1).compress if packed else None
        waiting: list[bytes] = []
        size = 0
        for index in range(begin, day.posts):
            message = day.event(index, first + index, day.at_us(index))
            if index in self.faults:
                client.sendall(b"".join(waiting))
                waiting, size = [], 0
                if not self._fault(client, self.faults.pop(index), name, index, message, packed):
                    return
            framed = _frame(pack(message) if pack is not None else message)
            waiting.append(framed)
            size += len(framed)
            if size > 60_000:
                client.sendall(b"".join(waiting))
                waiting, size = [], 0
        client.sendall(b"".join(waiting))
        while client.recv(4096):
            pass

    def _fault(
        self, client: socket.socket, kind: str, name: str, index: int, message: bytes, packed: bool
    ) -> bool:
        """Let it happen; False where the connection is over."""
        self.done.append(kind)
        match FAULTS.index(kind):
            case 0:
                client.sendall(_frame(message)[:100])
            case 1:
                client.sendall(b"\xff" * 20)
            case 2:
                _say(client, b'{"$type": ')
                return True
            case 3:
                _say(client, message)
                return True
            case 4:
                _say(client, b'{"$type":"error","error":"ConsumerTooSlow","message":"far behind"}')
            case 5:
                self._away = name
            case 6:
                _say(client, self.day.event(index, self._first[name] + index, 4_070_908_800_000_000))
                return False
            case 7:
                self._too_old = name
            case 8:
                self._first[name] -= self.day.posts // 2 if self._first[name] > self.day.posts else -999_999
            case _ if packed:
                _say(client, zstandard.ZstdCompressor(dict_data=self._other).compress(message))
                time.sleep(0.05)
        return False


def _frame(message: bytes) -> bytes:
    size = len(message)
    if size < 126:
        return bytes((0x82, size)) + message
    return bytes((0x82, 126)) + size.to_bytes(2, "big") + message


def _say(client: socket.socket, message: bytes) -> None:
    client.sendall(_frame(message))


def _answer(client: socket.socket, status: int, body: bytes) -> None:
    client.sendall(f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)


@contextmanager
def streaming(day: Day, faults: dict[int, str]) -> Iterator[Instances]:
    """The instances, in this process."""
    made = Instances(day, faults)
    yield made
    made.close()


def work(folder: str, posts: int, start: str, monitors: int, rounds: int) -> dict[str, Any]:
    """The instances in a process of their own; they end with its input. The file `url` in the folder says where they are."""
    day = Day(posts, datetime.fromisoformat(start), monitors)
    with streaming(day, planned(posts, rounds)) as made:
        new = Path(folder) / "url.new"
        new.write_text(made.url)
        os.replace(new, Path(folder) / "url")
        sys.stdin.read()
        return {"faults": made.done}
