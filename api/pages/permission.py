"""Which buttons a reader is shown. The guard asks the same rules (`api.auth.rules`), so no button leads to a refusal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from api.auth.guard import allows
from api.auth.principal import Principal
from api.auth.rules import RULES
from processors.acceptance import Acceptance, why_not_undone


def permitted(who: Principal | None, path: str) -> bool:
    """Whether this reader may POST to this route."""
    rule = RULES.get(("POST", path))
    return rule is not None and allows(rule, who)


def sees(who: Principal | None, path: str) -> bool:
    """Whether this reader may look at this route."""
    rule = RULES.get(("GET", path))
    return rule is not None and allows(rule, who)


def may_undo(who: Principal | None, normal: Acceptance | None, now: datetime) -> bool:
    """Whether this reader may take back the new normal that was accepted last."""
    return permitted(who, "/monitors/{id}/normal/undo") and why_not_undone(normal, now) is None


def permitted_actions(who: Principal | None, prefix: str) -> Callable[[str], bool]:
    """`permitted` for the actions under a prefix such as `/alerts/{id}`."""
    return lambda action: permitted(who, f"{prefix}/{action}")
