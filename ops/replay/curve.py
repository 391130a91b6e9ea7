"""A back-test with its curve: one play of a monitor at several promises at once, and the verdicts that people gave meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.verdicts import DUPLICATE, REAL, Judged, judged_alerts
from api.backtests import SILENT
from ops.replay.backtest import CoveredMentions, Played, play
from ops.replay.fired import figures_of
from ops.runtime import Runtime
from processors.corrections.models import active_models
from tocsin.core.clock import EPOCH, MINUTE, WEEK, iso, minute_of
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined

PROMISES: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
"""The false alerts a week of the curve."""
NEAR: Final = timedelta(hours=2)
"""An alert of the back-test is the stored one where it lies so near to its time."""
LISTED: Final = 200
STEPS: Final = tuple(timedelta(minutes=one) for one in (5, 15, 60, 120, 240, 360, 720, 1440))
"""The steps of the volume by time: the shortest of them that makes no more than `MOST_STEPS`."""
MOST_STEPS: Final = 170
CHANGED: Final = "changed"


def with_curve(
    runtime: Runtime,
    monitor: Defined[Monitor],
    *,
    since: datetime,
    change: Mapping[str, Any] | None = None,
    heard_since: datetime | None = None,
    on_progress: Callable[[float], None] = lambda _part: None,
) -> dict[str, Any]:
    """The alerts that the monitor would have fired since then, and the alerts a week by sensitivity. With a `change`, those
    of the changed monitor stand beside them. JSON values only.
    """
    own = monitor.value
    copies = {f"{promise:g}": promise for promise in PROMISES}
    played_as = [own.model_copy(update={"name": "own"})]
    played_as += [
        own.model_copy(update={"name": name, "false_alerts_per_week": promise})
        for name, promise in copies.items()
    ]
    if change is not None:
        played_as.append(own.model_copy(update={**change, "name": CHANGED}))
    with runtime.store.read() as conn:
        learnt = active_models(conn).get(monitor.id)
    played = play(
        runtime,
        played_as,
        of=monitor,
        learnt=learnt,
        since=since,
        heard_since=heard_since,
        on_progress=on_progress,
    )
    with runtime.store.read() as conn:
        judged = judged_alerts(conn, monitor.id, played.history.first)
    told = {name: [_alert(at, one, judged) for at, one in fired] for name, fired in played.fired.items()}
    result = _covered(played.history) | _summary(told["own"], played)
    result["volume"] = _volume(played)
    result["promise"] = own.false_alerts_per_week
    result["curve"] = [
        {"promise": promise} | _summary(told[name], played) for name, promise in copies.items()
    ]
    for point in result["curve"]:
        del point["alerts"]
    if change is not None:
        stays = real_alerts(told["own"]) & real_alerts(told[CHANGED])
        result[CHANGED] = _summary(told[CHANGED], played) | {"stays": len(stays)}
    return result


def _covered(history: CoveredMentions) -> dict[str, Any]:
    return {"mentions": history.mentions, "first": iso(history.first), "last": iso(history.last)}


def _volume(played: Played) -> dict[str, Any]:
    """The monitor's mentions by time, in steps of a whole number of minutes from midnight UTC, none left out."""
    first, last = played.history.first, played.history.last
    step = next((one for one in STEPS if (last - first) / one < MOST_STEPS), STEPS[-1])
    minutes = step // MINUTE
    begin = minute_of(first) // minutes
    counts = [0] * (minute_of(last) // minutes - begin + 1)
    for minute, count in played.minutes.items():
        counts[minute // minutes - begin] += count
    return {"first": iso(EPOCH + begin * step), "step_minutes": minutes, "counts": counts}


def _summary(alerts: Sequence[Mapping[str, Any]], played: Played) -> dict[str, Any]:
    """The alerts that would have told people anything, as a rate and by verdict."""
    weeks = max((played.history.last - played.history.first) / WEEK, 1e-9)
    told = _told(alerts)
    return {
        "alerts": list(alerts[-LISTED:]),
        "fired": len(told),
        # A rate over less than a week would be made up.
        "a_week": round(len(told) / weeks, 4) if weeks >= 1 else None,
        "real": len(real_alerts(alerts)),
        "judged": len(known_verdicts(alerts)),
    }


def _told(alerts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for one in alerts if one["status"] not in SILENT]


def known_verdicts(alerts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The verdicts that tell anything of the precision, by stored alert. Two alerts of the play may stand for one."""
    return {
        one["alert_id"]: one["verdict"] for one in _told(alerts) if one["verdict"] not in (None, DUPLICATE)
    }


def real_alerts(alerts: Sequence[Mapping[str, Any]]) -> set[str]:
    """The stored alerts that people called real."""
    return {id for id, verdict in known_verdicts(alerts).items() if verdict == REAL}


def _alert(at: datetime, alert: Mapping[str, Any], judged: Sequence[Judged]) -> dict[str, Any]:
    known = _judged_near(at, alert["kind"], judged)
    observed, expected = figures_of(SIGNAL_KINDS.of(alert["kind"]), alert["facts"])
    return {
        "at": iso(at),
        "kind": alert["kind"],
        "severity": alert["severity"],
        "status": alert["status"],
        "reason": alert["reason"],
        "observed": observed,
        "expected": expected,
        "score": alert["score"],
        "verdict": known.verdict if known else None,
        "alert_id": known.alert_id if known else None,
    }


def _judged_near(at: datetime, kind: str, judged: Sequence[Judged]) -> Judged | None:
    near = (
        one
        for one in judged
        if one.kind == kind and one.opened_at - NEAR <= at <= max(one.ended_at, one.opened_at) + NEAR
    )
    return next(near, None)
