"""Which buttons a reader is shown: the same table that the guard asks (`api.doors.rules`), so that none leads to a refusal."""

from __future__ import annotations

from collections.abc import Callable

from api.doors.guard import passes
from api.doors.principal import Principal
from api.doors.rules import RULES


def may(who: Principal | None, path: str) -> bool:
    """Whether this reader may POST to this route."""
    rule = RULES.get(("POST", path))
    return rule is not None and passes(rule, who)


def may_on(who: Principal | None, prefix: str) -> Callable[[str], bool]:
    """The same for the actions under a prefix such as `/alerts/{id}`."""
    return lambda action: may(who, f"{prefix}/{action}")
