"""`tocsin sources`: its output about a source, made safe for a terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
import typer
from sqlalchemy import select
from typer.testing import CliRunner, Result

from ingest.looking import NetworkAnswer
from ops.check.sources import looked, undefined
from ops.commands import sources
from tests.contracts.loopback import Loopback, posts
from tests.contracts.loopback import loopback as loopback
from tests.ingest.house import House, Site, line
from tests.ingest.networks import NETWORKS
from tocsin.core.clock import SystemClock
from tocsin.core.errors import NotFound, WrongInput
from tocsin.core.text import one_line
from tocsin.definitions.source_kinds import SOURCE_KINDS
from tocsin.reading.mention import read_json_line
from tocsin.store import schema as s

Command = Callable[..., Result]


@pytest.fixture
def command(house: House) -> Command:
    app = typer.Typer()
    sources.register(app)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["sources", *arguments, "--data", str(house.folder)])

    return run


def test_the_newest_five_posts_are_shown_and_nothing_is_stored(house: House, command: Command) -> None:
    posts = b"".join(
        line(n, text=f"post {n}", title="Tea", at=f"2026-03-01T11:{n:02}:00Z", author="jan") for n in range(9)
    )
    path = house.folder / "a.jsonl"
    path.write_bytes(posts + b"oops\n" + line("x", text="a\x1b[31m\u202eb\nc", at="2026-02-01T00:00:00Z"))
    house.define("forum", "file", path=str(path))
    result = command("test", "forum")
    assert result.stdout.splitlines() == [
        f"2026-03-01 11:{n:02}:00Z  jan  Tea | post {n}" for n in (8, 7, 6, 5, 4)
    ]
    assert "cannot read 10: not JSON" in result.stderr
    assert "10 posts read, 1 could not be read" in result.stderr
    assert result.exit_code == 0
    assert house.worker().collect_once() == 10


def test_posts_that_would_not_be_taken_for_their_times_are_said(house: House, command: Command) -> None:
    path = house.folder / "a.jsonl"
    now = SystemClock().now().isoformat()
    path.write_bytes(
        line("a", at=now) + line("b", at="2020-01-01T00:00:00Z") + line("c", at="2099-01-01T00:00:00Z")
    )
    house.define("forum", "file", path=str(path))
    result = command("test", "forum")
    assert "warning: older than 90 days and so left out: 1 of 3 posts" in result.stderr
    assert "warning: dated more than 10 minutes ahead and so refused: 1 of 3 posts" in result.stderr


def test_a_source_is_ended_and_restored_and_goes_on_where_it_was(house: House, command: Command) -> None:
    path = house.folder / "a.jsonl"
    path.write_bytes(line("a") + line("b"))
    house.define("forum", "file", path=str(path))
    worker = house.worker()
    assert worker.collect_once() == 2
    path.write_bytes(line("a") + line("b") + line("c"))
    assert command("end", "forum").stdout.startswith(
        "ended: forum; bring it back with: tocsin sources restore "
    )
    house.clock.advance(timedelta(minutes=1))
    assert worker.collect_once() == 0
    assert isinstance(command("end", "forum").exception, NotFound)
    assert command("restore", "forum").stdout == "restored: forum\n"
    said = str(command("restore", "forum").exception)
    assert said == "no source 'forum' was ended; ended: none"
    house.clock.advance(timedelta(minutes=1))
    assert worker.collect_once() == 1
    with house.store.read() as conn:
        actions = list(conn.execute(select(s.audit.c.action).order_by(s.audit.c.seq)).scalars())
    assert actions == ["source.ended", "source.restored"]


def test_a_source_that_cannot_be_read_ends_with_1(house: House, command: Command) -> None:
    house.define("forum", "file", path=str(house.folder / "none.jsonl"))
    house.define("shop", "push")
    result = command("test", "forum")
    assert (result.exit_code, "is not there (yet)" in result.stderr) == (1, True)
    result = command("test", "shop")
    assert (result.exit_code, "no posts to show" in result.stderr) == (1, True)
    result = command("test", "fax")
    assert isinstance(result.exception, NotFound)


def test_every_source_is_listed_with_its_health(house: House, command: Command) -> None:
    assert "no sources yet" in command("list").stderr
    (house.folder / "a.jsonl").write_bytes(line(1))
    house.define("forum", "file", path=str(house.folder / "a.jsonl"))
    house.define("gone", "file", path=str(house.folder / "none"), enabled=False)
    house.worker().collect_once()
    house.define("new", "push")
    rows = [row.split() for row in command("list").stdout.splitlines()]
    assert rows[1][:3] == ["forum", "file", "ok"]
    assert rows[1][3:] == ["2026-03-01", "11:59:00Z", "1", "0", "now"]
    assert rows[2][:3] == ["gone", "file", "off"]
    assert rows[3][:4] == ["new", "push", "never", "heard"]


def test_a_source_that_a_network_puts_off_is_listed_with_the_time_of_its_next_try(
    house: House, command: Command, site: Site
) -> None:
    site.status = 429
    site.headers["retry-after"] = "3600"
    now = SystemClock().now()
    house.clock.advance(now - house.clock.now())
    house.define("forum", "feed", url=site.url)
    house.worker().collect_once()
    (row,) = command("list").stdout.splitlines()[1:]
    assert f"  {now + timedelta(hours=1):%Y-%m-%d %H:%M:%SZ}  fails for 0 min: the feed answered 429" in row


def test_a_text_cannot_steer_the_terminal() -> None:
    assert one_line("a\x1b[31mb\x07\n\tc \u202ed\x9b", 50) == "a[31mb c d"
    assert one_line("👩\u200d🚒 yangın", 50) == "👩\u200d🚒 yangın"
    assert one_line("x" * 500, 10) == "x" * 9 + "…"


@pytest.mark.live
def test_a_source_that_is_not_defined_is_tried_by_its_kind(
    house: House, command: Command, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = loopback.begin(NETWORKS["feed"])
    world.posts = posts(2)
    monkeypatch.setenv("TOCSIN_INGEST__ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8")
    result = command("test", "--kind", "feed", "--set", f"url={world.url}/feed")
    assert [line.split("  ")[-1] for line in result.stdout.splitlines()] == [
        "De ketel lekt alweer (2)",
        "De ketel lekt alweer (1)",
    ]
    for wrong in (
        ("--kind", "fax"),
        (),
        ("forum", "--kind", "feed"),
        ("--kind", "feed", "--set", "url"),
        ("--kind", "feed"),
    ):
        assert isinstance(command("test", *wrong).exception, WrongInput)


@pytest.mark.parametrize(
    "written",
    ["a.example,b.example", " a.example, b.example,", '["a.example", "b.example"]', "[a.example, b.example]"],
)
def test_a_list_is_written_with_commas_or_as_json(written: str) -> None:
    made = undefined("mastodon", [f"instances={written}", "token=env:A,B"])
    assert made.settings == {"instances": ["a.example", "b.example"], "token": "env:A,B"}


def test_a_look_says_how_many_match_on_which_days_and_why_none_came() -> None:
    days = {date(2026, 3, 2): 3, date(2026, 3, 1): 1} | {date(2025, 12, n): 1 for n in range(1, 32)}
    read = read_json_line(line(7, text="Tea \x1b[31m again", at="2026-03-02T11:00:00Z"), source="x")
    looks = [
        NetworkAnswer("gdelt", 40, 34, [read], by_day=days),
        NetworkAnswer("lemmy", error="took too long"),
    ]
    counted, by_day, post, failed = list(looked(looks))
    assert counted == "gdelt: 34 of 40 posts match" and failed == "lemmy: took too long"
    assert by_day.startswith("  by day: 2025-12-03 1, ") and by_day.endswith(", 2026-03-01 1, 2026-03-02 3")
    assert post == "  2026-03-02 11:00Z  Tea [31m again"


def test_the_kinds_are_listed_with_their_price_and_limit(capsys: pytest.CaptureFixture[str]) -> None:
    sources.list_kinds()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["KIND", *sorted(SOURCE_KINDS)]
