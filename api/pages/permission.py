"""Which buttons a reader is shown. The guard asks the same rules (`api.auth.rules`), so no button leads to a refusal."""

from __future__ import annotations

from collections.abc import Callable

from api.auth.guard import allows
from api.auth.principal import Principal
from api.auth.rules import RULES


def permitted(who: Principal | None, path: str) -> bool:
    """Whether this reader may POST to this route."""
    rule = RULES.get(("POST", path))
    return rule is not None and allows(rule, who)


def permitted_actions(who: Principal | None, prefix: str) -> Callable[[str], bool]:
    """`permitted` for the actions under a prefix such as `/alerts/{id}`."""
    return lambda action: permitted(who, f"{prefix}/{action}")
