"""`tocsin replay`: recorded mentions from files, played through the real pipeline on a simulated clock; alerts are printed."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.fired import fired_alerts
from ops.progress import ProgressLine
from ops.replay.fired import in_a_line
from ops.replay.order import heard_at, in_order_heard
from ops.replay.player import Player, Totals
from ops.runtime import Runtime, open_runtime
from ops.times import time_of
from ops.transfer.apply import apply, plan, read_document
from tocsin.core.clock import EPOCH, SimulatedClock, iso
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import Mention
from tocsin.core.retry import Retry
from tocsin.definitions.models import known_zone
from tocsin.intake.dead_letters import Fuse, dead_letter_row, record_dead_letter
from tocsin.reading import check_time
from tocsin.settings import load
from tocsin.store import meta
from tocsin.store.port import Store

# So many lines are looked at; where most of them are bad, the file is no file of mentions.
FUSE_WINDOW = 1000
# The dead letters that one replay keeps. It only counts the rest.
BAD_KEPT = 10_000
RETRY_FOR = timedelta(minutes=10)
"""How long an engine may be away; then the replay ends and can be started again."""


def replay_files(
    files: Sequence[Path],
    monitors: Path,
    *,
    out: Callable[[str], None],
    data: Path | None = None,
    config: Path | None = None,
    store_url: str | None = None,
    stream_url: str | None = None,
    source: str | None = None,
    tz: str | None = None,
    heard_since: str | None = None,
    as_json: bool = False,
) -> int:
    """Play the files, hand a line for each alert to `out`, and return how many lines were no mentions.

    `heard_since` (ISO 8601) is the time from which the sources were heard, though they were silent until the first mention.

    With `data` everything is kept in that folder, or in the real engines. The same call after an interruption then goes on
    where it was. Raises `WrongInput` for a missing file, a wrong monitors file, or a folder that holds something else, and
    `StoreUnavailable` or `StreamUnavailable` where a real engine is away for longer than `RETRY_FOR`.
    """
    zone = ZoneInfo(_zone(tz)) if tz else None
    since = time_of("--heard-since", heard_since, zone) if heard_since else None
    for path in files:
        if not path.is_file():
            raise WrongInput(f"no file {path}")
    document = read_document(monitors)
    given = load(config, overrides={"data": data, "store.url": store_url, "stream.url": stream_url}).settings
    embedded = given.store.url == given.stream.url == "sqlite"
    retry = Retry(timedelta(0) if embedded else RETRY_FOR, _say, retry_refused=False)
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-replay-")))
        # A replay on embedded engines can be repeated from its input, so the disk need not confirm each commit. On real engines
        # it must: a server that lost commits while the replay goes on would leave store and stream in disagreement.
        opened = partial(
            open_runtime,
            config,
            folder,
            store_url,
            stream_url,
            clock=SimulatedClock(EPOCH),
            durable=not embedded,
        )
        runtime = retry(lambda: stack.enter_context(opened()))
        log = retry(lambda: _claim(runtime.store, files, monitors, document, since))
        runtime.own_prefix = f"{runtime.settings.stream.topic_prefix}replay-{log}."
        reader = _Reader(runtime.store, files, source, zone, retry)
        _play(runtime, reader.mentions(), files, since, _Printer(runtime, out, as_json, retry), retry)
        return reader.bad


def _play(
    runtime: Runtime,
    mentions: Iterator[Mention],
    files: Sequence[Path],
    since: datetime | None,
    shown: _Printer,
    retry: Retry,
) -> None:
    """Play the mentions to their end, show the alerts, and remove the replay's topics."""
    first = next(mentions, None)
    if first is None:
        _say(f"no mentions in {', '.join(str(path) for path in files)}")
        return
    player = retry(
        lambda: Player(runtime.store, runtime.stream, runtime.settings, heard_at(first), retry, since)
    )
    with closing(player):
        try:
            player.play(_chained(first, mentions), shown.progress)
        except KeyboardInterrupt:
            shown.finish(player.totals)
            raise
        shown.finish(player.totals)
    retry(runtime.stream.drop)


class _Reader:
    """Reads the mentions of the files in the order heard.

    A line that is no mention becomes a dead letter; too many stop the replay.
    """

    def __init__(
        self,
        store: Store,
        files: Sequence[Path],
        source: str | None,
        zone: ZoneInfo | None,
        retry: Retry,
    ) -> None:
        self.bad = 0
        self._retry = retry
        self._store = store
        self._files = files
        self._source = source
        self._zone = zone
        self._fuse = Fuse(window=FUSE_WINDOW)
        self._started = datetime.now(tz=EPOCH.tzinfo)

    def mentions(self) -> Iterator[Mention]:
        for mention in in_order_heard(self._files, source=self._source, zone=self._zone, on_bad=self._refuse):
            try:
                check_time(mention, self._started, max_age=timedelta(days=365 * 200), max_ahead=timedelta(0))
            except BadMention as error:
                # Mentions come in the order of their times here, so the line is not known any more.
                named = BadMention(
                    error.reason, f"{mention.source}, post {mention.id!r}: {error}", error.field
                )
                self._refuse(Path(mention.source), 0, msgspec.json.encode(mention), named)
                continue
            yield mention

    def _refuse(self, path: Path, line: int, payload: bytes, error: BadMention) -> None:
        self.bad += 1
        self._fuse.note(0, 1)
        if self.bad <= 10:
            _say(f"{path}:{line}: {error}" if line else str(error))
        if self.bad <= BAD_KEPT:
            self._retry(lambda: self._keep(path, line, payload, error))

    def _keep(self, path: Path, line: int, payload: bytes, error: BadMention) -> None:
        with self._store.write() as conn:
            record_dead_letter(
                conn,
                dead_letter_row(
                    now=EPOCH,
                    source=self._source or path.name,
                    reason=error.reason,
                    message=str(error),
                    payload=payload,
                    position=line,
                ),
            )


class _Printer:
    """Shows how far a replay is, and at its end prints the alerts in the order in which they fired.

    A line tells what became of its alert. Printed earlier it would depend on how the work was cut.
    """

    def __init__(self, runtime: Runtime, out: Callable[[str], None], as_json: bool, retry: Retry) -> None:
        self._retry = retry
        self._runtime = runtime
        self._out = out
        self._as_json = as_json
        self._line = ProgressLine()

    def progress(self, totals: Totals) -> None:
        self._line.update(f"{totals.mentions:,} mentions, {len(totals.fired)} alerts")

    def finish(self, totals: Totals) -> None:
        lines = self._retry(lambda: self._lines(totals.fired))
        self._line.clear()
        for line in lines:
            self._out(line)
        _say(
            f"{totals.mentions:,} mentions, {totals.stored:,} matched, {totals.duplicates:,} known, {len(totals.fired)} alerts"
        )

    def _lines(self, fired: Mapping[str, datetime]) -> list[str]:
        with self._runtime.store.read() as conn:
            return [
                _as_json(at, alert) if self._as_json else f"{iso(at)}  {in_a_line(alert)}"
                for at, alert in fired_alerts(conn, fired)
            ]


def _as_json(at: datetime, alert: dict[str, Any]) -> str:
    kept = ("id", "monitor", "kind", "severity", "worst", "status", "reason", "score", "facts", "evidence")
    return msgspec.json.encode({"at": iso(at)} | {key: alert[key] for key in kept}).decode()


def _claim(
    store: Store,
    files: Sequence[Path],
    monitors: Path,
    document: Mapping[str, Any],
    heard_since: datetime | None,
) -> str:
    """Mark the store as this replay's and apply the definitions, once; return the name that its topics get.

    Topics of its own keep a replay apart from the mentions of others on shared brokers. Raises `WrongInput` where the store holds
    another replay.
    """
    digest = hashlib.sha256(msgspec.json.encode(document, order="deterministic"))
    for path in files:
        digest.update(f"\x00{path.name}\x00{path.stat().st_size}".encode())
    if heard_since is not None:
        digest.update(f"\x00heard since {heard_since.isoformat()}".encode())
    with store.write() as conn:
        meta.claim_mode(conn, "replay")
        present = meta.get(conn, "replay")
        if present is None:
            apply(conn, plan(conn, document), EPOCH, "replay")
            meta.put(conn, "replay", digest.hexdigest())
            meta.put(conn, "replay-log", uuid.uuid4().hex[:12])
        elif present != digest.hexdigest():
            raise WrongInput(
                f"this store holds a replay of other files, of other monitors than {monitors} or of another --heard-since:"
                " name another --data or --store"
            )
        # An old replay, from before replays had topics of their own, has the name 0.
        return meta.get(conn, "replay-log") or "0"


def _zone(tz: str) -> str:
    try:
        return known_zone(tz)
    except ValueError as error:
        raise WrongInput(f"--tz: {error}") from None


def _chained(first: Mention, rest: Iterator[Mention]) -> Iterator[Mention]:
    yield first
    yield from rest


def _say(message: str) -> None:
    print(f"tocsin: {message}", file=sys.stderr)  # noqa: T201  # notes go to stderr, results to `out`
