"""`tocsin health`: says whether roles are at work, for a container engine, a service manager or another supervisor.

The role `api` is asked over HTTP. The others are judged by their last report in the store. A role that only lags or fails in part
counts as at work: starting it again would not help. `tocsin doctor` and the page say what would help.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from tocsin.core.errors import WrongInput
from tocsin.health.report import part_rows
from tocsin.health.roles import PARTS_OF, ROLES, is_gone
from tocsin.settings import Api

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # each stands for every address of a machine; nothing is bound here
ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class RoleReport:
    """Whether one role is at work, in plain words."""

    role: str
    well: bool
    text: str


def check_roles(conn: Connection, api: Api, roles: Sequence[str], now: datetime) -> Iterator[RoleReport]:
    """A report for each part of each role, in the order of `roles`. Raises `WrongInput` for an unknown role."""
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise WrongInput(f"unknown role {unknown[0]!r}; known: {', '.join(ROLES)}")
    said = {row.component: row for row in part_rows(conn)}
    for role in roles:
        if role == "api":
            yield _check_api(api)
            continue
        for part in PARTS_OF[role]:
            row = said.get(part)
            if row is None:
                yield RoleReport(role, False, f"{part} has never reported")
            elif is_gone(row.at, now):
                yield RoleReport(
                    role, False, f"{part} last spoke {_seconds(now - row.at)} s ago, as {row.state}"
                )
            else:
                yield RoleReport(
                    role, row.state != "failed", f"{part} spoke {_seconds(now - row.at)} s ago: {row.state}"
                )


def _check_api(api: Api) -> RoleReport:
    """The report on the role `api`, from `GET /readyz` on this machine."""
    host = "127.0.0.1" if api.host in EVERYWHERE else api.host
    connection = http.client.HTTPConnection(host, api.port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        return RoleReport("api", False, f"api does not answer on {host}:{api.port}: {error}")
    finally:
        connection.close()
    return RoleReport("api", answer.status == 200, f"api answers {answer.status} on {host}:{api.port}")


def _seconds(span: timedelta) -> int:
    return max(0, int(span.total_seconds()))
