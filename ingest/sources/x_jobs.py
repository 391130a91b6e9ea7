"""X's batch compliance jobs: ids of posts are handed over as a file, and X gives back those of them that are gone.

The file goes to, and the list comes from, an address that X names with the job. Another host than the API's sees no token.
Shapes: X API v2 (docs.x.com/x-api), batch compliance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.plain import number, words
from ingest.source import FetchFailed, SourceContext
from ingest.sources.x_api import XApi
from ingest.web import Web
from tocsin.core.errors import BadMention
from tocsin.reading import decoded

PATH = "/2/compliance/jobs"
# A list has no more lines than posts were asked for; this bounds one that is of something else.
MOST_LINES = 10_000
_OPEN = ("created", "in_progress")


@dataclass(frozen=True, slots=True)
class Job:
    """What X says of a job. `result` is the address of the list, once there is one."""

    status: str
    result: str | None

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN


class XJobs:
    """The jobs of one source. X works on one at a time for an account."""

    def __init__(self, context: SourceContext, api: XApi) -> None:
        self._api = api
        self._files = Web(context, who="X's store of files")

    def begin(self, posts: Sequence[int]) -> str:
        """Make a job and hand over the posts' ids: the id of the job. Raises `FetchFailed`."""
        made = self._api.post(PATH, {"type": "tweets", "name": "tocsin"})
        id, upload_to = words(made, "data", "id"), words(made, "data", "upload_url")
        if not _is_id(id) or not upload_to:
            raise FetchFailed("X made a compliance job without an id or without a place for the ids")
        lines = "".join(f"{post}\n" for post in posts).encode()
        headers = {"content-type": "text/plain"} | self._token_for(upload_to)
        self._files.put(upload_to, content=lines, headers=headers)
        return id

    def ask(self, job: str) -> Job:
        """How far X is with the job. Raises `FetchFailed`."""
        found = self._api.get(f"{PATH}/{job}", {})
        status = words(found, "data", "status")[:40]
        result = words(found, "data", "download_url") if status == "complete" else ""
        return Job(status, result or None)

    def read(self, result: str) -> tuple[set[int], int]:
        """The ids of the posts that are gone, and the number of lines that cannot be read. Raises `FetchFailed`."""
        answer = self._files.get(result, headers=self._token_for(result))
        lines = [line for line in answer.body.splitlines() if line.strip()]
        gone, unread = set[int](), max(0, len(lines) - MOST_LINES)
        for line in lines[:MOST_LINES]:
            try:
                told = decoded(line)
            except BadMention:
                told = None
            id = number(told, "id")
            if id is None:
                unread += 1
            # Of a post with `scrub_geo` only the place is gone, which is not asked for here.
            elif words(told, "action") == "delete" and words(told, "reason") != "scrub_geo":
                gone.add(id)
        return gone, unread

    def _token_for(self, url: str) -> dict[str, str]:
        return self._api.headers if url.startswith(f"{self._api.site}/") else {}


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19
