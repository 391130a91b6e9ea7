"""`tocsin signin`, `tocsin key`, `tocsin user`, `tocsin channels`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from sqlalchemy import select, update
from typer.testing import CliRunner

from ops.commands import access, channels
from tests.alerts.peers import smtp_peer
from tests.stores import prepare
from tocsin.access.links import page_address
from tocsin.core.errors import TocsinError
from tocsin.settings import Api, Settings
from tocsin.store import schema as s
from tocsin.store.sqlite.engine import SqliteStore

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    prepare(tmp_path / "store.db")
    app = typer.Typer()
    access.register(app)
    channels.register(app)

    def command(*words: str) -> str:
        result = CliRunner().invoke(app, [*words, "--data", str(tmp_path)])
        if isinstance(result.exception, TocsinError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return command


def test_the_first_sign_in_makes_an_admin_and_prints_a_link(run: Run) -> None:
    link = run("signin").strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8085/signin/[A-Za-z0-9_-]{43}", link)
    assert run("signin").strip() != link
    assert run("user", "list").splitlines()[1:] == ["admin\tadmin\tUTC\t-\tactive"]


def test_among_several_people_one_says_who(run: Run) -> None:
    run("user", "create", "Ana Pop", "--role", "pr")
    run("user", "create", "Deniz", "--role", "legal", "--timezone", "Europe/Istanbul")
    with pytest.raises(TocsinError, match="Choose with --person: Ana Pop, Deniz"):
        run("signin")
    assert "/signin/" in run("signin", "--person", "Deniz")
    with pytest.raises(TocsinError, match="known: Ana Pop, Deniz"):
        run("signin", "--person", "nobody")


def test_who_was_let_go_signs_in_no_more(run: Run) -> None:
    run("user", "create", "Ana Pop", "--role", "pr")
    assert run("user", "deactivate", "Ana Pop") == "Ana Pop is no longer active\n"
    with pytest.raises(TocsinError, match="is not active"):
        run("signin", "--person", "Ana Pop")
    run("user", "create", "Ana Pop", "--role", "viewer")
    assert "/signin/" in run("signin")


def test_a_name_from_before_names_were_checked_steers_no_terminal_and_begins_no_formula(
    run: Run, tmp_path: Path
) -> None:
    run("user", "create", "Ana", "--role", "pr")
    run("key", "create", "--role", "viewer", "--name", "=1+1\x9b2J")
    store = SqliteStore(tmp_path / "store.db")
    with store.write() as conn:
        kept = conn.execute(select(s.definitions.c.definition)).scalar_one()
        evil = "=cmd|'/C calc'!A0\x9b31m\u202e"
        conn.execute(update(s.definitions).values(name=evil, definition={**kept, "name": evil}))
    store.close()
    assert run("user", "list").splitlines()[1].split("\t")[0] == r"\x3dcmd|'/C calc'!A0\x9b31m\u202e"
    assert run("key", "list").splitlines()[1].split("\t")[1] == r"\x3d1+1\x9b2J"


def test_a_channel_is_listed_proven_by_the_code_that_arrived_and_doubted_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stands(place: str) -> str:
        rows = [one.split("\t") for one in run("channels", "list", "Ana").splitlines()[1:]]
        return next(row[4] for row in rows if row[3] == place)

    run("user", "create", "Ana", "--email", "ana@brand.example")
    assert stands("ana@brand.example") == "vouched"
    assert run("user", "list").splitlines()[1] == "Ana\tviewer\tUTC\temail\tactive"
    run("channels", "take-back", "Ana", "ana@brand.example")
    assert stands("ana@brand.example") == "unproven" and "\tunproven\t-\t-" in run("channels", "list")
    with pytest.raises(TocsinError, match=r"no channel 'eve@x\.example'; known: ana@brand\.example"):
        run("channels", "code", "Ana", "eve@x.example")
    with smtp_peer() as server:
        for name, value in {"HOST": "127.0.0.1", "PORT": str(server.port), "SECURITY": "none"}.items():
            monkeypatch.setenv(f"TOCSIN_SMTP__{name}", value)
        assert "email: sent (" in run("channels", "code", "Ana", "ana@brand.example")
        code = re.search(rb"\d{6}", server.messages[0])
    assert code and run("channels", "list").splitlines()[1].endswith("\tunproven\t-\twaits")
    app = typer.Typer()
    channels.register(app)
    own = ["Ana", "ana@brand.example", "--data", str(tmp_path)]
    wrong = CliRunner().invoke(app, ["channels", "prove", *own[:2], "x", *own[2:]])
    assert (wrong.exit_code, "not the code" in wrong.stderr) == (1, True)
    assert (
        run("channels", "prove", "Ana", "ana@brand.example", code[0].decode())
        == "proven: Ana is paged there\n"
    )
    assert stands("ana@brand.example") == "proven"
    monkeypatch.setenv("TOCSIN_SMTP__PORT", "1")
    refused = CliRunner().invoke(app, ["channels", "code", *own])
    assert (refused.exit_code, "email: failed" in refused.stdout) == (1, True)


def test_a_key_is_printed_once_listed_without_itself_and_revoked(run: Run) -> None:
    token = run(
        "key", "create", "--role", "viewer", "--scope", "read", "--scope", "metrics", "--name", "wall"
    ).strip()
    assert re.fullmatch(r"tcs_[A-Za-z0-9_-]{43}", token)
    listed = run("key", "list")
    assert token not in listed
    assert "wall\tviewer\tmetrics,read\t-" in listed
    with pytest.raises(TocsinError, match="a key named 'wall' already"):
        run("key", "create", "--role", "viewer", "--name", "wall")
    assert run("key", "revoke", "wall") == "revoked wall\n"
    with pytest.raises(TocsinError, match="no key 'wall'; known: none"):
        run("key", "revoke", "wall")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("key", "create", "--role", "boss", "--name", "x"), "unknown role 'boss'; known: viewer"),
        (
            ("key", "create", "--role", "viewer", "--name", "x", "--scope", "all"),
            "unknown scope 'all'; known: read",
        ),
        (
            ("key", "create", "--role", "viewer", "--name", "x", "--scope", "push"),
            "a key of the role viewer cannot push mentions; who may: admin, community_manager",
        ),
        (("key", "create", "--role", "pr", "--name", "x", "--source", "shop"), "a key of the role pr cannot"),
        (("key", "create", "--role", "viewer", "--name", ""), "1 to 256 characters"),
        (("user", "create", "x", "--timezone", "Mars"), "timezone = 'Mars': unknown time zone 'Mars'"),
    ],
)
def test_a_wrong_word_is_answered_with_the_choices(run: Run, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(TocsinError, match=re.escape(message)):
        run(*words)


@pytest.mark.parametrize(
    ("api", "address"),
    [
        (Api(), "http://127.0.0.1:8085"),
        (Api(host="0.0.0.0", port=9000), "http://127.0.0.1:9000"),
        (Api(host="::"), "http://[::1]:8085"),
        (Api(host="fd00::7"), "http://[fd00::7]:8085"),
        (Api(public_url="https://tocsin.example/"), "https://tocsin.example"),
    ],
)
def test_links_begin_where_a_browser_finds_the_page(api: Api, address: str) -> None:
    assert page_address(Settings(api=api)) == address
