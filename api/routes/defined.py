"""Definitions: routes that read, make, change and end monitors, silences, expected events, sources, policies, people, schedules.

One builder makes the routes of each kind over `tocsin.definitions.repository`. The request bodies are the models of
`tocsin.definitions.models`.
"""

# This file has no postponed annotations: the routes' models are made at run time, and FastAPI reads them from the signatures.
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from api import defining
from api.auth.principal import Principal
from api.etags import etag_or_304, list_etag, version_etag
from api.lists import (
    Cursor,
    Limit,
    ListPage,
)
from api.preconditions import (
    Idempotent,
    IfMatch,
    checked_version,
    create_once,
)
from api.problems import PROBLEMS
from api.source_secrets import given_secrets
from api.state import State, Who
from tocsin.core.clock import iso
from tocsin.core.cursor import decode_cursor, page_of
from tocsin.definitions.models import (
    Definition,
    ExpectedEvent,
    Monitor,
    Person,
    Policy,
    Role,
    Schedule,
    Silence,
    SourceDef,
)
from tocsin.definitions.repository import (
    Defined,
    ever_defined,
    find,
    find_row,
    generation,
    history,
    kind_of,
    listed,
)

OURS = frozenset({"id", "version", "created_at", "updated_at"})
Id = Annotated[str, Path(min_length=1, max_length=256, description="The id, or the name.")]


class DefinitionVersion(BaseModel):
    """One version of a definition. The version that ends it has the `definition` `{"deleted": true}`."""

    version: int
    at: datetime
    actor: str
    definition: dict[str, Any]


class VersionWanted(BaseModel):
    """The version that is to be in force again."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=10**9)


def shown(one: Defined[Any], who: Principal) -> dict[str, Any]:
    """A definition as this principal may see it. Only admins and the person see how to reach a person."""
    body: dict[str, Any] = one.value.model_dump(mode="json")
    if isinstance(one.value, Person) and who.role is not Role.ADMIN and who.id != one.id:
        body |= {"email": None, "channels": []}
    return body | {
        "id": one.id,
        "version": one.version,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
    }


def _shown_model(model: type[Definition]) -> type[BaseModel]:
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in model.model_fields.items()}
    fields |= {
        "id": (str, ...),
        "version": (int, ...),
        "created_at": (datetime, ...),
        "updated_at": (datetime, ...),
    }
    extra = model.model_config.get("extra", "forbid")
    config = ConfigDict(extra="allow" if extra == "allow" else "ignore")
    return create_model(f"Stored{model.__name__}", __config__=config, **fields)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of definition: where its routes stand, its model, how a summary calls one of it, and what the API shows."""

    path: str
    model: type[Definition]
    one: str
    shown: type[BaseModel]

    @property
    def kind(self) -> str:
        return kind_of(self.model)


def routes_for(path: str, model: type[Definition], one: str) -> APIRouter:
    """The routes of one kind of definition: list, make, read, change, end, list the versions, and bring one back."""
    router = APIRouter(prefix=f"/v1/{path}", tags=[path])
    of = _Kind(path, model, one, _shown_model(model))
    _add_list(router, of)
    _add_make(router, of)
    _add_read(router, of)
    _add_change(router, of)
    _add_end(router, of)
    _add_versions(router, of)
    _add_restore(router, of)
    return router


def _add_list(router: APIRouter, of: _Kind) -> None:
    page = ListPage[of.shown]  # type: ignore[name-defined]  # made at run time

    @router.get("", response_model=page, summary=f"List {of.path}", operation_id=f"list_{of.kind}")
    def list_all(
        request: Request,
        response: Response,
        state: State,
        who: Who,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        after = decode_cursor(cursor, str, str)
        with state.store.read() as conn:
            etag_or_304(request, response, list_etag(request, who, generation(conn, of.kind)))
            found = [d for d in listed(conn, of.model) if after is None or (d.name, d.id) > after]
        rows, more = page_of(found, limit, lambda d: (d.name, d.id))
        return {"items": [shown(d, who) for d in rows], "next_cursor": more}


def _add_make(router: APIRouter, of: _Kind) -> None:
    model = of.model

    @router.post(
        "",
        response_model=of.shown,
        status_code=201,
        summary=f"Make {of.one}",
        operation_id=f"make_{of.kind}",
        responses=PROBLEMS,
    )
    def make(
        response: Response,
        state: State,
        who: Who,
        idempotency: Idempotent,
        value: Annotated[model, BeforeValidator(_without_ours), Body()],  # type: ignore[valid-type]  # the kind's own model
    ) -> Any:
        now = state.now()

        def create() -> dict[str, Any]:
            return shown(defining.make(conn, one.settings, who, one.definition, now), who)

        with given_secrets(state.settings, cast(Definition, value)) as one:
            with state.store.write() as conn:
                made, repeated = create_once(conn, idempotency, who, now, create)
            one.taken = not repeated
        response.headers["ETag"] = version_etag(made["version"])
        response.headers["Location"] = f"/v1/{of.path}/{made['id']}"
        if repeated:
            response.headers["Idempotent-Replay"] = "true"
        return made


def _add_read(router: APIRouter, of: _Kind) -> None:
    @router.get(
        "/{id}",
        response_model=of.shown,
        summary=f"Read {of.one}",
        operation_id=f"read_{of.kind}",
        responses=PROBLEMS,
    )
    def read(request: Request, response: Response, state: State, who: Who, id: Id) -> Any:
        with state.store.read() as conn:
            found = find(conn, of.model, id)
        etag_or_304(request, response, version_etag(found.version))
        return shown(found, who)


def _add_change(router: APIRouter, of: _Kind) -> None:
    model = of.model

    @router.put(
        "/{id}",
        response_model=of.shown,
        summary=f"Change {of.one}",
        operation_id=f"change_{of.kind}",
        responses=PROBLEMS,
    )
    def change(
        response: Response,
        state: State,
        who: Who,
        id: Id,
        value: Annotated[model, BeforeValidator(_without_ours), Body()],  # type: ignore[valid-type]  # the kind's own model
        if_match: IfMatch = None,
    ) -> Any:
        with state.store.read() as conn:
            before = find_row(conn, model, id).value
        with given_secrets(state.settings, cast(Definition, value), before) as one:
            with state.store.write() as conn:
                present = find_row(conn, model, id)
                checked_version(if_match, present.version)
                saved = defining.change(conn, one.settings, who, one.definition, present, state.now())
            one.taken = True
        response.headers["ETag"] = version_etag(saved.version)
        return shown(saved, who)


def _add_end(router: APIRouter, of: _Kind) -> None:
    @router.delete(
        "/{id}", status_code=204, summary=f"End {of.one}", operation_id=f"end_{of.kind}", responses=PROBLEMS
    )
    def end(state: State, who: Who, id: Id, if_match: IfMatch = None) -> None:
        with state.store.write() as conn:
            present = find_row(conn, of.model, id)
            checked_version(if_match, present.version)
            defining.end(conn, who, of.model, present.id, state.now())


def _add_versions(router: APIRouter, of: _Kind) -> None:
    @router.get(
        "/{id}/versions",
        response_model=list[DefinitionVersion],
        summary=f"Every version of {of.one}",
        operation_id=f"versions_{of.kind}",
        responses=PROBLEMS,
    )
    def versions(state: State, who: Who, id: Id) -> Any:
        with state.store.read() as conn:
            known = id if ever_defined(conn, of.kind, id) else find(conn, of.model, id).id
            found = list(history(conn, of.kind, known))
        return [
            {"version": v, "at": at, "actor": actor, "definition": _hidden(of.kind, known, body, who)}
            for v, at, actor, body in found
        ]


def _add_restore(router: APIRouter, of: _Kind) -> None:
    @router.post(
        "/{id}/restore",
        response_model=of.shown,
        summary=f"Bring back {of.one}",
        operation_id=f"restore_{of.kind}",
        responses=PROBLEMS,
    )
    def restore(
        response: Response, state: State, who: Who, id: Id, wanted: Annotated[VersionWanted, Body()]
    ) -> Any:
        """As it was at a version, also where it was ended since: it keeps its id. The versions are listed beside it."""
        with state.store.write() as conn:
            saved = defining.bring_back(conn, state.settings, who, of.model, id, wanted.version, state.now())
        response.headers["ETag"] = version_etag(saved.version)
        return shown(saved, who)


def _without_ours(given: Any) -> Any:
    """The given definition without the fields that the API adds when it shows one. A client may put them back with a change."""
    if isinstance(given, dict):
        return {name: value for name, value in given.items() if name not in OURS}
    return given


def _hidden(kind: str, id: str, body: dict[str, Any], who: Principal) -> dict[str, Any]:
    if kind == "person" and "name" in body and who.role is not Role.ADMIN and who.id != id:
        return body | {"email": None, "channels": []}
    return body


ROUTERS = (
    routes_for("monitors", Monitor, "a monitor"),
    routes_for("silences", Silence, "a silence"),
    routes_for("expected-events", ExpectedEvent, "an expected event"),
    routes_for("sources", SourceDef, "a source"),
    routes_for("policies", Policy, "a policy"),
    routes_for("people", Person, "a person"),
    routes_for("schedules", Schedule, "a schedule"),
)
