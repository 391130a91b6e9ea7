"""The App Store's feed of reviews on loopback: pages of 50, ten at most, and the last of them named by a link."""

from __future__ import annotations

import re
from typing import Any

from ingest.sources.appstore import BUDGET, MOST_PAGES, PAGE_SIZE
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json, posts

PATH = re.compile(r"/([a-z]{2})/rss/customerreviews/page=(\d+)/id=(\d+)/sortby=mostrecent/json")


def label(text: str) -> dict[str, str]:
    return {"label": text}


def entry(post: Post) -> dict[str, Any]:
    changed = post.edited_at or post.at
    return {
        "author": {
            "uri": label("https://itunes.apple.com/us/reviews/id77"),
            "name": label(post.author),
            "label": "",
        },
        "updated": label(changed.isoformat()),
        "im:rating": label("1"),
        "im:version": label("7.1"),
        "id": label(post.id),
        "title": label("Ketel"),
        "content": {"label": post.text, "attributes": {"type": "text"}},
        "link": {"attributes": {"rel": "related", "href": f"https://itunes.apple.com/review?id={post.id}"}},
        "im:voteSum": label("3"),
        "im:voteCount": label("4"),
    }


def link(rel: str, page: int) -> dict[str, Any]:
    href = f"https://itunes.apple.com/us/rss/customerreviews/page={page}/id=1/sortby=mostrecent/xml"
    return {"attributes": {"rel": rel, "href": href}}


def serve(world: World, request: Request) -> Reply:
    found = PATH.fullmatch(request.path)
    if not found:
        return Reply(status=404)
    country, number = found[1], int(found[2])
    empty = world.notes.get("empty", ())
    shown = list(reversed(world.there))[: MOST_PAGES * PAGE_SIZE]
    page = shown[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    last = max(1, -(-len(shown) // PAGE_SIZE))
    feed: dict[str, Any] = {"link": [link("first", 1), link("last", last)], "title": label("Reviews")}
    if (country, number) not in empty:
        entries = [entry(one) for one in page]
        # XML turned into JSON: one entry is no list.
        feed |= {"entry": entries[0] if len(entries) == 1 else entries} if entries else {}
    return as_json({"feed": feed})


def grow_old(world: World) -> None:
    world.posts = posts(MOST_PAGES * PAGE_SIZE + 100, first=5000)
    world.first_kept = 5100


NETWORK = Network(
    kind="appstore",
    settings=lambda url: {"app": "1108187390", "site": url},
    serve=serve,
    shapes="iTunes Store RSS feed of customer reviews (Apple documents its fields nowhere; as public clients read it)",
    page=PAGE_SIZE,
    budget=BUDGET,
    grow_old=grow_old,
    odd_cursors=({"countries": {"us": {"reading": {"next": "99"}}}}, {"turn": 7}),
    not_here={
        "test_an_edit_is_brought_as_a_version": "an edited review has the time of its edit only; tests/ingest/test_appstore.py",
        "test_a_deletion_is_told": "the store does not tell of deletions",
    },
)
