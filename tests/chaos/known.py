"""Known streams: made-up mentions with repeats, edits and disorder. It is known beforehand what the store must hold of them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ops.runtime import open_runtime
from ops.transfer.apply import apply, plan
from ops.transfer.export import export
from processors.worker import StreamProcessor
from tests.story.live import talk
from tocsin.intake.handover import HandOver
from tocsin.reading import read_json_line
from tocsin.stream.port import MENTIONS

BRANDS = ("ondrello", "trapuno", "kvikkado", "zilverbos", "morgunel", "pesterna")
# Files; pushed mentions come through PUSHED.
SOURCES = ("forum", "shop", "news")
PUSHED = "api"
FIRE = "battery caught fire, I am furious, awful, dangerous"
Item = Mapping[str, Any]


def watching(hook_url: str, folder: Path, *, sources: bool = True) -> dict[str, Any]:
    """Two people, a policy that pages the second one after a minute, a monitor a brand, and files in `folder` as sources."""
    people = [
        {
            "name": name,
            "role": "community_manager",
            "channels": [{"kind": "webhook", "url": f"{hook_url}?to={name}", "secret": "env:HOOK_SECRET"}],
        }
        for name in ("Elif", "Joris")
    ]
    steps = [
        {"after_minutes": 0, "targets": ["person:Elif"]},
        {"after_minutes": 1, "targets": ["person:Joris"]},
    ]
    files = [{"name": name, "kind": "file", "path": str(folder / f"{name}.jsonl")} for name in SOURCES]
    return {
        "people": people,
        "policies": [{"name": "default", "steps": steps}],
        "monitors": [{"name": brand.title(), "query": f"{brand} OR #{brand}"} for brand in BRANDS],
        "sources": files if sources else [],
    }


@dataclass(frozen=True, slots=True)
class Said:
    """One line that arrives: its time (seconds after the start), its source and its content."""

    after_s: float
    source: str
    item: Item


def known_stream(count: int, lasts: timedelta, start: datetime, seed: int, *, pushed: bool) -> list[Said]:
    """About `count` mentions that arrive within `lasts`: one in eight twice, one in ten edited, neighbours in disorder.

    One in four names no brand. From the first third on, some tell of fires, which pages.
    """
    chance = random.Random(seed)
    through = (*SOURCES, PUSHED) if pushed else SOURCES
    end = start + lasts
    items: list[Item] = []
    for n, word in enumerate((*BRANDS, "nobody", "nothing")):
        share = count // 8
        items += talk(word, share - share // 3, start, end, seed + n)
        items += talk(word, share // 3, start + lasts / 3, end, seed + 100 + n, saying=FIRE)
    said = []
    for item in sorted(items, key=lambda one: (str(one["created_at"]), str(one["id"]))):
        source = through[chance.randrange(len(through))]
        at = (datetime.fromisoformat(item["created_at"]) - start).total_seconds()
        said.append(Said(at + chance.uniform(0, 3), source, item))
        if chance.random() < 1 / 8:
            said.append(Said(at + chance.uniform(0, 15), source, item))
        if chance.random() < 1 / 10:
            later = datetime.fromisoformat(item["created_at"]) + timedelta(seconds=chance.randrange(1, 60))
            words = f"{item['text']} Update: {'it works again, thanks' if chance.random() < 0.5 else FIRE}"
            edit = {**item, "text": words, "edited_at": later.isoformat()}
            said.append(Said(at + chance.uniform(-2, 15), source, edit))
    limit = lasts.total_seconds()
    return sorted(
        (Said(min(max(0.0, one.after_s), limit), one.source, one.item) for one in said),
        key=lambda one: one.after_s,
    )


def undisturbed(
    said: Sequence[Said], setup: Mapping[str, Any], folder: Path, now: datetime
) -> dict[str, list[bytes]]:
    """The exports of the embedded engines for this stream without faults: mentions and tallies."""
    with open_runtime(data=folder, store="sqlite", stream="sqlite", durable=False) as runtime:
        with runtime.store.write() as conn:
            apply(conn, plan(conn, setup), now, "test")
        hand_over = HandOver(runtime.stream, partitions=8, max_mentions=100, clock=runtime.clock)
        hand_over.hand_over([read_json_line(line(one.item), source=one.source) for one in said], now)
        processor = StreamProcessor(runtime.store, runtime.stream, runtime.settings, runtime.clock)
        assert runtime.stream.partitions(MENTIONS) == 8
        while processor.once(timedelta(0)) or processor.lag():
            pass
        processor.close()
        with runtime.store.read() as conn:
            return {kind: list(export(conn, kind)) for kind in ("mentions", "tallies")}


def line(item: Item) -> bytes:
    return json.dumps(item, ensure_ascii=False).encode()


def recording(seed: int, end: datetime, hours: int = 30) -> list[Item]:
    """A recording of some hours that ends in a crisis of the first brand. Some posts are edited minutes later."""
    chance = random.Random(seed)
    start, crisis = end - timedelta(hours=hours), end - timedelta(hours=1)
    items: list[Item] = []
    for n, brand in enumerate(BRANDS[:3]):
        items += talk(brand, hours * 12, start, end, seed + n)
    items += talk(BRANDS[0], 260, crisis, end, seed + 50, saying=FIRE)
    for item in chance.sample(items, 25):
        later = datetime.fromisoformat(item["created_at"]) + timedelta(minutes=chance.randrange(2, 40))
        items.append({**item, "text": f"{item['text']} Update: {FIRE}", "edited_at": later.isoformat()})
    items += chance.sample(items, 60)
    chance.shuffle(items)
    return items
