"""GDELT's DOC 2.0 search on loopback: lists of articles, oldest first, and charts of their tones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.sources.gdelt import BUDGET, MOST_ARTICLES
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json
from tests.contracts.sources import NOW


def address(post: Post) -> str:
    return f"https://nieuws.example/{post.id}"


def article(post: Post) -> dict[str, Any]:
    return {
        "url": address(post),
        "url_mobile": "",
        "title": post.text,
        "seendate": f"{post.at:%Y%m%dT%H%M%SZ}",
        "socialimage": "https://nieuws.example/1.jpg",
        "domain": "nieuws.example",
        "language": "Dutch",
        "sourcecountry": "Netherlands",
    }


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def serve(world: World, request: Request) -> Reply:
    if request.path != "/api/v2/doc/doc":
        return Reply(status=404)
    asked = request.query
    assert asked["format"] == "json"
    begin, end = moment(asked["startdatetime"]), moment(asked["enddatetime"])
    found = sorted((one for one in world.there if begin <= one.at <= end), key=lambda one: one.at)
    if asked["mode"] == "tonechart":
        parts = [{"url": address(one), "title": one.text} for one in found[:10]]
        return as_json({"tonechart": [{"bin": -4, "count": len(found), "toparts": parts}]} if found else {})
    assert (asked["mode"], asked["sort"]) == ("artlist", "dateasc")
    return as_json({"articles": [article(one) for one in found[: int(asked["maxrecords"])]]} if found else {})


def grow_old(world: World) -> None:
    world.clock.advance(timedelta(days=100))
    world.posts = [Post(n, at=NOW + timedelta(days=99, minutes=n)) for n in (1, 2)]


NETWORK = Network(
    kind="gdelt",
    settings=lambda url: {"query": '"ketel"', "site": url},
    serve=serve,
    shapes="GDELT DOC 2.0 API (blog.gdeltproject.org): modes ArtList and ToneChart, format JSON",
    page=MOST_ARTICLES,
    budget=BUDGET,
    id_of=address,
    grow_old=grow_old,
    odd_cursors=({"seen": ["x"]}, {"since": "2099-01-01T00:00:00Z"}, {"tones": {"a": 1.5}}),
    not_here={
        "test_an_edit_is_brought_as_a_version": "GDELT tells of no edits",
        "test_a_deletion_is_told": "GDELT tells of no deletions",
    },
)
