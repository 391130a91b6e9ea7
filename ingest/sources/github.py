"""Issues, pull requests and discussions of GitHub repositories, with their comments.

Shapes and limits are those of docs.github.com: REST "Issues" and "Issue comments" (version 2022-11-28), GraphQL "Discussions",
"Best practices" for conditional requests. Each list of each repository is a lane. Issues and comments come by the time of their
last change; a list that did not change answers 304. Discussions are in GraphQL alone, which asks for a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.budget import Budget
from ingest.lanes import InTurn, PlacesInTurn
from ingest.newest_first import Pass, ShownPage, ShownPost
from ingest.newest_first import step as pass_step
from ingest.oldest_first import Climb, step, young
from ingest.plain import dig, items, moment, number, taken, words
from ingest.source import Cursor, Fetched, FetchFailed, SourceContext, read_cursor
from ingest.sources.places import Secret, WebAddress
from ingest.web import Answer, Web, refused
from tocsin.core import patterns
from tocsin.core.clock import iso
from tocsin.core.sentences import Sentence
from tocsin.core.text import one_line
from tocsin.settings.secrets import reveal

NETWORK = "github"
BUDGET = Budget(60, per_s=3600)
"""An address without a token has 60 requests an hour (docs.github.com, Rate limits for the REST API)."""

BUDGET_WITH_TOKEN = Budget(5000, per_s=3600)
PAGE_SIZE = 100
# Of posts that changed in one second: nobody changes more at once.
MOST_PAGES = 50
# An hour's requests must last the hour, with some to spare for tests and restarts.
SPARED = 0.85
VERSION = "2022-11-28"
DISCUSSIONS: Final = """
query($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    discussions(first: 25, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor }
      nodes {
        number title body url createdAt updatedAt lastEditedAt upvoteCount author { login }
        comments(last: 30) {
          totalCount
          nodes {
            databaseId body url createdAt lastEditedAt upvoteCount author { login }
            replies(last: 10) { nodes { databaseId body url createdAt lastEditedAt upvoteCount author { login } } }
          }
        }
      }
    }
  }
}
"""
"""The newest discussions of a repository, with their last comments and replies."""

_PATHS: Final[Mapping[str, str]] = {"issues": "issues", "comments": "issues/comments"}
List = Literal["issues", "comments", "discussions"]


class GitHubSettings(BaseModel):
    """The settings of GitHub."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repositories: tuple[Annotated[str, Field(pattern=patterns.REPOSITORY)], ...] = Field(
        min_length=1, max_length=50, description="Repositories, as owner/name."
    )
    lists: tuple[List, ...] = Field(
        ("issues", "comments"),
        min_length=1,
        max_length=3,
        description="What is read of each: issues (with pull requests), comments, discussions (with a token).",
    )
    token: Secret | None = Field(
        None,
        description="env:NAME or file:PATH; 5,000 requests an hour instead of 60.",
    )
    look_back_hours: int = Field(24, ge=1, le=2160, description="How far back the first reading goes.")
    interval_s: int | None = Field(
        None, ge=30, le=86_400, description="How often to ask; default: so that the hour's requests suffice."
    )
    site: WebAddress = Field("https://api.github.com", description="The address of the API.")

    @model_validator(mode="after")
    def _may_read(self) -> GitHubSettings:
        if "discussions" in self.lists and not self.token:
            raise ValueError(
                Sentence(
                    "GitHub shows discussions only to those who give a token: set token, or leave them out"
                )
            )
        return self


class GitHubSource(InTurn):
    """GitHub as a source; the module's docstring describes how it is read."""

    kind = "github"
    remote = True

    def __init__(self, context: SourceContext, settings: GitHubSettings) -> None:
        self._name, self._settings = context.name, settings
        # Each list of each repository has its place in the cursor by its name, so a changed list keeps the others' places.
        self.target = settings.site
        self._web = Web(context, BUDGET_WITH_TOKEN if settings.token else BUDGET, who="GitHub")
        self._max_age = timedelta(days=context.ingest.max_age_days)
        keys = [f"{repository} {name}" for repository in settings.repositories for name in settings.lists]
        self._lanes = PlacesInTurn(keys, self._read)
        self.interval = timedelta(seconds=settings.interval_s or _patient(len(keys), bool(settings.token)))

    def _read(self, key: str, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of one list of one repository."""
        repository, _, name = key.partition(" ")
        if name == "discussions":
            return self._read_discussions(repository, read_cursor(cursor, Pass), now)
        at = read_cursor(cursor, Climb)
        start = at.start(now - timedelta(hours=self._settings.look_back_hours)).replace(microsecond=0)
        answer = self._ask_list(repository, name, start, at)
        if answer.status == 304:
            return Fetched(cursor=cursor)
        said = answer.json()
        if not isinstance(said, list):
            raise FetchFailed("GitHub answered with something that is no list of posts")
        entries = [(issue_entry if name == "issues" else comment_entry)(raw, repository) for raw in said]
        full = 'rel="next"' in answer.headers.get("link", "")
        # The answer to a page that is exactly full stays the same when a second page comes, so it says nothing.
        tag = answer.headers.get("etag") if len(said) < PAGE_SIZE else None
        found = step(at, start, entries, now, full=full, most_pages=MOST_PAGES, tag=tag)
        mentions, bad = taken(young(found.brought, now - self._max_age), self._name)
        return Fetched(mentions, bad, msgspec.to_builtins(found.after), more=found.more, gaps=found.gaps)

    def _ask_list(self, repository: str, name: str, start: datetime, at: Climb) -> Answer:
        params: dict[str, Any] = {
            "since": iso(start),
            "sort": "updated",
            "direction": "asc",
            "per_page": PAGE_SIZE,
            "page": at.pages + 1,
        }
        if name == "issues":
            params["state"] = "all"
        headers = dict(self._headers())
        if at.tag and at.up is None:
            headers["if-none-match"] = at.tag
        url = f"{self._settings.site}/repos/{repository}/{_PATHS[name]}"
        return _allowed(self._web.get(url, params=params, headers=headers, expected=(304, 403)))

    def _read_discussions(self, repository: str, at: Pass, now: datetime) -> Fetched:
        owner, _, name = repository.partition("/")
        variables = {"owner": owner, "name": name, "after": at.next}
        answer = self._web.post(
            f"{self._settings.site}/graphql",
            json={"query": DISCUSSIONS, "variables": variables},
            headers=self._headers(),
            expected=(403,),
        )
        page = discussions_page(_allowed(answer).json(), repository)
        found = pass_step(at, page, now, first_pages=1)
        mentions, bad = taken(young(found.brought, now - self._max_age), self._name)
        return Fetched(mentions, bad, msgspec.to_builtins(found.after), more=found.more, gaps=found.gaps)

    def _headers(self) -> Mapping[str, str]:
        token = self._settings.token
        signed = {"authorization": f"Bearer {reveal(token)}"} if token else {}
        return {"accept": "application/vnd.github+json", "x-github-api-version": VERSION} | signed


def issue_entry(raw: Any, repository: str) -> ShownPost:
    """An issue or a pull request. GitHub does not say when its words were edited; `ShownPost.at` is the time of any change."""
    count = words(raw, "number")
    fields = _common(raw, "user", "created_at") | {
        "id": f"{repository}#{count}" if count else "",
        "url": words(raw, "html_url"),
        "title": words(raw, "title"),
        "hashtags": [words(label, "name") for label in items(raw, "labels")],
        "engagement": {"likes": number(raw, "reactions", "+1"), "replies": number(raw, "comments")},
    }
    if isinstance(dig(raw, "pull_request"), dict):
        fields["extra"] = fields["extra"] | {"pull_request": True}
    return ShownPost(fields, moment(dig(raw, "updated_at")))


def comment_entry(raw: Any, repository: str) -> ShownPost:
    """A comment on an issue or a pull request."""
    id, updated = words(raw, "id"), moment(dig(raw, "updated_at"))
    found = re.search(r"/issues/(\d{1,12})$", words(raw, "issue_url"))
    thread = f"{repository}#{found[1]}" if found else None
    created = moment(dig(raw, "created_at"))
    fields = _common(raw, "user", "created_at") | {
        "id": f"{repository}#comment-{id}" if id else "",
        "url": words(raw, "html_url"),
        "edited_at": iso(updated) if updated and created and updated > created else None,
        "in_reply_to": thread,
        "thread": thread,
        "engagement": {"likes": number(raw, "reactions", "+1")},
    }
    return ShownPost(fields, updated)


def discussions_page(said: Any, repository: str) -> ShownPage:
    """The discussions in an answer of GraphQL, each with its comments. Raises `FetchFailed` with GitHub's words."""
    found = dig(said, "data", "repository", "discussions")
    if not isinstance(dig(found, "nodes"), list):
        message = one_line(words(said, "errors", 0, "message"), 200) or "the answer is no list of discussions"
        raise FetchFailed(f"GitHub does not show the discussions of {repository}: {message}")
    entries = list(chain.from_iterable(_thread(raw, repository) for raw in items(found, "nodes")))
    more = dig(found, "pageInfo", "hasNextPage") is True
    return ShownPage(entries, words(found, "pageInfo", "endCursor") or None if more else None)


def _thread(raw: Any, repository: str) -> Sequence[ShownPost]:
    """A discussion, its comments and their replies. All have the time of the discussion, by which the page is ordered."""
    at, count = moment(dig(raw, "updatedAt")), words(raw, "number")
    top = f"{repository}#{count}" if count else ""
    said = items(raw, "comments", "nodes")
    replies = chain.from_iterable(items(one, "replies", "nodes") for one in said)
    posts: list[tuple[Any, dict[str, Any]]] = [
        (raw, {"id": top, "title": words(raw, "title")}),
        *((one, _below(top, one, repository)) for one in chain(said, replies)),
    ]
    return [
        ShownPost(_common(one, "author", "createdAt") | _of_discussion(one) | own, at) for one, own in posts
    ]


def _below(top: str, raw: Any, repository: str) -> dict[str, Any]:
    id = words(raw, "databaseId")
    return {"id": f"{repository}#discussioncomment-{id}" if id else "", "in_reply_to": top, "thread": top}


def _of_discussion(raw: Any) -> dict[str, Any]:
    return {
        "url": words(raw, "url"),
        "edited_at": dig(raw, "lastEditedAt"),
        "engagement": {"likes": number(raw, "upvoteCount"), "replies": number(raw, "comments", "totalCount")},
    }


def _common(raw: Any, author: str, created: str) -> dict[str, Any]:
    login = words(raw, author, "login")
    return {
        "network": NETWORK,
        "created_at": dig(raw, created),
        # The words are Markdown, as their author wrote them.
        "text": words(raw, "body"),
        "author": {"id": login, "handle": login} if login else None,
        "extra": {"bot": True} if words(raw, author, "type") == "Bot" else {},
    }


def _allowed(answer: Answer) -> Answer:
    """The answer, unless GitHub refuses. It says 403 also where the hour's requests are spent; that is waiting, not failing."""
    if answer.status != 403:
        return answer
    if answer.headers.get("x-ratelimit-remaining", "").strip() == "0":
        raise FetchFailed("GitHub takes no more requests of ours this hour", status=403)
    raise refused(answer.who, 403, None)


def _patient(lists: int, with_token: bool) -> int:
    """Seconds between two rounds over so many lists, such that the hour's requests last the hour."""
    budget = BUDGET_WITH_TOKEN if with_token else BUDGET
    return max(60, round(lists * budget.per_s / (budget.requests * SPARED)))
