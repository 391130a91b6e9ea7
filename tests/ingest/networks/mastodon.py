"""An instance of Mastodon on loopback: its public timeline, forward by `min_id`, and what it says of its timelines."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import Any

from ingest.sources.mastodon import BUDGET, PAGE_SIZE, SNOWFLAKE_BITS
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json, forget_all
from tests.contracts.sources import NOW
from tocsin.core.clock import EPOCH, iso

MILLI = timedelta(milliseconds=1)


def uri(post: Post) -> str:
    return f"https://mastodon.example/users/{post.author}/statuses/{post.id}"


def status_id(post: Post, world: World) -> int:
    """The time at which the instance got the status, and its number. An instance that was set up anew counts from one."""
    if "anew" in world.notes:
        return post.number
    return ((NOW - timedelta(hours=2) - EPOCH) // MILLI << SNOWFLAKE_BITS) + post.number


def status(post: Post, world: World) -> dict[str, Any]:
    return {
        "id": str(status_id(post, world)),
        "uri": uri(post),
        "url": f"https://mastodon.example/@{post.author}/{post.id}",
        "created_at": iso(post.at),
        "edited_at": None,
        "visibility": "public",
        "spoiler_text": "",
        "language": "nl",
        "content": post.text if "<" in post.text else f"<p>{escape(post.text)}</p>",
        "account": {
            "id": "1",
            "acct": post.author,
            "display_name": "Ayşe",
            "url": f"https://mastodon.example/@{post.author}",
            "followers_count": 120,
            "bot": False,
        },
        "reblog": None,
        "media_attachments": [],
        "tags": [{"name": "ketel", "url": "https://mastodon.example/tags/ketel"}],
        "replies_count": 1,
        "reblogs_count": 2,
        "favourites_count": 3,
    }


def serve(world: World, request: Request) -> Reply:
    if request.path == "/api/v2/instance":
        return as_json({"configuration": {"timelines_access": world.notes.get("access")}})
    if not request.path.startswith("/api/v1/timelines/"):
        return as_json({"error": "Record not found"}, 404)
    found = sorted((status(post, world) for post in world.there), key=lambda one: int(one["id"]))
    limit = min(int(request.query["limit"]), PAGE_SIZE)
    if "min_id" in request.query:
        page = [one for one in found if int(one["id"]) > int(request.query["min_id"])][:limit]
    else:
        page = found[-limit:]
    return as_json(page[::-1])


def count_anew(world: World) -> None:
    """The instance was set up anew: its ids begin at one."""
    forget_all(world)
    world.notes["anew"] = True


NETWORK = Network(
    kind="mastodon",
    settings=lambda url: {"instances": [url], "look_back_minutes": 180},
    serve=serve,
    shapes="Mastodon API (docs.joinmastodon.org): timelines, entities Status, Account and Instance, rate limits",
    page=PAGE_SIZE,
    budget=BUDGET,
    id_of=uri,
    html=True,
    grow_old=count_anew,
    odd_cursors=(
        {"lanes": {"https://gone.example public": {"min_id": "5"}}},
        {"lanes": {"x": 5}},
        {"min_id": "99999999999999999999"},
    ),
    not_here={
        "test_an_edit_is_brought_as_a_version": "a timeline that is read forward does not show a status again",
        "test_a_deletion_is_told": "a timeline leaves a deleted status out, and nothing says so",
        "test_another_instance_is_another_target": "each timeline of each instance has a cursor of its own: test_mastodon.py",
    },
)
