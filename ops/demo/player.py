"""`tocsin demo`: a made-up brand's past and crisis, played through the real pipeline, and then live.

A simulated clock plays the past of the brand fast, and the crisis slowly enough to watch. Then the live workers take over on the
real clock, and people acknowledge and escalate on the page. The demo keeps its data in a folder of its own, which it removes at
the end, or in the engines that the command line names. No notice leaves the machine.

Before the crisis the demo waits for its visitor: until somebody has signed in. The page's clock stands meanwhile, and then moves
with the crisis (`ops.demo.visitor`). A button of the page, or Enter, plays it again; whoever is signed in stays so.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from alerts.alert import get
from alerts.fired import fired_alerts, has_alert
from alerts.notifiers.console import ConsoleNotifier
from alerts.worker import AlertsWorker
from api.auth.sessions import ever_signed_in, keep_sessions, kept_sessions
from api.pages.field_values import NAMES_OF_LANGUAGES
from api.pages.lessons import lesson_of
from api.server import serve
from ops.demo.folders import demo_folder
from ops.demo.monitors import demo_setup
from ops.demo.scenario import demo_mentions, live_mentions
from ops.demo.timeline import timeline
from ops.demo.visitor import HeldClock, Keyboard, wait_for
from ops.demo.world import BRAND
from ops.output import stdout_to_nowhere
from ops.progress import ProgressLine
from ops.replay.fired import in_a_line
from ops.replay.player import Player
from ops.run.handles import raise_open_files
from ops.run.up import require_free_port
from ops.runtime import Runtime, open_runtime
from ops.transfer.apply import apply, plan
from processors.ticker import DetectionTicker
from processors.worker import StreamProcessor
from tocsin.access.links import make_signin_link, page_address, signin_path
from tocsin.core.clock import iso, minute_start
from tocsin.core.mention import Mention
from tocsin.definitions.models import Person
from tocsin.definitions.repository import listed
from tocsin.intake.handover import HandOver
from tocsin.store import meta
from tocsin.stream.port import MENTIONS

# The community manager on call. The demo's link signs in as her.
WHO = "Elif Karabulak"
# How many times faster than real time the crisis is played: for a visitor who reads, and for one who waits for the alert
# alone.
WATCHED_SPEED = 20
HURRIED_SPEED = 150
# The clock moves on with the crisis: a link for a second role must outlast it.
LINKS_LAST = timedelta(days=1)
# The time from the crisis's first post until the clock becomes real: the alert is still fresh then.
CRISIS_BEFORE = timedelta(minutes=40)
ONCE = "On engines that you named it plays once; begin again in a new, empty store."
SCORED = ("firing", "acknowledged", "escalated")


def _mentions(end: datetime) -> Iterator[Mention]:
    return demo_mentions(end, crisis_before=CRISIS_BEFORE)


@dataclass(frozen=True, slots=True)
class Performance:
    """The play: `days` of talk up to the end that `mentions` is given, the crisis included, and the speed of the crisis against
    real time.
    """

    days: int = 14
    mentions: Callable[[datetime], Iterator[Mention]] = _mentions
    speed: float = WATCHED_SPEED


HURRIED = Performance(speed=HURRIED_SPEED)


class Demo:
    """One run of the demo. With `until_alert` it ends when the brand's first alert has arrived, instead of staying up.

    `again` says whether it may end because somebody wants to see it once more. `sessions` are those of the run before.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        until_alert: bool,
        keyboard: Keyboard | None = None,
        story: Performance | None = None,
        again: bool = False,
        sessions: list[dict[str, Any]] | None = None,
    ) -> None:
        self._runtime = runtime
        self._story = story or (HURRIED if until_alert else Performance())
        self._again = again
        self.sessions = sessions or []
        # The clock of the page and of the live workers. The player has a simulated clock of its own.
        self._clock = HeldClock(runtime.clock.now().replace(microsecond=0))
        runtime.clock = self._clock
        self._until_alert = until_alert
        self._keyboard = keyboard if keyboard is not None else Keyboard()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._shown = 0

    def run(self) -> bool:
        """Play, then stay up until Ctrl-C. Returns True where the visitor asks to see it again. Raises the error of the page's
        server, where it failed.
        """
        end = self._clock.now()
        self._clock.stand_at(timeline(end, crisis_before=CRISIS_BEFORE).crisis_at)
        again = False
        with self._runtime.store.write() as conn:
            meta.claim_mode(conn, "demo")
            apply(conn, plan(conn, demo_setup()), end, "demo")
            keep_sessions(conn, self.sessions)
        player = Player(
            self._runtime.store,
            self._runtime.stream,
            self._runtime.settings,
            end - timedelta(days=self._story.days),
        )
        threads = [threading.Thread(target=self._serve, name="api", daemon=True)]
        threads[0].start()
        self._say_where()
        try:
            self._play(player, end)
            if not self._until_alert:
                again = self._go_live(player, end, threads)
        finally:
            self._stop.set()
            player.close()
            for thread in threads:
                thread.join(timeout=8)
        if self._failure is not None:
            raise self._failure
        with self._runtime.store.read() as conn:
            self.sessions = kept_sessions(conn, self._clock.now())
        return again

    def _play(self, player: Player, end: datetime) -> None:
        times = timeline(end, crisis_before=CRISIS_BEFORE)
        mentions = self._story.mentions(end)
        _say(f"playing two weeks of talk about {BRAND}, a bicycle maker that does not exist...")
        started = time.monotonic()
        quiet_until = minute_start(int(times.crisis_at.timestamp()) // 60)
        held: list[Mention] = []

        def before(mention: Mention) -> bool:
            held[:] = [] if mention.created_at < quiet_until else [mention]
            return not held

        player.play(takewhile(before, mentions), lambda _totals: self._progress(player), tail=timedelta(0))
        player.advance(quiet_until)
        self._progress(player)
        waits = not self._until_alert and not self._anybody_looks()
        _say(
            f"{player.totals.mentions:,} mentions matched, understood and judged in {time.monotonic() - started:.0f} s. "
            f"{'Sign in with a link above, or press Enter, to see what comes next.' if waits else ''}"
        )
        if waits:
            wait_for(self._anybody_looks, self._keyboard, self._stop)
        _say("now a first customer reports a burning battery; watch the page.")
        self._play_watched(player, [*held, *mentions], quiet_until, end)

    def _play_watched(self, player: Player, mentions: list[Mention], start: datetime, end: datetime) -> None:
        """Play the crisis minute by minute, faster than in real time."""
        at, place = start, 0
        while at < end and not self._failure:
            at = min(at + timedelta(minutes=1), minute_start(int(end.timestamp()) // 60))
            minute = []
            while place < len(mentions) and mentions[place].created_at < at:
                minute.append(mentions[place])
                place += 1
            began = time.monotonic()
            player.play(minute, tail=timedelta(0))
            player.advance(at)
            self._clock.stand_at(at)
            self._progress(player)
            if self._until_alert and self._arrived():
                _say("the alert has arrived")
                return
            if at >= minute_start(int(end.timestamp()) // 60):
                break
            self._stop.wait(max(0.0, 60 / self._story.speed - (time.monotonic() - began)))
        player.play(mentions[place:], tail=timedelta(0))

    def _anybody_looks(self) -> bool:
        if self._failure is not None:
            return True
        with self._runtime.store.read() as conn:
            return ever_signed_in(conn)

    def _arrived(self) -> bool:
        with self._runtime.store.read() as conn:
            return has_alert(conn, BRAND, SCORED, 2)

    def _go_live(self, player: Player, end: datetime, threads: list[threading.Thread]) -> bool:
        """Hand over to the live workers, in real time. Returns True where the visitor asks to see it again."""
        self._clock.stand_at(end)
        self._clock.let_go()
        runtime = self._runtime
        player.close()
        store, stream, settings, clock = runtime.store, runtime.stream, runtime.settings, self._clock
        works = {
            "processor": StreamProcessor(store, stream, settings, clock).run,
            "detection": DetectionTicker(store, stream, settings, clock).run,
            "alerts": AlertsWorker(store, settings, clock, {"console": ConsoleNotifier()}).run,
            "talk": lambda stop: self._talk(end, stop),
        }
        for name, work in works.items():
            thread = threading.Thread(target=work, args=(self._stop,), name=name, daemon=True)
            thread.start()
            threads.append(thread)
        with runtime.store.write() as conn:
            meta.put(conn, meta.PLAY_AGAIN, meta.OFFERED if self._again else meta.ONCE)
        how = "A button at the top of the page plays it again"
        how = f"{how}, and so does Enter." if self._keyboard.there else f"{how}."
        _say(
            "time runs as it does from here: acknowledge, escalate to PR or Legal, look around. "
            f"{how if self._again else ONCE} Ctrl-C ends the demo."
        )
        _say("for your own brand: pip install . && tocsin up")
        self._keyboard.enter.clear()
        while not self._stop.wait(1.0):
            self._progress(player)
            if self._again and (self._keyboard.enter.is_set() or self._asked()):
                self._keyboard.enter.clear()
                return True
        return False

    def _asked(self) -> bool:
        """Whether the page's button has been pressed."""
        with self._runtime.store.read() as conn:
            return meta.get(conn, meta.PLAY_AGAIN) == meta.ASKED

    def _talk(self, end: datetime, stop: threading.Event) -> None:
        """Hand over the mentions that follow, each at its time."""
        hand_over = HandOver(
            self._runtime.stream,
            partitions=self._runtime.stream.partitions(MENTIONS),
            max_mentions=1,
            clock=self._clock,
        )
        waiting: Iterator[Mention] = live_mentions(end, crisis_before=CRISIS_BEFORE)
        for mention in waiting:
            wait = (mention.created_at - self._clock.now()).total_seconds()
            if wait > 0 and stop.wait(wait):
                return
            hand_over.hand_over([mention], self._clock.now())

    def _serve(self) -> None:
        try:
            raise_open_files()
            serve(self._runtime, self._stop)
        except BaseException as error:  # noqa: BLE001  # raised again by run(), in the main thread
            self._failure = error
            self._stop.set()

    def _say_where(self) -> None:
        try:
            self._give_links()
        except BrokenPipeError:
            # Nobody reads the links, and none stays. Without one no visitor comes, but the alert can be waited for.
            if not self._until_alert:
                raise
            stdout_to_nowhere()

    def _give_links(self) -> None:
        base = page_address(self._runtime.settings)
        _say(f"everything of this demo lies in {self._runtime.settings.data}, until it ends")
        _give(f"the page: {base}/")
        _say(
            f"it speaks {', '.join(NAMES_OF_LANGUAGES.values())}: choose at a page's foot, or by whom you sign in as"
        )
        with self._runtime.store.write() as conn:
            for one in sorted(listed(conn, Person), key=lambda one: one.name != WHO):
                token = make_signin_link(conn, one.id, self._clock.now(), LINKS_LAST)
                role = "on call" if one.name == WHO else one.value.role.value.replace("_", " ")
                speaks = NAMES_OF_LANGUAGES.get(one.value.language or "")
                name = f"{one.name} ({speaks})" if speaks else one.name
                _give(f"sign in as {name}, {role}: {base}{signin_path(token)}")

    def _progress(self, player: Player) -> None:
        """Print each alert that has opened since the last call, and on a terminal also where the clock stands."""
        new = dict(islice(player.totals.fired.items(), self._shown, None))
        self._shown += len(new)
        with self._runtime.store.read() as conn:
            for at, alert in fired_alerts(conn, new):
                _say(f"ALERT {iso(at)}  {in_a_line(alert)}")
                lesson = lesson_of(get(conn, alert["id"]))
                if lesson:
                    _say(f"      what this shows: {lesson}")
        ProgressLine().update(f"{iso(player.clock.now())[:16]}  {player.totals.mentions:,} mentions ")


def run_demo(
    port: int | None,
    *,
    until_alert: bool,
    store: str = "sqlite",
    stream: str = "sqlite",
    story: Performance | None = None,
) -> None:
    """Run the command `tocsin demo`. `port` 0 takes a free port. `story` is the demo's own, in every run but a test's.

    The demo uses the engines named here, never those of the settings in force.

    Raises `WrongInput` where the port is taken or the store holds anything but a demo.
    """
    keyboard = None if until_alert else Keyboard()
    # Engines that the command line names are the visitor's: the demo begins there once.
    own = (store, stream) == ("sqlite", "sqlite") and not until_alert
    port = _free_port() if port == 0 else port
    sessions: list[dict[str, Any]] = []
    while True:
        with (
            demo_folder() as folder,
            open_runtime(data=folder, store=store, stream=stream, durable=False, port=port) as runtime,
        ):
            # On shared brokers, the demo must never read the mentions of others, and others must never read the demo's.
            runtime.own_prefix = f"{runtime.settings.stream.topic_prefix}demo-{uuid.uuid4().hex[:12]}."
            require_free_port(runtime.settings.api, "--port, such as --port 0 for a free one")
            demo = Demo(
                runtime,
                until_alert=until_alert,
                keyboard=keyboard,
                story=story,
                again=own,
                sessions=sessions,
            )
            try:
                once_more = demo.run()
            finally:
                runtime.stream.drop()
        if not once_more:
            return
        sessions = demo.sessions
        _say("once more, from the beginning")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _give(line: str) -> None:
    """The links go to standard output, as from `tocsin signin`."""
    ProgressLine().clear()
    print(f"DEMO  {line}", flush=True)  # noqa: T201  # the watcher's terminal


def _say(message: str) -> None:
    ProgressLine().clear()
    print(f"DEMO  {message}", file=sys.stderr, flush=True)  # noqa: T201  # the watcher's terminal
