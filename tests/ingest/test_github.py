"""GitHub: comments, discussions with a token, lists that did not change, and refusals that are spent hours."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ingest.kinds import make_source
from ingest.source import FetchFailed
from ingest.sources.github import GitHubSettings, comment_entry, discussions_page, issue_entry
from tests.contracts.loopback import INGEST, Loopback, Network, Reply, Request, World, as_json, posts
from tests.contracts.loopback import loopback as loopback
from tests.ingest.networks.github import NETWORK, REPOSITORY
from tocsin.definitions.models import SourceDef

DISCUSSION = {
    "number": 5,
    "title": "Ketel?",
    "body": "Lekt **hij**?",
    "url": "https://github.com/acme/kettle/discussions/5",
    "createdAt": "2026-03-01T09:00:00Z",
    "updatedAt": "2026-03-01T11:00:00Z",
    "lastEditedAt": None,
    "upvoteCount": 4,
    "author": {"login": "ayse"},
    "comments": {
        "totalCount": 1,
        "nodes": [
            {
                "databaseId": 77,
                "body": "Ja",
                "url": "https://github.com/acme/kettle/discussions/5#discussioncomment-77",
                "createdAt": "2026-03-01T10:00:00Z",
                "lastEditedAt": "2026-03-01T11:00:00Z",
                "upvoteCount": 0,
                "author": None,
                "replies": {
                    "nodes": [
                        {
                            "databaseId": 78,
                            "body": "Nee",
                            "createdAt": "2026-03-01T10:30:00Z",
                            "author": {"login": "jan"},
                        }
                    ]
                },
            }
        ],
    },
}


def answer(*nodes: Any, more: bool = False) -> dict[str, Any]:
    pages = {"hasNextPage": more, "endCursor": "after"}
    return {"data": {"repository": {"discussions": {"pageInfo": pages, "nodes": list(nodes)}}}}


def source(world: World, **settings: Any) -> Any:
    value = {"name": "gh", "kind": "github"} | NETWORK.settings(world.url) | settings
    return make_source(SourceDef.model_validate(value), INGEST, world.clock, world.budget)


def test_a_comment_belongs_to_its_issue_and_knows_its_edit() -> None:
    raw = {
        "id": 99,
        "body": "Bij mij ook",
        "html_url": "https://github.com/acme/kettle/issues/7#issuecomment-99",
        "issue_url": "https://api.github.com/repos/acme/kettle/issues/7",
        "user": {"login": "bot[bot]", "type": "Bot"},
        "created_at": "2026-03-01T10:00:00Z",
        "updated_at": "2026-03-01T10:05:00Z",
        "reactions": {"+1": 3},
    }
    fields = comment_entry(raw, REPOSITORY).fields
    assert (fields["id"], fields["thread"], fields["in_reply_to"]) == (
        "acme/kettle#comment-99",
        "acme/kettle#7",
        "acme/kettle#7",
    )
    assert fields["edited_at"] == "2026-03-01T10:05:00Z"
    assert fields["extra"] == {"bot": True}
    unedited = raw | {"updated_at": raw["created_at"]}
    assert comment_entry(unedited, REPOSITORY).fields["edited_at"] is None


def test_a_pull_request_is_an_issue_that_says_so() -> None:
    fields = issue_entry({"number": 8, "pull_request": {"url": "x"}, "body": None}, REPOSITORY).fields
    assert (fields["extra"], fields["text"]) == ({"pull_request": True}, "")


def test_a_discussion_brings_its_comments_and_their_replies() -> None:
    page = discussions_page(answer(DISCUSSION, more=True), REPOSITORY)
    assert page.next == "after"
    assert [(one.fields["id"], one.fields["text"], one.fields.get("thread")) for one in page.entries] == [
        ("acme/kettle#5", "Lekt **hij**?", None),
        ("acme/kettle#discussioncomment-77", "Ja", "acme/kettle#5"),
        ("acme/kettle#discussioncomment-78", "Nee", "acme/kettle#5"),
    ]
    assert page.entries[1].fields["edited_at"] == "2026-03-01T11:00:00Z"
    assert page.entries[0].fields["engagement"] == {"likes": 4, "replies": 1}


def test_an_error_of_graphql_is_said_in_its_own_words() -> None:
    said = {"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "message": "Could not resolve"}]}
    with pytest.raises(FetchFailed, match="discussions of acme/kettle: Could not resolve"):
        discussions_page(said, REPOSITORY)


def test_discussions_are_asked_for_with_the_token(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH", "s3cret")

    def serve(world: World, request: Request) -> Reply:
        assert (request.method, request.path) == ("POST", "/graphql")
        assert request.headers["authorization"] == "Bearer s3cret"
        return as_json(answer(DISCUSSION))

    world = loopback.begin(Network("github", NETWORK.settings, serve, ""))
    one = source(world, lists=["discussions"], token="env:GH")
    first = one.fetch(None, world.clock.now())
    assert len(first.mentions) == 3
    assert one.fetch(first.cursor, world.clock.now()).mentions == []
    with pytest.raises(ValidationError, match="only to those who give a token"):
        GitHubSettings(repositories=(REPOSITORY,), lists=("discussions",))


def test_a_list_that_did_not_change_is_not_sent_again(loopback: Loopback) -> None:
    world = loopback.begin(NETWORK)
    world.posts = posts(2)
    one = source(world)
    cursor = one.fetch(None, world.clock.now()).cursor
    for _ in range(3):
        cursor = one.fetch(cursor, world.clock.now()).cursor
    assert world.notes["unchanged"] == 2


def test_a_spent_hour_is_waited_for_until_github_says(loopback: Loopback) -> None:
    world = loopback.begin(NETWORK)
    resets = str(int(world.clock.now().timestamp()) + 600)
    world.fault = as_json(
        {"message": "API rate limit exceeded"}, 403, x_ratelimit_remaining="0", x_ratelimit_reset=resets
    )
    one = source(world)
    with pytest.raises(FetchFailed, match="takes no more requests of ours this hour"):
        one.fetch(None, world.clock.now())
    with pytest.raises(FetchFailed, match="for 10 min"):
        one.fetch(None, world.clock.now())
    assert len(world.requests) == 1
