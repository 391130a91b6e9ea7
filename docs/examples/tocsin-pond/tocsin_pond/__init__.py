"""A plugin for Tocsin with one of each: a source, a signal, a scorer and a notifier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Protocol

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from tocsin.plugin import (
    NO_FACETS,
    UNSCORED,
    Author,
    Bad,
    BadMention,
    Cursor,
    Facets,
    Fetched,
    FetchFailed,
    Mention,
    Notice,
    NotifierKind,
    Outcome,
    Plugin,
    Reading,
    Sensitivity,
    Sentiment,
    SignalKind,
    SourceContext,
    SourceKind,
    WindowCounts,
    WrongInput,
    read_cursor,
)

MINUTE = timedelta(minutes=1)


# -- a source --------------------------------------------------------------------------------------------


class PondSettings(BaseModel):
    """The settings of a pond."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frogs: int = Field(1, ge=1, le=100, description="How many frogs there are.")


class PondCursor(msgspec.Struct, frozen=True):
    """The last minute that was heard."""

    minute: int = 0


class Pond(Protocol):
    """What the source listens at. A source takes it as an argument, so that tests can give it another one."""

    def listen(self, now: datetime) -> bytes:
        """Lines of `frog minute text`, the oldest first, as far back as the pond remembers. Raises OSError where it is dry."""
        ...


class Frogs:
    """A pond in which every frog says something every minute. It asks nobody, so that the example runs anywhere."""

    def __init__(self, frogs: int) -> None:
        self._frogs = frogs

    def listen(self, now: datetime) -> bytes:
        last = int(now.timestamp()) // 60
        heard = [(frog, minute) for minute in range(last - 9, last + 1) for frog in range(self._frogs)]
        return "".join(f"{frog} {minute} La lageto estas bela kva kva\n" for frog, minute in heard).encode()


class PondSource:
    """The frogs of a pond. It goes on at the minute after the last one that it heard."""

    kind = "pond"
    target = "the pond"
    interval = MINUTE
    remote = False

    def __init__(self, context: SourceContext, settings: PondSettings, pond: Pond | None = None) -> None:
        self._name, self._pond = context.name, pond or Frogs(settings.frogs)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        try:
            heard = self._pond.listen(now)
        except OSError as error:
            raise FetchFailed(f"the pond cannot be heard: {type(error).__name__}") from None
        last = int(now.timestamp()) // 60
        before = read_cursor(cursor, PondCursor).minute
        # A place in the future is none of ours, and nothing would be heard until then.
        after = before if before <= last else 0
        mentions: list[Mention] = []
        bad: list[Bad] = []
        for place, line in enumerate(heard.splitlines()):
            try:
                minute, mention = self._read(line)
            except ValueError as error:
                bad.append(Bad(place, line[:2000] or b"(nothing)", BadMention("malformed", str(error)[:200])))
                continue
            if after < minute <= last:
                mentions.append(mention)
                before = minute if before > last else max(before, minute)
        return Fetched(mentions, bad, cursor={"minute": before if before <= last else 0})

    def close(self) -> None:
        pass

    def _read(self, line: bytes) -> tuple[int, Mention]:
        """The minute of one line, and what was said. Raises ValueError."""
        frog, _, rest = line.decode("utf-8").partition(" ")
        minute, _, text = rest.partition(" ")
        at = datetime.fromtimestamp(int(minute[:12]) * 60, UTC)
        if not frog or not text:
            raise ValueError("a line is `frog minute text`")
        return int(minute), Mention(
            source=self._name,
            id=f"{frog}-{minute}",
            text=text,
            created_at=at,
            network="pond",
            lang="eo",
            author=Author(f"frog-{frog}"),
        )


# -- a signal --------------------------------------------------------------------------------------------


class CroakState(msgspec.Struct, frozen=True):
    """How many windows there were."""

    windows: int = 0


class Croak:
    """More than a hundred mentions in a window. It is warm after three windows."""

    kind = "croak"
    version = "croak-1"

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        self.length = length

    def initial(self) -> CroakState:
        return CroakState()

    def judge(self, state: CroakState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        over = self.may_be_over(state, window, sensitivity)
        return Reading(
            kind=self.kind,
            start=window.start,
            length=window.length,
            score=5.0 if over else min(2.0, window.count / 50),
            observed=float(window.count),
            expected=50.0,
            lower=0.0,
            upper=100.0,
            over=over,
            state="warm" if state.windows >= 3 else "learning",
            detail={"span_s": window.length.total_seconds(), "complete": window.complete},
        )

    def may_be_over(self, state: CroakState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        return state.windows >= 3 and window.count > max(100, sensitivity.at_least_mentions)

    def learn(self, state: CroakState, window: WindowCounts, reading: Reading) -> CroakState:
        return CroakState(state.windows + 1) if window.complete else state

    def accept(self, state: CroakState) -> CroakState:
        return state

    def tells(
        self, state: CroakState, window: WindowCounts, reading: Reading, *, speaks: bool
    ) -> dict[str, Any]:
        return {}


# -- a scorer --------------------------------------------------------------------------------------------


WORDS = {"bela": 1, "bona": 1, "mirinda": 1, "malbela": -1, "malbona": -1, "terura": -1}


class EsperantoScorer:
    """Three good and three bad words of Esperanto."""

    languages = frozenset({"eo"})
    model = "pond-eo-1"

    def score(self, texts: Sequence[str], nudges: Sequence[Any] | None = None) -> list[Sentiment]:
        return [self._scored(text) for text in texts]

    def read(self, texts: Sequence[str]) -> list[tuple[Sentiment, Facets]]:
        return [(self._scored(text), NO_FACETS) for text in texts]

    def _scored(self, text: str) -> Sentiment:
        total = sum(WORDS.get(word, 0) for word in text[:10_000].lower().split())
        if total == 0:
            return UNSCORED
        label = "positive" if total > 0 else "negative"
        return Sentiment(label, 5_000 if total > 0 else -5_000, 6_000, self.model)


# -- a notifier ------------------------------------------------------------------------------------------


class ShoutNotifier:
    """A notice as a line of the file that the channel's setting `path` names."""

    kind = "shout"
    honours_id = False
    time_limit = timedelta(seconds=5)

    def send(self, notice: Notice) -> Outcome:
        path = notice.target.get("path")
        if not isinstance(path, str) or not path:
            return Outcome("failed", "the channel names no file to shout into", for_good=True)
        # A subject may hold what somebody typed: one line stays one line.
        words = " ".join(notice.subject.split())
        again = "REPEAT: " if notice.repeat_of else ""
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(f"{again}{words}!\n")
        except (OSError, ValueError) as error:
            return Outcome("failed", f"nobody can hear it: {type(error).__name__}")
        return Outcome("sent", "shouted")


def check_target(target: Any) -> None:
    if not isinstance(target.get("path"), str):
        raise WrongInput("a channel of kind shout needs `path`, the file to shout into")


PLUGIN = Plugin(
    sources=(
        SourceKind(
            kind="pond",
            connector="tocsin_pond:PondSource",
            settings="tocsin_pond:PondSettings",
            fixes_source=True,
            limit="one post a frog and minute",
        ),
    ),
    signals=(
        SignalKind(kind="croak", means="many frogs at once", detector="tocsin_pond:Croak", judges_empty=True),
    ),
    scorers=(EsperantoScorer(),),
    notifiers={"shout": NotifierKind(make=lambda _settings: ShoutNotifier(), check=check_target)},
)
