"""Mentions: routes that push them, find them, and say what became of a push."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from msgspec.structs import asdict
from pydantic import BaseModel, Field
from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool

from api.auth.principal import Principal
from api.auth.webhooks import claimed, verify_webhook
from api.bodies import UNPACKED_TIMES, items_of, unpacked
from api.etags import etag_or_304, list_etag
from api.lists import (
    Cursor,
    Limit,
    ListPage,
    checked_time,
    wrong,
)
from api.pages.problem import language_of
from api.pages.recorded import recorded
from api.preconditions import Idempotency, Idempotent
from api.problems import PROBLEMS, Problem
from api.push import push
from api.state import AppState, State, Who
from processors.corrections.correct import PERSON, LabelFor, toward
from processors.detection.day_stories import DayStory, day_stories
from processors.mention_search import SEARCH_KEY, MentionFilter, search_key, search_mentions
from processors.own_accounts import written_by_the_brand
from tocsin.access.links import new_token
from tocsin.core import patterns
from tocsin.core.clock import minute_of
from tocsin.core.cursor import decode_cursor, page_of
from tocsin.core.errors import NotAllowed, NotFound, TocsinError, WrongInput
from tocsin.core.facets import FACETS, Crisis, Emotion, Harm, Intent
from tocsin.core.ids import stable_id
from tocsin.core.languages import ENGLISH
from tocsin.core.mention import Mention
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Monitor, Role, SourceDef
from tocsin.definitions.repository import find
from tocsin.intake.pushes import find_push
from tocsin.settings import reveal
from tocsin.store import offsets
from tocsin.store.mentions import seen, stored_mention
from tocsin.store.revision import revision
from tocsin.store.search import LONGEST as LONGEST_SEARCH
from tocsin.store.search import parse_search
from tocsin.stream.port import MENTIONS

router = APIRouter(prefix="/v1", tags=["mentions"])

DEFAULT_SOURCE = "api"
Text = Annotated[str | None, Query(max_length=256)]


class RejectedItem(BaseModel):
    """One item that was not taken."""

    index: int = Field(description="The place of the item in the request, from 0.")
    reason: str = Field(description="A stable word for programs; docs/sources.md lists them.")
    message: str = Field(description="For people, in their language or that of `Accept-Language`.")


class Pushed(BaseModel):
    """What became of a push so far. The accepted mentions are durable and on their way."""

    accepted: int
    rejected: list[RejectedItem]
    batch: str = Field(description="Ask /v1/batches/{id} later what was new.")


class PushBatch(BaseModel):
    """What became of a push."""

    id: str
    at: datetime
    source: str
    state: Literal["on its way", "stored"]
    accepted: int
    rejected: list[RejectedItem]
    duplicates: int = Field(description="Accepted items that were known before, or came twice in it.")
    matched: int | None = Field(
        description="Mentions of it that some monitor matches; null while on its way."
    )


class AuthorOut(BaseModel):
    id: str
    name: str | None
    handle: str | None
    followers: int | None
    verified: bool | None


class EngagementOut(BaseModel):
    likes: int | None
    reposts: int | None
    replies: int | None
    views: int | None


class SentimentOut(BaseModel):
    label: Literal["negative", "neutral", "positive", "unscored"] = Field(
        description="Of the text; where one monitor is asked for, toward its brand."
    )
    scored_by: str | None = Field(
        description="Null: the label is the model's, of the whole text. `person`: somebody gave it. `part`: the text names "
        "another brand, too, and it is toward the monitor's. `brand-3`: the third model learnt from the monitor's corrections "
        "gave it."
    )
    score: float = Field(
        description="-1 to 1; 0 where unscored. Of the whole text, whatever the label is of."
    )
    confidence: float = Field(description="0 to 1.")
    model: str | None


class FacetsOut(BaseModel):
    """What the text says clearly enough, beside its sentiment. Empty where nothing was told."""

    intent: list[Intent] = Field(description="At most one.")
    emotion: list[Emotion]
    crisis: list[Crisis] = Field(description="The kinds of crisis that it talks of, in news and jokes too.")
    harm: list[Harm] = Field(description="The kinds of harm that a reader may want hidden.")


class MentionStoryOut(BaseModel):
    """The text that several mentions of a monitor tell on one day, word for word or lightly edited."""

    id: str = Field(description="Equal for all its mentions of that day.")
    count: int = Field(description="Mentions of the monitor that tell it on that day, by UTC.")


class MentionOut(BaseModel):
    """A mention as it is kept, with what was understood of it."""

    source: str
    id: str
    text: str
    title: str | None
    created_at: datetime
    edited_at: datetime | None
    network: str | None
    url: str | None
    lang: str | None
    country: str | None
    author: AuthorOut | None
    in_reply_to: str | None
    repost_of: str | None
    thread: str | None
    engagement: EngagementOut | None
    links: list[str]
    hashtags: list[str]
    media: list[str]
    truncated: bool
    extra: dict[str, Any]
    sentiment: SentimentOut
    triggers: list[str]
    facets: FacetsOut
    story: MentionStoryOut | None = Field(
        default=None, description="Where one monitor is asked for and others of its mentions tell the same."
    )
    own: bool = Field(False, description="An account of the monitor's own brand wrote it: it is in no count.")


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}
_PUSH_PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: PROBLEMS[code] for code in (401, 403, 413, 415, 422, 503)
}


@router.post(
    "/mentions",
    response_model=Pushed,
    status_code=202,
    summary="Push mentions",
    openapi_extra=_BODY,
    responses=_PUSH_PROBLEMS,
)
async def push_mentions(
    request: Request,
    response: Response,
    state: State,
    who: Who,
    idempotency: Idempotent,
    source: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=256,
            pattern=patterns.LINE,
            description="Source of mentions that name none.",
        ),
    ] = None,
) -> Any:
    """Push one JSON object, an array, or one object a line (NDJSON), with gzip or without.

    The same (source, id) again is stored once and counted once. A key that is bound to a source fixes the source.
    """
    body = await request.body()
    async with state.pushes:
        answer = await run_in_threadpool(_push, state, who, idempotency, request, response, body, source)
        return await run_in_threadpool(_said, request, answer)


def _push(
    state: AppState,
    who: Principal,
    idempotency: Idempotency,
    request: Request,
    response: Response,
    body: bytes,
    source: str | None,
) -> dict[str, Any]:
    with state.store.read() as conn:
        first = idempotency.first_response(conn, who)
    if first is not None:
        response.headers["Idempotent-Replay"] = "true"
        return dict(first[1])
    items = _items(state, request, body)
    batch = (
        stable_id("batch", who.id, idempotency.key, idempotency.body_hash)
        if idempotency.key
        else stable_id("batch", new_token())
    )
    answer = push(
        state,
        items,
        source=who.source or source or DEFAULT_SOURCE,
        fix_source=who.source is not None,
        batch=batch,
        recent=request.app.state.recent,
        pusher=who.id,
    )
    if idempotency.key:
        with state.store.write() as conn:
            idempotency.store_response(conn, who, 202, answer, state.now())
    return answer


def _items(state: AppState, request: Request, body: bytes) -> list[bytes]:
    most = state.settings.api.max_body_bytes * UNPACKED_TIMES
    plain = unpacked(body, request.headers.get("content-encoding", ""), most)
    return items_of(plain, request.headers.get("content-type", ""))


@router.post(
    "/mentions/hook/{source}",
    response_model=Pushed,
    status_code=202,
    summary="Push mentions by signed webhook",
    openapi_extra=_BODY,
    responses=_PUSH_PROBLEMS,
)
async def hook(request: Request, state: State, source: Annotated[str, Path(max_length=256)]) -> Any:
    """Push mentions, signed as Standard Webhooks says, with the secret that the source's setting `secret` names (env: or file:).

    The source must be defined, enabled, of kind `push`, and have such a secret. A webhook id that comes again is answered
    as the first time.
    """
    try:
        claimed(request.headers, state.now())
    except NotAllowed:
        raise _bad_signature() from None
    body = await request.body()
    async with state.pushes:
        answer = await run_in_threadpool(_hook, state, request, body, source)
        return await run_in_threadpool(_said, request, answer)


def _hook(state: AppState, request: Request, body: bytes, source: str) -> dict[str, Any]:
    now = state.now()
    try:
        with state.store.read() as conn:
            defined = find(conn, SourceDef, source)
        secret = defined.value.settings.get("secret")
        if not (defined.value.enabled and isinstance(secret, str)):
            raise NotAllowed(Sentence("no secret"))
        sent_id = verify_webhook(reveal(secret), request.headers, body, now)
    except (NotFound, NotAllowed, TocsinError) as error:
        if not isinstance(error, NotFound | NotAllowed) and getattr(error, "exit_code", 1) == 1:
            raise
        raise _bad_signature() from None
    who = Principal("key", f"hook:{defined.id}", defined.name, Role.COMMUNITY_MANAGER, source=defined.name)
    idempotency = Idempotency(sent_id, "hook", stable_id("body", body.hex()))
    with state.store.read() as conn:
        first = idempotency.first_response(conn, who)
    if first is not None:
        return dict(first[1])
    answer = push(
        state,
        _items(state, request, body),
        source=defined.name,
        fix_source=True,
        batch=stable_id("batch", defined.id, sent_id),
        recent=request.app.state.recent,
    )
    with state.store.write() as conn:
        idempotency.store_response(conn, who, 202, answer, now)
    return answer


def _said(request: Request, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with its messages in the caller's language. The texts are kept in English."""
    language = language_of(request)
    if language.code == ENGLISH or not answer["rejected"]:
        return answer
    told = [
        one | {"message": language.say(recorded(one["message"]) or one["message"])}
        for one in answer["rejected"]
    ]
    return answer | {"rejected": told}


def _bad_signature() -> Problem:
    """The one answer to every refusal, so that a stranger does not learn which sources there are."""
    detail = Sentence(
        "no webhook source takes this signature: check the address, the secret on both sides, and the clocks"
    )
    return Problem(401, "bad-signature", detail)


@router.get(
    "/batches/{id}", response_model=PushBatch, summary="What became of a push", responses={404: PROBLEMS[404]}
)
def batch(request: Request, state: State, who: Who, id: Annotated[str, Path(max_length=64)]) -> Any:
    """What became of one push. A push key can read only its own batches, and those of the one source that it is bound to."""
    with state.store.read() as conn:
        row = find_push(conn, id)
        if row is None or not _may_see(who, row):
            raise NotFound(Sentence("no batch {id}", id=repr(id)))
        stored = _stored(conn, row.keys)
        matched = _matched(conn, row.keys["keys"]) if stored else None
    shown = {
        "id": row.id,
        "at": row.at,
        "source": row.source,
        "state": "stored" if stored else "on its way",
        "accepted": row.accepted,
        "rejected": row.rejected,
        "duplicates": row.keys["duplicates"],
        "matched": matched,
    }
    return _said(request, shown)


def _may_see(who: Principal, row: Row[Any]) -> bool:
    """Whether this caller may see the batch. Whoever may read sees every one."""
    if who.source is not None:
        return bool(row.source == who.source)
    return who.may_read or bool(row.keys.get("by") == who.id)


def _stored(conn: Connection, noted: dict[str, Any]) -> bool:
    read = offsets.stored(conn, noted["cluster"], MENTIONS)
    return all(read.get(int(partition), 0) >= end for partition, end in noted["ends"].items())


def _matched(conn: Connection, keys: list[list[str]]) -> int:
    return sum(seen(conn, [(source, id) for source, id in keys]).values())


@router.get(
    "/mentions",
    response_model=ListPage[MentionOut],
    summary="Find mentions",
    responses={404: PROBLEMS[404], 422: PROBLEMS[422]},
)
def list_mentions(
    request: Request,
    response: Response,
    state: State,
    who: Who,
    monitor: Annotated[str | None, Query(max_length=256, description="Id or name.")] = None,
    from_: Annotated[datetime | None, Query(alias="from", description="Posted at or after.")] = None,
    to: Annotated[datetime | None, Query(description="Posted before.")] = None,
    label: Annotated[Literal["negative", "neutral", "positive", "unscored"] | None, Query()] = None,
    lang: Annotated[str | None, Query(max_length=16)] = None,
    network: Annotated[str | None, Query(max_length=64)] = None,
    source: Annotated[str | None, Query(max_length=256)] = None,
    intent: Annotated[Intent | None, Query()] = None,
    emotion: Annotated[Emotion | None, Query()] = None,
    crisis: Annotated[Crisis | None, Query(description="A kind of crisis that it talks of.")] = None,
    harm: Annotated[Harm | None, Query()] = None,
    scored_by: Annotated[
        Literal["person", "part", "brand"] | None,
        Query(
            description="With a monitor: its label was given by a person, is of the part about it, or was learnt."
        ),
    ] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=LONGEST_SEARCH,
            description='Words, "phrases" and beginnings* that the text or title must say, all of them.',
        ),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """The mentions, the newest first."""
    since, until = checked_time(from_, "from"), checked_time(to, "to")
    if since and until and since >= until:
        raise wrong("to", Sentence("must be later than from"))
    if scored_by and not monitor:
        raise wrong("scored_by", Sentence("asks for a monitor, too"))
    try:
        says = parse_search(q) if q else ()
    except WrongInput as error:
        raise wrong("q", error.said) from None
    asked = {"intent": intent, "emotion": emotion, "crisis": crisis, "harm": harm}
    facets = [(facet, value) for facet, value in asked.items() if value]
    after = decode_cursor(cursor, *SEARCH_KEY)
    with state.store.read() as conn:
        etag_or_304(
            request,
            response,
            list_etag(request, who, revision(conn), minute_of(state.now()) if q else 0),
        )
        monitor_id = find(conn, Monitor, monitor).id if monitor else None
        criteria = MentionFilter(
            monitor_id, since, until, label, lang, network, source, facets, says, scored_by
        )
        found = search_mentions(conn, criteria, after, limit + 1)
        rows, more = page_of(found, limit, search_key)
        keys = [(row.source, row.id) for row in rows]
        known = toward(conn, monitor_id, keys) if monitor_id else {}
        own = written_by_the_brand(conn, keys, monitor_id)
        stories = day_stories(conn, monitor_id, rows) if monitor_id else {}
    items = [
        {**mention_out(row, known.get(key), stories.get(key)), "own": key in own}
        for row, key in zip(rows, keys, strict=True)
    ]
    return {"items": items, "next_cursor": more}


def mention_out(
    row: Row[Any], known: LabelFor | None = None, story: DayStory | None = None
) -> dict[str, Any]:
    """A stored mention as the API shows it. `known` is its label toward the brand of the monitor that was asked for, and `story`
    what its other mentions tell too.
    """
    known = known or LabelFor(row.label, PERSON if row.model == PERSON else None)
    mention = stored_mention(row)
    return {
        **{name: getattr(mention, name) for name in Mention.__struct_fields__},
        "author": mention.author and asdict(mention.author),
        "engagement": mention.engagement and asdict(mention.engagement),
        "sentiment": {
            "label": known.label,
            "scored_by": known.scored_by,
            "score": row.score_e4 / 10_000,
            "confidence": row.confidence_e4 / 10_000,
            "model": row.model,
        },
        "triggers": list(row.triggers or []),
        "facets": {facet: list(row._mapping[facet] or []) for facet in FACETS},
        "story": story and {"id": story.story, "count": story.count},
    }
