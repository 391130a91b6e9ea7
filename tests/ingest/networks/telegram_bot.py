"""Telegram's API for bots on loopback: updates from an offset on, kept for 24 hours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ingest.sources.telegram_bot import BUDGET, MOST_UPDATES
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json, forget_all
from tests.ingest.talking import MOST_TOLD

TOKEN = "123:made-up-token"
CHAT = -100123


def update(number: int, post: Post) -> dict[str, Any]:
    kind = "edited_channel_post" if post.edited_at else "channel_post"
    told: dict[str, Any] = {
        "message_id": int(post.id),
        "sender_chat": {"id": CHAT, "title": post.author, "type": "channel"},
        "chat": {"id": CHAT, "title": "Ketelnieuws", "username": "ketelnieuws", "type": "channel"},
        "date": int(post.at.timestamp()),
        "text": post.text,
    }
    if post.edited_at:
        told["edit_date"] = int(post.edited_at.timestamp())
    return {"update_id": number, kind: told}


def serve(world: World, request: Request) -> Reply:
    if request.path != f"/bot{TOKEN}/getUpdates":
        return as_json({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
    # Every version of a post is an update of its own, in the order in which they came.
    log = world.notes.setdefault("log", [])
    log += [one for one in world.there if one not in log]
    # After so many updates came a quiet week, and then Telegram counted on from that number.
    quiet_week: tuple[int, int] = world.notes.get("quiet_week", (0, 1))
    numbered = [
        (place + 1 if place < quiet_week[0] else place - quiet_week[0] + quiet_week[1], post)
        for place, post in enumerate(log)
    ]
    begin: int = world.notes.get("confirmed", 0)
    if "offset" in request.query:
        offset = int(request.query["offset"])
        while begin < len(log) and numbered[begin][0] < offset:
            begin += 1
        world.notes["confirmed"] = begin
        # What was confirmed long ago keeps its number and nothing else.
        for place in range(world.notes.get("dropped", 0), begin - MOST_TOLD):
            log[place], world.notes["dropped"] = None, place + 1
    found = [update(number, post) for number, post in numbered[begin:]]
    return as_json({"ok": True, "result": found[:MOST_UPDATES]})


def grow_old(world: World) -> None:
    forget_all(world)
    world.clock.advance(timedelta(hours=30))


NETWORK = Network(
    kind="telegram_bot",
    settings=lambda url: {"token": "env:BOT_TOKEN", "site": url},
    serve=serve,
    shapes="Telegram Bot API (core.telegram.org/bots/api): getUpdates, Update, Message",
    page=MOST_UPDATES,
    budget=BUDGET,
    id_of=lambda post: f"{CHAT}/{post.id}",
    environment={"BOT_TOKEN": TOKEN},
    grow_old=grow_old,
    odd_cursors=({"offset": -1}, {"asked_at": "yesterday"}),
    not_here={"test_a_deletion_is_told": "the API tells bots of no deletions"},
)
