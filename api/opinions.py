"""Second opinions: a slower scorer reads a part of an alert's mentions again. It says whether it calls them negative, too, and
which kinds of crisis and harm it tells of them.

Only with the extra `tocsin[deep]` does a worker run. It asks a few mentions at a time, one alert after the other, at most 300
an alert and for at most `LONGEST`, and again at most every `AGAIN` while the alert's window moves on. The opinion is shown and
decides nothing. Without the extra there is no row, and nothing is shown.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select

from alerts.alert import Alert
from alerts.views import standing
from processors.detection.asked import ToAsk, to_ask
from processors.understand.deep import DeepScorer, deep_scorer
from processors.understand.deep_facets import TOLD
from tocsin.core.clock import Clock
from tocsin.core.facets import CommonValue, common
from tocsin.core.loop import WorkerLoop
from tocsin.health.report import Reporter
from tocsin.store import schema as s
from tocsin.store.port import Store

KEY: Final = "opinions"
PIECE: Final = 5
BETWEEN_S: Final = 0.1
LOOK_AGAIN_S: Final = 30.0
LONGEST: Final = timedelta(minutes=3)
AGAIN: Final = timedelta(minutes=15)


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What the second scorer said of a part of an alert's mentions, in counts."""

    window_end: datetime
    at: datetime
    model: str
    asked: int
    """The mentions with a label that it labelled, too."""
    agreed: int
    """Of these, those that both call negative, or both do not."""
    unscored: int
    """The mentions without a label that it was asked of."""
    unscored_negative: int
    """Of these, those that it calls negative."""
    negative: int
    """Of all, those that it calls negative."""
    facets: dict[str, dict[str, int]] = {}
    """Facet (crisis, harm) -> value -> how many of them it tells the value of."""

    @property
    def read(self) -> int:
        """The mentions that it read."""
        return self.asked + self.unscored

    @property
    def told(self) -> list[tuple[str, list[CommonValue]]]:
        """By facet, the values that it tells of many of the mentions that it read."""
        found = [(facet, common(self.facets.get(facet, {}), self.read)) for facet in TOLD]
        return [(facet, values) for facet, values in found if values]

    @property
    def agrees(self) -> bool:
        """Whether two of three labels are the same. Where no mention had a label, nothing agrees, and nothing differs."""
        return 0 < 2 * self.asked <= 3 * self.agreed


def opinion_of(conn: Connection, alert_id: str) -> Opinion | None:
    """The last opinion on an alert; None where none was formed."""
    t = s.second_opinions
    row = conn.execute(select(t).where(t.c.alert_id == alert_id)).one_or_none()
    return None if row is None else _opinion(row)


def as_json(opinion: Opinion | None) -> dict[str, Any] | None:
    """The opinion as JSON values."""
    return None if opinion is None else msgspec.to_builtins(opinion) | {"agrees": opinion.agrees}


def line(opinion: Opinion) -> str:
    """The opinion on a line of English."""
    said = []
    if opinion.asked:
        said.append(f"{'agrees' if opinion.agrees else 'differs'} ({opinion.agreed} of {opinion.asked})")
    if opinion.unscored:
        said.append(f"of {opinion.unscored} unscored it calls {opinion.unscored_negative} negative")
    if told := [
        (one.value, opinion.facets[facet][one.value]) for facet, values in opinion.told for one in values
    ]:
        said.append(f"it finds {', '.join(f'{value} in {n}' for value, n in told)} of {opinion.read}")
    return f"second opinion {'; '.join([*said, opinion.model])}"


class Opinions:
    """The worker. `once` asks of a few mentions; `run` goes on until stopped."""

    def __init__(self, store: Store, clock: Clock, scorer: Callable[[], DeepScorer] = deep_scorer) -> None:
        self._store = store
        self._clock = clock
        self._make = scorer
        self._scorer: DeepScorer | None = None
        self._task: _Task | None = None
        self._reporter = Reporter(store, KEY)
        self._loop = WorkerLoop(KEY)

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set."""
        self._loop.run(stop, self.step)

    def step(self) -> float:
        """Ask of a few mentions and report. Returns the seconds to pause."""
        busy = self.once()
        self._reporter.say(self._clock.now(), "ok", unexpected_errors=self._loop.unexpected)
        return BETWEEN_S if busy else LOOK_AGAIN_S

    def once(self) -> bool:
        """Go on with an alert, or begin with the next one. Returns False where no alert needs an opinion."""
        now = self._clock.now()
        self._task = self._task or self._next(now)
        if self._task is None:
            return False
        if self._scorer is None:
            self._scorer = self._make()
        self._task.go_on(self._scorer)
        if self._task.left and now < self._task.began + LONGEST:
            return True
        self._keep(self._task, self._scorer.model, now)
        self._task = None
        return True

    def _next(self, now: datetime) -> _Task | None:
        with self._store.read() as conn:
            for alert in _due(conn, now):
                evidence = alert.readable_evidence
                if evidence is not None and (
                    found := to_ask(conn, alert.monitor_id, evidence.window_start, evidence.window_end)
                ):
                    return _Task(alert.id, evidence.window_end, now, found)
        return None

    def _keep(self, task: _Task, model: str, now: datetime) -> None:
        row = {"alert_id": task.alert_id, "window_end": task.window_end, "at": now, "model": model}
        with self._store.write(alone=False) as conn:
            self._store.put(conn, s.second_opinions, [row | task.counts() | {"facets": task.facets()}])


class _Task:
    """An alert that an opinion is being formed on."""

    def __init__(self, alert_id: str, window_end: datetime, began: datetime, left: list[ToAsk]) -> None:
        self.alert_id, self.window_end, self.began, self.left = alert_id, window_end, began, left
        self._said: Counter[str] = Counter()
        self._told: Counter[tuple[str, str]] = Counter()

    def go_on(self, scorer: DeepScorer) -> None:
        """Ask of the next few."""
        now, self.left = self.left[:PIECE], self.left[PIECE:]
        for one in now:
            read = scorer.read(one.text)
            if read.label != "unscored":
                self._said.update(_counted(one.label, read.label == "negative"))
                self._told.update(read.facets)

    def counts(self) -> dict[str, int]:
        """The columns of the row."""
        return {name: self._said[name] for name in _COUNTS}

    def facets(self) -> dict[str, dict[str, int]]:
        """Facet -> value -> mentions."""
        found: dict[str, dict[str, int]] = {}
        for (facet, value), mentions in sorted(self._told.items()):
            found.setdefault(facet, {})[value] = mentions
        return found


_COUNTS: Final = ("asked", "agreed", "unscored", "unscored_negative", "negative")


def _counted(label: str, negative: bool) -> list[str]:
    """The counts that a mention adds: `label` is the first scorer's, and the second calls the mention negative, or not."""
    found = ["negative"] if negative else []
    if label == "unscored":
        return [*found, "unscored", *(["unscored_negative"] if negative else [])]
    return [*found, "asked", *(["agreed"] if negative == (label == "negative") else [])]


def _due(conn: Connection, now: datetime) -> Sequence[Alert]:
    """The alerts that have no opinion, or an old one of another window: first what needs a person most."""
    t = s.second_opinions
    now_open = standing(conn, now)
    found = [alert for alert in (*now_open.live, *now_open.calmed, *now_open.suppressed) if not alert.drill]
    known = {
        row.alert_id: row
        for row in conn.execute(select(t).where(t.c.alert_id.in_([alert.id for alert in found])))
    }
    return [alert for alert in found if _is_due(alert, known.get(alert.id), now)]


def _is_due(alert: Alert, opinion: Row[Any] | None, now: datetime) -> bool:
    if opinion is None:
        return True
    evidence = alert.readable_evidence
    return evidence is not None and evidence.window_end != opinion.window_end and opinion.at <= now - AGAIN


def _opinion(row: Row[Any]) -> Opinion:
    known = {name: row._mapping[name] for name in Opinion.__struct_fields__}
    # Older code told no facets.
    return Opinion(**known | {"facets": known["facets"] or {}})
