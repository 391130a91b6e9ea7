"""The demo waits for its visitor while its clock stands, and says beside each alert what it teaches."""

from __future__ import annotations

import re
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from alerts.alert import get
from api.pages import lessons
from ops.demo import player
from ops.demo.folders import LOCK, PREFIX, demo_folder
from ops.demo.player import CRISIS_BEFORE, Performance, run_demo
from ops.demo.scenario import demo_mentions
from ops.demo.visitor import HeldClock, Keyboard, wait_for
from tests.api.visits import page, signed_in, words
from tests.browser.served import seeded_app
from tests.inside import command
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Mention
from tocsin.core.signal_kinds import BLIND, FLOOD, REACH, SIGNAL_KINDS, SILENCE
from tocsin.store import meta

NOON = datetime(2031, 3, 5, 12, tzinfo=UTC)


def test_the_clock_stands_until_it_is_let_go_and_then_runs_on_from_there() -> None:
    read = [100.0]
    clock = HeldClock(NOON, lambda: read[0])
    read[0] = 900.0
    assert clock.now() == NOON
    clock.stand_at(NOON + timedelta(hours=1))
    assert clock.now() == NOON + timedelta(hours=1), "it moves with the crisis that is played"
    clock.let_go()
    read[0] = 960.0
    clock.let_go()
    clock.stand_at(NOON)
    assert clock.now() == NOON + timedelta(hours=1, minutes=1)


def test_the_wait_ends_with_a_visitor_a_key_or_the_end_of_the_demo() -> None:
    keyboard, stop, looked = Keyboard(), threading.Event(), list[int]()

    def third_look() -> bool:
        looked.append(1)
        stop.wait(0)
        return len(looked) == 1

    wait_for(third_look, keyboard, stop)
    assert len(looked) == 1
    keyboard.enter.set()
    wait_for(lambda: False, keyboard, stop)
    assert not keyboard.enter.is_set()
    stop.set()
    wait_for(lambda: False, keyboard, stop)


@pytest.mark.slow("the demo's days of talk")
def test_each_alert_of_the_demo_says_what_it_teaches_and_no_alert_elsewhere_does(tmp_path: Path) -> None:
    with seeded_app(tmp_path, mode="demo") as one:
        with one.store.read() as conn:
            told = {
                id: lessons.lesson_of(get(conn, id)) for id in ("al_crisis", "al_ceo", "al_old", "al_supp")
            }
            supp = get(conn, "al_supp")
            copies = supp.evidence | {"count": 111, "copies": 78}
            flood = replace(supp, kind=FLOOD, status="firing", evidence=copies)
        client = signed_in(one)
        shown, listed = words(page(client, "/alerts/al_crisis")), words(page(client, "/"))
    assert told["al_crisis"] == lessons.CRISIS and told["al_ceo"] == lessons.TONE
    assert told["al_supp"] == lessons.COPIES and told["al_old"] == lessons.WORSE
    assert lessons.lesson_of(flood) == lessons.FLOOD
    assert lessons.lesson_of(replace(flood, evidence=flood.evidence | {"copies": 1})) is None
    far, silent = SIGNAL_KINDS.of(REACH).lesson, SIGNAL_KINDS.of(SILENCE).lesson
    assert far and silent and far != silent
    for kind, lesson in ((REACH, far), (SILENCE, silent), (BLIND, lessons.UNSEEN)):
        assert lessons.lesson_of(replace(flood, kind=kind)) == lesson
    for kind in (FLOOD, REACH, SILENCE):
        assert lessons.lesson_of(replace(flood, kind=kind, severity=3)) == lessons.GRAVER, "no watch any more"
    feared = replace(flood, kind=REACH, severity=1, facts=flood.facts | {"triggers": {"safety": 3}})
    assert lessons.lesson_of(feared) == lessons.CRISIS
    assert f"What this shows: {lessons.CRISIS}" in shown and lessons.TONE in listed
    assert "Choose the language at the bottom of the page" in listed
    with seeded_app(tmp_path / "live") as one:
        assert "What this shows" not in page(signed_in(one), "/alerts/al_crisis")


def test_no_store_but_the_demos_is_played_again(tmp_path: Path) -> None:
    for mode, offered in (("live", True), ("demo", False)):
        with seeded_app(tmp_path / mode, mode=mode) as one:
            if offered:
                with one.store.write() as conn:
                    meta.put(conn, meta.PLAY_AGAIN, meta.OFFERED)
            client = signed_in(one)
            first = page(client, "/")
            assert "/demo/again" not in first
            csrf = re.search('name="csrf" value="([^"]+)"', first)[1]  # type: ignore[index]  # a page without one fails
            assert client.post("/demo/again", data={"csrf": csrf}).status_code == 404
            assert client.post("/demo/again").status_code == 403


def test_a_demo_on_named_engines_says_on_its_page_that_it_plays_once(tmp_path: Path) -> None:
    with seeded_app(tmp_path, mode="demo") as one:
        with one.store.write() as conn:
            meta.put(conn, meta.PLAY_AGAIN, meta.ONCE)
        client = signed_in(one)
        shown = page(client, "/")
        assert "plays once" in shown and "/demo/again" not in shown
        csrf = re.search('name="csrf" value="([^"]+)"', shown)[1]  # type: ignore[index]  # a page without one fails
        assert client.post("/demo/again", data={"csrf": csrf}).status_code == 404


def test_what_a_killed_demo_left_goes_with_the_next_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, older, elsewhere = (tmp_path / f"{PREFIX}{name}" for name in ("killed", "older", "link"))
    for folder in (killed, older):
        folder.mkdir()
        (folder / "store.db").write_text("x")
    (killed / LOCK).touch()
    elsewhere.symlink_to(killed)
    with demo_folder() as lives:
        assert not killed.exists() and elsewhere.is_symlink()
        with demo_folder() as second:
            assert lives.is_dir() and second != lives, "whoever lives holds its lock"
        assert not second.exists()
    assert set(tmp_path.iterdir()) == {older, elsewhere}, "what has no lock may be somebody else's"


def test_a_taken_port_names_the_demos_own_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said = r"is in use.*take another with --port, such as --port 0"
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(WrongInput, match=said):
        run_demo(taken.getsockname()[1], until_alert=True)
    assert list(tmp_path.iterdir()) == []


class Enough(Exception):
    """The end of the test: a demo that nobody interrupts goes on."""


@pytest.mark.parametrize(("words", "status"), [(("demo",), 0), (("demo", "--until-alert"), 130)])
def test_whoever_ends_the_demo_ends_it_well_and_a_wait_for_its_alert_that_was_cut_short_does_not(
    words: tuple[str, ...], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(player, "run_demo", ended)
    assert command(*words).returncode == status


@pytest.mark.slow("plays a crisis through the real pipeline, on a real page")
def test_the_demo_waits_plays_again_at_a_press_of_its_button_and_keeps_its_visitor_signed_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    played, second, over = list[datetime](), threading.Event(), threading.Event()

    def crisis_alone(end: datetime) -> Iterator[Mention]:
        played.append(end)
        if len(played) > 1:
            second.set()
            over.wait(60)
            raise Enough
        told = demo_mentions(end, days=7, crisis_before=CRISIS_BEFORE)
        return (one for one in told if one.created_at > end - CRISIS_BEFORE)

    def show() -> None:
        with pytest.raises(Enough):
            run_demo(0, until_alert=False, story=Performance(1, crisis_alone, 1e9))

    interval = sys.getswitchinterval()
    demo = threading.Thread(target=show)
    demo.start()
    said, told = "", ""
    try:
        while "to see what comes next" not in said:
            over.wait(0.1)
            read = capsys.readouterr()
            said, told = said + read.err, told + read.out
        assert "a first customer reports" not in said, "it waits"
        links = re.findall(r"sign in as [^,]+, ([a-z ]+): (http://[^/]+)(/signin/\S+)", told)
        (_, base, link), (_, _, of_pr) = links[0], next(one for one in links if one[0] == "pr")
        with httpx.Client(base_url=base, timeout=30, follow_redirects=True) as visitor:
            csrf = re.search('name="csrf" value="([^"]*)"', visitor.get(link).text)
            assert csrf is not None
            overview = visitor.post(link, data={"csrf": csrf[1]}).text
            while "/demo/again" not in overview:
                over.wait(0.2)
                overview = visitor.get("/").text
            read = capsys.readouterr().err
            assert "a first customer reports" in read and "ALERT" in read and "what this shows" in read
            assert lessons.CRISIS.split(",")[0] in overview
            assert visitor.get(of_pr).status_code == 200, (
                "the crisis has moved the clock on, and no link is too old"
            )
            csrf = re.search('name="csrf" value="([^"]+)"', overview)
            assert csrf is not None
            asked = visitor.post("/demo/again", data={"csrf": csrf[1]})
            assert asked.status_code == 200
            assert second.wait(30), "it begins again"
            again = visitor.get("/")
            assert again.status_code == 200 and "Elif Karabulak" in again.text, (
                "the visitor is still signed in"
            )
            assert 'Live alerts <span class="badge">0' in again.text and "/demo/again" not in again.text
    finally:
        over.set()
        demo.join(30)
        sys.setswitchinterval(interval)
    assert not demo.is_alive() and len(played) == 2
