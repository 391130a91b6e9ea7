"""`tocsin sources test` of each kind of source against its fake: the newest five posts are printed, the newest first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from ingest.kinds import KINDS
from ingest.source import Cursor, Fetched, Source, SourceContext
from ingest.sources.kafka_topic import KafkaTopicSource
from ingest.trial import SHOWN
from ops.commands import sources
from tests.contracts.loopback import Loopback, World, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import Unlimited
from tests.contracts.sources import NOW
from tests.ingest.fake_imap import PASSWORD, fake_imap, letter
from tests.ingest.fake_topic import FakeTopic
from tests.ingest.house import House, line
from tests.ingest.networks import NETWORKS
from tocsin.core.mention import Mention
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import SOURCE_KINDS
from tocsin.store import schema as s

HOUR = timedelta(hours=1)
TEXTS = [f"De ketel lekt alweer ({n})" for n in range(1, SHOWN + 2)]
SHOWN_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ)  (.{1,24})  .*De ketel lekt alweer \((\d)\).*")


class InItsTime:
    """A source whose network lives on another day than the command."""

    def __init__(self, source: Source, now: datetime) -> None:
        self._source, self._now = source, now

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        return self._source.fetch(cursor, self._now)


def of_network(
    kind: str, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], Callable[[SourceContext, Any], Source]]:
    network = NETWORKS[kind]
    for name, value in network.environment.items():
        monkeypatch.setenv(name, value)
    world = loopback.begin(network)
    world.posts, world.budget = posts(len(TEXTS)), Unlimited()
    return network.settings(world.url), lambda context, settings: made(kind, world, context, settings)


def made(kind: str, world: World, context: SourceContext, settings: Any) -> Source:
    """The connector as the command makes it; streams are told where the fake streams."""
    network, (model, connector) = NETWORKS[kind], PARTS[kind]
    assert settings == model.model_validate(network.settings(world.url))
    if network.make is not None:
        source = network.make(
            SourceDef.model_validate({"name": context.name, "kind": kind} | network.settings(world.url)),
            world,
        )
    else:
        source = connector(replace(context, clock=world.clock, budget=world.budget), settings)
    return InItsTime(source, world.clock.now())


PARTS = dict(KINDS)


@pytest.fixture
def run(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("TOCSIN_INGEST__ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8")
    app = typer.Typer()
    sources.register(app)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["sources", "test", *arguments, "--data", str(house.folder)])

    return run


def check(result: Result) -> None:
    assert result.exit_code == 0, result.output + repr(result.exception)
    shown = [SHOWN_LINE.fullmatch(one) for one in result.stdout.splitlines()]
    assert all(shown), result.stdout
    times = [one[1] for one in shown if one]
    assert len(times) == SHOWN
    assert times == sorted(times, reverse=True)
    assert len({one[3] for one in shown if one}) == SHOWN


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_each_network_shows_its_newest_five_posts(
    kind: str, run: Callable[..., Result], loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, factory = of_network(kind, loopback, monkeypatch)
    monkeypatch.setitem(KINDS, kind, (PARTS[kind][0], factory))
    given = [
        f"--set={name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in settings.items()
    ]
    check(run("--kind", kind, *given))


def test_a_file_shows_its_newest_five_posts(house: House, run: Callable[..., Result]) -> None:
    path = house.folder / "posts.jsonl"
    path.write_bytes(
        b"".join(line(n, text, f"2026-03-01T11:0{n}:00Z", author="ayse") for n, text in enumerate(TEXTS))
    )
    check(run("--kind", "file", "--set", f"path={path}"))


def test_a_mailbox_shows_its_newest_five_letters(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with fake_imap() as server:
        for n, text in enumerate(TEXTS):
            server.mailbox.put(letter(f"{n}@klant.example", text, Subject=""), NOW + n * timedelta(minutes=1))
        model, connector = PARTS["imap"]
        monkeypatch.setitem(KINDS, "imap", (model, lambda *given: InItsTime(connector(*given), NOW + HOUR)))
        given = [f"--set={name}={value}" for name, value in server.settings().items()]
        check(run("--kind", "imap", *given))


def test_a_topic_shows_its_newest_five_records(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = FakeTopic()
    for n, text in enumerate(TEXTS):
        topic.add(json.dumps({"text": text, "who": "ayse"}).encode(), key=str(n).encode(), minute=n)
    monkeypatch.setitem(
        KINDS,
        "kafka",
        (PARTS["kafka"][0], lambda context, settings: KafkaTopicSource(context, settings, topic.connect)),
    )
    fields = {"id": "$key", "text": "text", "created_at": "$timestamp", "author.id": "who"}
    given = {"servers": ["broker.example:9092"], "topic": "posts", "fields": fields, "first": "earliest"}
    check(
        run(
            "--kind",
            "kafka",
            *(f"--set={k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in given.items()),
        )
    )


def test_a_source_that_others_push_to_shows_the_newest_five_that_are_kept(
    house: House, run: Callable[..., Result]
) -> None:
    house.define("shop", "push")
    nothing = run("shop")
    assert (nothing.exit_code, "0 posts came, 0 could not be read" in nothing.stderr) == (1, True)
    rows = []
    for n, text in enumerate(TEXTS):
        post = {"source": "shop", "id": str(n), "text": text, "created_at": NOW + n * timedelta(minutes=1)}
        mention = msgspec.convert(post | {"author": {"id": "ayse"}}, Mention)
        kept = msgspec.to_builtins(mention)
        rows.append(
            {name: post[name] for name in ("source", "id", "created_at")} | {"rate": 0.1, "mention": kept}
        )
    with house.store.write() as conn:
        house.store.insert_new(conn, s.samples, rows)
    check(run("shop"))


def test_every_kind_is_tried() -> None:
    assert {*NETWORKS, "file", "imap", "kafka", "push"} == set(SOURCE_KINDS)
