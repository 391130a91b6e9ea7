"""The one table of access: (method, route template) -> `AccessRule`. `api.auth.guard` enforces it on every route.

A route without a rule is refused to everybody, and a test fails.

The roles: a viewer reads; a community manager also acts on alerts, silences and monitors and pushes mentions; PR and Legal
work escalations, and anybody who can be paged may acknowledge; an admin may do everything but read privileged notes, which
are Legal's alone (`alerts.views` leaves them out for every other role).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tocsin.core.sentences import Sentence, listed, spoken
from tocsin.definitions.models import Role

# The parts of the API that a key may be limited to.
SCOPES = ("read", "write", "push", "metrics", "feed", "wall")
# Keys of these scopes stand in addresses, so they can do nothing else.
IN_ADDRESSES: dict[str, tuple[str, ...]] = {
    "feed": (
        "/v1/feeds/{token}/alerts.atom",
        "/v1/feeds/{token}/alerts.rss",
        "/v1/feeds/{token}/alerts.ics",
        "/v1/feeds/{token}/on-call.ics",
    ),
    "wall": ("/wall/{token}",),
}


@dataclass(frozen=True, slots=True)
class AccessRule:
    """`roles` may pass. A key with scopes also needs `scope`. `anonymous` says whether a caller without
    a key or a session may pass: never, always, or from this machine only."""

    roles: frozenset[Role] = frozenset()
    scope: str = "read"
    anonymous: Literal["refused", "allowed", "loopback"] = "refused"


def not_for(role: Role, rule: AccessRule) -> Sentence:
    """The refusal of what this role may not do."""
    may = listed([spoken(one) for one in sorted(rule.roles)])
    return Sentence("the role {role} may not do this; who may: {may}", role=spoken(role.value), may=may)


def may_not_push(role: Role) -> Sentence:
    """The refusal of a key that is made for pushes, where the API would refuse each of them."""
    may = listed([spoken(one) for one in sorted(PUSH.roles)])
    return Sentence(
        "a key of the role {role} cannot push mentions; who may: {may}", role=spoken(role.value), may=may
    )


V, CM, PR, LEGAL, ADMIN = Role.VIEWER, Role.COMMUNITY_MANAGER, Role.PR, Role.LEGAL, Role.ADMIN


def _allow(*roles: Role, scope: str = "write") -> AccessRule:
    return AccessRule(frozenset({*roles, ADMIN}), scope)


READ = _allow(V, CM, PR, LEGAL, scope="read")
# Anybody who can be woken can answer.
PAGED = _allow(CM, PR, LEGAL)
DESK = _allow(CM)
# What concerns the asker alone: their own page.
OWN = _allow(V, CM, PR, LEGAL)
READ_DEAD_LETTERS = _allow(CM, scope="read")
READ_IMPORTS = _allow(CM, scope="read")
PLAN = _allow(CM, PR)
ESCALATE = _allow(CM, PR, LEGAL)
ESCALATION = _allow(PR, LEGAL)
ADMINS = _allow()
PRIVACY = _allow(LEGAL)
PUSH = _allow(CM, scope="push")
OPEN = AccessRule(anonymous="allowed")
METRICS = AccessRule(frozenset(Role), "metrics", "loopback")


def _defined(path: str, edit: AccessRule) -> dict[tuple[str, str], AccessRule]:
    return {
        ("GET", f"/v1/{path}"): READ,
        ("POST", f"/v1/{path}"): edit,
        ("GET", f"/v1/{path}/{{id}}"): READ,
        ("PUT", f"/v1/{path}/{{id}}"): edit,
        ("DELETE", f"/v1/{path}/{{id}}"): edit,
        ("GET", f"/v1/{path}/{{id}}/versions"): READ,
        ("POST", f"/v1/{path}/{{id}}/restore"): edit,
    }


def _undone(path: str, edit: AccessRule) -> dict[tuple[str, str], AccessRule]:
    """The history of a definition on the page, and the button that brings a version back."""
    return {
        ("GET", f"/{path}/{{id}}/history"): edit,
        ("POST", f"/{path}/{{id}}/restore"): edit,
    }


def _formed(path: str, edit: AccessRule) -> dict[tuple[str, str], AccessRule]:
    """The list of a kind of definition on the page, with its form."""
    return {
        ("GET", f"/{path}"): READ,
        ("GET", f"/{path}/new"): edit,
        ("POST", f"/{path}/new"): edit,
        ("GET", f"/{path}/{{id}}"): edit,
        ("POST", f"/{path}/{{id}}"): edit,
        ("POST", f"/{path}/{{id}}/end"): edit,
        **_undone(path, edit),
    }


API: dict[tuple[str, str], AccessRule] = {
    ("GET", "/v1/me"): READ,
    ("GET", "/v1/status"): READ,
    ("GET", "/v1/mentions"): READ,
    ("GET", "/v1/mentions/reasons"): READ,
    ("POST", "/v1/mentions"): PUSH,
    # Its signature is its key.
    ("POST", "/v1/mentions/hook/{source}"): OPEN,
    ("GET", "/v1/batches/{id}"): _allow(V, CM, PR, LEGAL, scope="push"),
    ("GET", "/v1/tallies"): READ,
    ("GET", "/v1/dead-letters"): READ_DEAD_LETTERS,
    ("GET", "/v1/dead-letters/{id}"): READ_DEAD_LETTERS,
    ("POST", "/v1/dead-letters/{id}/replay"): DESK,
    **_defined("monitors", DESK),
    ("POST", "/v1/monitors/preview"): _allow(CM, PR, LEGAL, scope="read"),
    ("POST", "/v1/monitors/preview/networks"): DESK,
    ("GET", "/v1/monitors/{id}/readings"): READ,
    ("GET", "/v1/monitors/{id}/corrections"): READ,
    ("POST", "/v1/monitors/{id}/corrections"): PLAN,
    ("POST", "/v1/monitors/{id}/corrections/learn"): PLAN,
    ("POST", "/v1/monitors/{id}/corrections/use"): PLAN,
    ("GET", "/v1/monitors/{id}/promise"): READ,
    ("GET", "/v1/monitors/{id}/backtests"): READ,
    ("POST", "/v1/monitors/{id}/backtests"): PLAN,
    ("GET", "/v1/imports"): READ_IMPORTS,
    ("GET", "/v1/imports/files"): READ_IMPORTS,
    ("POST", "/v1/imports/files"): DESK,
    ("POST", "/v1/imports/look"): DESK,
    ("POST", "/v1/imports"): DESK,
    ("GET", "/v1/imports/{id}"): READ_IMPORTS,
    ("POST", "/v1/imports/{id}/cancel"): DESK,
    ("POST", "/v1/imports/{id}/undo"): ADMINS,
    ("GET", "/v1/retention"): READ,
    ("POST", "/v1/retention/run"): ADMINS,
    ("POST", "/v1/erasures/preview"): PRIVACY,
    ("POST", "/v1/erasures"): PRIVACY,
    ("GET", "/v1/erasures"): PRIVACY,
    ("GET", "/v1/erasures/{id}"): PRIVACY,
    ("POST", "/v1/erasures/{id}/again"): PRIVACY,
    ("GET", "/v1/backtests/{id}"): READ,
    ("POST", "/v1/backtests/{id}/cancel"): PLAN,
    ("POST", "/v1/backtests/{id}/decide"): DESK,
    ("GET", "/v1/monitors/{id}/normal"): READ,
    ("POST", "/v1/monitors/{id}/normal"): PLAN,
    ("POST", "/v1/monitors/{id}/normal/undo"): PLAN,
    **_defined("silences", DESK),
    **_defined("expected-events", PLAN),
    **_defined("sources", ADMINS),
    ("GET", "/v1/sources/{id}/health"): READ,
    ("POST", "/v1/sources/{id}/test"): ADMINS,
    ("POST", "/v1/sources/test"): ADMINS,
    **_defined("policies", ADMINS),
    **_defined("people", ADMINS),
    ("GET", "/v1/people/{id}/channels"): READ,
    ("POST", "/v1/people/{id}/channels/{key}/code"): OWN,
    ("POST", "/v1/people/{id}/channels/{key}/prove"): OWN,
    ("DELETE", "/v1/people/{id}/channels/{key}/proof"): OWN,
    **_defined("schedules", ADMINS),
    ("GET", "/v1/alerts"): READ,
    ("GET", "/v1/alerts/{id}"): READ,
    ("GET", "/v1/alerts/{id}/evidence"): READ,
    ("GET", "/v1/alerts/{id}/explanation"): READ,
    ("GET", "/v1/alerts/{id}/timeline"): READ,
    ("GET", "/v1/alerts/{id}/notices"): READ,
    ("GET", "/v1/alerts/{id}/record"): READ,
    ("POST", "/v1/alerts/{id}/acknowledge"): PAGED,
    ("POST", "/v1/alerts/{id}/snooze"): DESK,
    ("POST", "/v1/alerts/{id}/dismiss"): DESK,
    ("POST", "/v1/alerts/{id}/merge"): DESK,
    ("POST", "/v1/alerts/{id}/escalate"): ESCALATE,
    ("POST", "/v1/alerts/{id}/resolve"): DESK,
    ("POST", "/v1/alerts/{id}/reopen"): DESK,
    ("POST", "/v1/alerts/{id}/severity"): PAGED,
    ("POST", "/v1/alerts/{id}/note"): PAGED,
    ("GET", "/v1/alerts/{id}/verdict"): READ,
    ("POST", "/v1/alerts/{id}/verdict"): PAGED,
    ("GET", "/v1/escalations"): READ,
    ("GET", "/v1/escalations/{id}"): READ,
    ("POST", "/v1/escalations/{id}/claim"): ESCALATION,
    ("POST", "/v1/escalations/{id}/review"): ESCALATION,
    ("POST", "/v1/escalations/{id}/assess"): ESCALATION,
    ("POST", "/v1/escalations/{id}/decide"): ESCALATION,
    ("POST", "/v1/escalations/{id}/release"): ESCALATION,
    ("POST", "/v1/escalations/{id}/close"): ESCALATION,
    ("POST", "/v1/escalations/{id}/release-claim"): ESCALATION,
    ("POST", "/v1/escalations/{id}/reassign"): ESCALATION,
    ("POST", "/v1/escalations/{id}/ask"): ESCALATION,
    ("POST", "/v1/escalations/{id}/withdraw"): ESCALATE,
    ("POST", "/v1/escalations/{id}/note"): ESCALATE,
    ("POST", "/v1/outbox/release"): ADMINS,
    ("GET", "/v1/events"): READ,
    # Its token is its key.
    **{("GET", path): OPEN for path in IN_ADDRESSES["feed"]},
    ("GET", "/v1/sessions"): READ,
    ("DELETE", "/v1/sessions/{id}"): _allow(V, CM, PR, LEGAL),
    ("GET", "/v1/passkeys"): READ,
    ("DELETE", "/v1/passkeys/{id}"): _allow(V, CM, PR, LEGAL),
    ("GET", "/v1/keys"): ADMINS,
    ("GET", "/v1/reach"): _allow(scope="read"),
    ("PUT", "/v1/reach"): ADMINS,
    ("POST", "/v1/reach/check"): ADMINS,
    ("GET", "/v1/mail"): ADMINS,
    ("PUT", "/v1/mail"): ADMINS,
    ("DELETE", "/v1/mail"): ADMINS,
    # The word is random, and answers once.
    ("GET", "/v1/reach/{word}"): OPEN,
    ("DELETE", "/v1/keys/{id}"): ADMINS,
}

SERVICE: dict[tuple[str, str], AccessRule] = {
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/metrics"): METRICS,
    ("GET", "/openapi.json"): READ,
    ("GET", "/docs"): READ,
}

# The page (api/pages) keeps its own routes here.
PAGES: dict[tuple[str, str], AccessRule] = {
    ("GET", "/static"): OPEN,
    ("GET", "/signin"): OPEN,
    ("POST", "/signin"): OPEN,
    ("GET", "/signin/{token}"): OPEN,
    ("POST", "/signin/{token}"): OPEN,
    ("POST", "/signin/passkey"): OPEN,
    ("POST", "/signin/passkey/begin"): OPEN,
    ("POST", "/signout"): READ,
    ("GET", "/links/{token}"): OPEN,
    ("POST", "/links/{token}"): OPEN,
    ("POST", "/links/{token}/{action}"): OPEN,
    ("POST", "/language"): OPEN,
    ("GET", "/me"): READ,
    ("POST", "/me"): OWN,
    ("POST", "/me/channels"): OWN,
    ("POST", "/me/channels/{number}/test"): OWN,
    ("POST", "/me/channels/{number}/remove"): OWN,
    ("POST", "/me/waiting/{key}/prove"): OWN,
    ("POST", "/me/waiting/{key}/test"): OWN,
    ("POST", "/me/waiting/{key}/drop"): OWN,
    ("POST", "/me/passkeys"): OWN,
    ("POST", "/me/passkeys/begin"): OWN,
    ("POST", "/me/passkeys/{id}/name"): OWN,
    ("POST", "/me/passkeys/{id}/remove"): OWN,
    ("GET", "/setup"): ADMINS,
    ("GET", "/setup/brand"): ADMINS,
    ("POST", "/setup/brand"): ADMINS,
    ("GET", "/setup/listen"): ADMINS,
    ("POST", "/setup/listen"): ADMINS,
    ("GET", "/setup/wake"): ADMINS,
    ("POST", "/setup/wake"): ADMINS,
    ("GET", "/setup/ring"): ADMINS,
    ("POST", "/setup/ring"): ADMINS,
    ("POST", "/me/channels/{number}/prove"): OWN,
    ("POST", "/me/sessions/{id}/end"): OWN,
    ("GET", "/wall"): READ,
    # Its token is its key.
    ("GET", "/wall/{token}"): OPEN,
    ("GET", "/"): READ,
    ("GET", "/alerts"): READ,
    ("GET", "/alerts/{id}"): READ,
    ("GET", "/alerts/{id}/explanation"): READ,
    ("POST", "/alerts/{id}/acknowledge"): PAGED,
    ("POST", "/alerts/{id}/snooze"): DESK,
    ("POST", "/alerts/{id}/dismiss"): DESK,
    ("POST", "/alerts/{id}/merge"): DESK,
    ("POST", "/alerts/{id}/escalate"): ESCALATE,
    ("POST", "/alerts/{id}/resolve"): DESK,
    ("POST", "/alerts/{id}/reopen"): DESK,
    ("POST", "/alerts/{id}/severity"): PAGED,
    ("POST", "/alerts/{id}/note"): PAGED,
    ("POST", "/alerts/{id}/verdict"): PAGED,
    ("GET", "/mentions"): READ,
    ("GET", "/escalations"): READ,
    ("GET", "/escalations/{id}"): READ,
    ("POST", "/escalations/{id}/claim"): ESCALATION,
    ("POST", "/escalations/{id}/release-claim"): ESCALATION,
    ("POST", "/escalations/{id}/reassign"): ESCALATION,
    ("POST", "/escalations/{id}/ask"): ESCALATION,
    ("POST", "/escalations/{id}/review"): ESCALATION,
    ("POST", "/escalations/{id}/assess"): ESCALATION,
    ("POST", "/escalations/{id}/decide"): ESCALATION,
    ("POST", "/escalations/{id}/release"): ESCALATION,
    ("POST", "/escalations/{id}/close"): ESCALATION,
    ("POST", "/escalations/{id}/withdraw"): ESCALATE,
    ("POST", "/escalations/{id}/note"): ESCALATE,
    ("GET", "/dead-letters"): READ_DEAD_LETTERS,
    ("GET", "/dead-letters/{id}"): READ_DEAD_LETTERS,
    ("POST", "/dead-letters/{id}/replay"): DESK,
    ("POST", "/outbox/release"): ADMINS,
    # Nothing of a demo is kept.
    ("POST", "/demo/again"): OWN,
    ("GET", "/settings"): READ,
    ("GET", "/settings/reach"): ADMINS,
    ("POST", "/settings/reach"): ADMINS,
    ("GET", "/settings/mail"): ADMINS,
    ("POST", "/settings/mail"): ADMINS,
    ("GET", "/imports"): READ_IMPORTS,
    ("POST", "/imports/upload"): DESK,
    ("GET", "/imports/new"): READ_IMPORTS,
    ("POST", "/imports/new"): DESK,
    ("GET", "/imports/{id}"): READ_IMPORTS,
    ("POST", "/imports/{id}/start"): DESK,
    ("POST", "/imports/{id}/cancel"): DESK,
    ("POST", "/imports/{id}/undo"): ADMINS,
    ("GET", "/retention"): READ,
    ("POST", "/retention/run"): ADMINS,
    ("GET", "/erasures"): PRIVACY,
    ("POST", "/erasures"): PRIVACY,
    ("GET", "/erasures/{id}"): PRIVACY,
    ("POST", "/erasures/{id}/again"): PRIVACY,
    ("GET", "/keys"): ADMINS,
    ("POST", "/keys"): ADMINS,
    ("POST", "/keys/{id}/end"): ADMINS,
    ("GET", "/sessions"): ADMINS,
    ("POST", "/sessions/{id}/end"): ADMINS,
    **_formed("people", ADMINS),
    ("POST", "/people/{id}/passkeys/remove"): ADMINS,
    ("POST", "/people/{id}/channels"): ADMINS,
    ("POST", "/people/{id}/channels/{key}/prove"): ADMINS,
    ("POST", "/people/{id}/channels/{key}/test"): ADMINS,
    ("POST", "/people/{id}/channels/{key}/doubt"): ADMINS,
    ("POST", "/people/{id}/waiting/{key}/prove"): ADMINS,
    ("POST", "/people/{id}/waiting/{key}/test"): ADMINS,
    ("POST", "/people/{id}/waiting/{key}/drop"): ADMINS,
    **_formed("policies", ADMINS),
    **_formed("schedules", ADMINS),
    # Whoever can be woken hands a night over; the record says who did.
    ("POST", "/schedules/{id}/handover"): PAGED,
    **_formed("silences", DESK),
    **_formed("expected-events", PLAN),
    ("GET", "/sources/new"): ADMINS,
    ("POST", "/sources/new"): ADMINS,
    ("GET", "/sources/{id}"): READ,
    ("GET", "/sources/{id}/edit"): ADMINS,
    ("POST", "/sources/{id}"): ADMINS,
    ("POST", "/sources/{id}/end"): ADMINS,
    ("POST", "/sources/{id}/test"): ADMINS,
    ("GET", "/monitors"): READ,
    ("GET", "/monitors/new"): DESK,
    ("POST", "/monitors/new"): DESK,
    ("GET", "/monitors/{id}"): READ,
    ("GET", "/monitors/{id}/edit"): DESK,
    ("POST", "/monitors/{id}"): DESK,
    ("POST", "/monitors/{id}/pause"): DESK,
    ("POST", "/monitors/{id}/end"): DESK,
    **_undone("monitors", DESK),
    **_undone("sources", ADMINS),
    ("POST", "/monitors/{id}/correct"): PLAN,
    ("POST", "/monitors/{id}/learn"): PLAN,
    ("POST", "/monitors/{id}/use"): PLAN,
    ("GET", "/monitors/{id}/backtests"): READ,
    ("POST", "/monitors/{id}/backtests"): PLAN,
    ("POST", "/backtests/{id}/cancel"): PLAN,
    ("POST", "/backtests/{id}/decide"): DESK,
    ("POST", "/monitors/{id}/normal"): PLAN,
    ("POST", "/monitors/{id}/normal/undo"): PLAN,
}

RULES: dict[tuple[str, str], AccessRule] = {**API, **SERVICE, **PAGES}
