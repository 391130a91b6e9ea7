"""Every refusal that a person may meet is a sentence, and is said in their language: no English can slip in anew."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest
from pydantic import BaseModel, Field, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.escalations.states import STATUSES as STATUSES_OF_ESCALATIONS
from alerts.escalations.states import TRANSITIONS as OF_ESCALATIONS
from alerts.states import PEOPLE, STATUSES
from api.body_limit import SMALL_BODY_BYTES
from api.defining import ONE
from api.metrics import Metrics
from api.middleware import Outermost, TimeBound
from api.pages.i18n import Languages
from api.pages.recorded import PATTERNS
from api.problems import INTERNAL, TITLES
from ingest.kinds import KINDS as SOURCES
from ingest.kinds import settings_of
from tests.api.test_page_says import speaks
from tests.api.visits import press, signed_in, visitor, words
from tests.browser.served import SeededApp, seeded_app
from tests.docs.pages import ROOT
from tocsin.core.errors import WrongInput
from tocsin.core.faults import WORDS, fault_of
from tocsin.core.patterns import SAID
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import KINDS, Monitor, Role, SourceDef
from tocsin.net import refusal
from tocsin.query import QueryError, parse_query
from tocsin.reading.unpacked import FOREIGN
from tocsin.settings import Settings

LANGUAGES: Final = Languages()
OTHERS: Final = tuple(code for code in LANGUAGES.codes if code != "en")
ROOMS: Final = ("alerts", "api", "ingest", "processors", "tocsin")
SPEAKS: Final = {
    "WrongInput": 0,
    "IllegalTransition": 0,
    "Conflict": 0,
    "NotFound": 0,
    "NotAllowed": 0,
    "ValueError": 0,
    "WrongReference": 1,
    "_Refused": 1,
    "wrong": 1,
    "Problem": 2,
    "QueryError": 2,
}
"""What a refusal is raised with, and where among its arguments its words stand."""

ELSEWHERE: Final = {
    "api/listening.py": "said on the command line, when the service cannot start",
    "ingest/source.py": "a mistake in the code of a connector",
    "processors/signals/": "said on the command line: tocsin detect, and a signal that cannot be loaded",
    "processors/understand/": "a model that cannot be loaded: said in the log, and by tocsin doctor",
    "tocsin/access/signin.py": "said on the command line: tocsin signin",
    "tocsin/core/": "a mistake in the code",
    "tocsin/intake/handover.py": "told of one mention, and known by its slug",
    "tocsin/logs.py": "said on the command line",
    "tocsin/net.py": "a setting of the file: said on the command line",
    "tocsin/reading/": "told of one mention or file of mentions, and known by its slug",
    "tocsin/settings/loading.py": "said on the command line",
    "tocsin/settings/sections.py": "said on the command line",
    "tocsin/store/meta.py": "said on the command line",
    "tocsin/store/migrations/": "said on the command line",
    "tocsin/store/opening.py": "said on the command line",
    "tocsin/store/postgres/": "said on the command line",
    "tocsin/store/sqlite/": "said on the command line",
    "tocsin/store/types.py": "a mistake in the code",
    "tocsin/stream/": "said on the command line, and in the log",
    "ingest/sources/file.py": "why a source is not heard: the ledger knows it by its pattern",
}
"""Where English is left, and why no page, link or answer of the API says it."""


@cache
def _calls() -> tuple[tuple[str, ast.Call], ...]:
    """Every call of these names in the code of the rooms, with its file. Only files that hold one are parsed: that takes long."""
    called = {"Sentence", *SPEAKS}
    texts = (
        (path, path.read_text("utf-8")) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))
    )
    return tuple(
        (path.relative_to(ROOT).as_posix(), node)
        for path, text in texts
        if any(f"{name}(" in text for name in called)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and _name(node) in called
    )


def sentences() -> set[str]:
    """Every sentence outside alerts (their own test has those) that a refusal or a fault of a form is made of."""
    found = (
        set(WORDS.values())
        | set(SAID.values())
        | {one for kind in KINDS for one in (kind.replace("_", " "), ONE[kind])}
    )
    found |= {one.replace("_", " ") for one in (*STATUSES, *STATUSES_OF_ESCALATIONS, *PEOPLE, *Role)}
    found |= {action.replace("_", " ") for _, action in OF_ESCALATIONS} | {"assess", "ask about", "both"}
    found |= {
        "import",
        "check",
        "undo",
        "running",
        "done",
        "failed",
        "cancelled",
        "undone",
        "accepted",
        "lapsed",
    }
    found |= set(PATTERNS) | set(FOREIGN.values())
    found |= {"unspecified", "loopback", "link-local", "multicast", "site-local", "private"}
    found |= {"reserved", "not public", "write it like https://tocsin.example"}
    for path, node in _calls():
        if not path.startswith("alerts/") and _name(node) == "Sentence" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant):
                found.add(str(first.value))
    return found


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _bare(words: ast.expr) -> bool:
    """Whether these words are English that nothing can translate: a text, or one that is put together."""
    if isinstance(words, ast.Call):
        return _name(words) in ("str", "format", "join", "repr")
    return isinstance(words, ast.JoinedStr | ast.BinOp) or (
        isinstance(words, ast.Constant) and isinstance(words.value, str)
    )


def _unsaid() -> Iterator[tuple[str, str]]:
    for path, node in _calls():
        at = SPEAKS.get(_name(node))
        if at is not None and len(node.args) > at and _bare(node.args[at]):
            yield path, ast.unparse(node.args[at])


@pytest.mark.slow("parses the whole API")
def test_no_refusal_on_the_way_to_a_person_is_bare_english() -> None:
    found = list(_unsaid())
    assert [one for one in found if not one[0].startswith(tuple(ELSEWHERE))] == []
    assert [place for place in ELSEWHERE if not any(path.startswith(place) for path, _ in found)] == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_refusal_is_translated(code: str) -> None:
    assert sorted(sentences() - set(LANGUAGES[code].catalogue)) == []


def test_the_reasons_of_a_private_address_are_those_that_are_translated() -> None:
    told = ("0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "fec0::1", "10.0.0.1", "240.0.0.1")
    said = {refusal(address) for address in told}
    assert None not in said and {str(one) for one in said} <= sentences()


def test_what_is_wrong_with_a_value_is_said_in_the_readers_language() -> None:
    class Asked(BaseModel):
        n: int = Field(ge=1, le=9)
        name: str = Field(max_length=3)

    try:
        Asked.model_validate({"n": "x", "name": "far too long", "more": 1})
    except ValidationError as error:
        said = [LANGUAGES["nl"].say(fault_of(one)) for one in error.errors()]
    assert said == ["een geheel getal is nodig", "er passen hoogstens 3 tekens in"]


def test_what_does_not_fit_a_pattern_is_named_and_no_regular_expression_is_shown() -> None:
    wrong = {
        "neutral_words": ("lumo", "!!!"),
        "own_accounts": ("a b",),
        "countries": ("Turkey",),
        "name": "a\n",
    }
    try:
        Monitor.model_validate({"query": "lumo", **wrong})
    except ValidationError as error:
        faults = [fault_of(one) for one in error.errors()]
    assert [str(one) for one in faults] == [
        "'a\\n' has a line break or another control character",
        "'Turkey' is no country in two capital letters, such as NL",
        "'a b' is no account, such as @lumo or @lumo@social.example",
        "'!!!' is no word: it needs a letter or a digit, and no control character",
    ]
    assert LANGUAGES["tr"].say(faults[-1]).startswith("'!!!' bir sözcük değil")


def test_every_pattern_of_a_setting_has_a_sentence() -> None:
    models = [model for model, _ in SOURCES.values()] + [
        type(one) for _, one in Settings() if isinstance(one, BaseModel)
    ]
    found = {pattern for model in models for pattern in _patterns(model.model_json_schema())}
    assert len(found) > 10 and sorted(found - set(SAID)) == []


def _patterns(schema: object) -> Iterator[str]:
    """Every pattern of a schema, however deep."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for one in schema:
            yield from _patterns(one)


def test_a_secret_that_was_typed_in_place_of_its_name_is_not_shown() -> None:
    typed = SourceDef.model_validate(
        {"name": "repos", "kind": "github", "token": "hush", "repositories": ["a/b"]}
    )
    with pytest.raises(WrongInput) as refused:
        settings_of(typed)
    said = "source 'repos': token: a secret is not written here: name where it is, as env:NAME or file:PATH"
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("en", "query, line 1, column 3: nothing follows AND; expected a word"),
        ("tr", "sorgu, satır 1, sütun 3: AND sonrasında bir şey yok; beklenen: ardından bir sözcük"),
        ("nl", "zoekopdracht, regel 1, kolom 3: er volgt niets op AND; verwacht: daarna een woord"),
        ("ro", "interogare, rândul 1, coloana 3: după AND nu urmează nimic; se aștepta: după el un cuvânt"),
    ],
)
def test_a_query_is_refused_in_the_readers_language_with_its_place(code: str, told: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query("a AND")
    said = LANGUAGES[code].say(caught.value.said)
    assert said.startswith(told) and said.endswith("  a AND\n    ^")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeededApp]:
    with seeded_app(tmp_path_factory.mktemp("refusals")) as one:
        yield one


REFUSED: Final = {
    "tr": ("çözüldü durumundaki bir uyarıda bu yapılamaz: erteleme", "yeniden açma"),
    "nl": ("dit kan niet met een waarschuwing die opgelost is: uitstellen", "heropenen"),
    "ro": ("nu este posibil la o alertă rezolvată: amânare", "redeschidere"),
}


@pytest.mark.parametrize("code", OTHERS)
def test_the_page_and_the_api_refuse_in_the_readers_language(night: SeededApp, code: str) -> None:
    speaks(night, code)
    client = signed_in(night)
    press(client, "/alerts/al_crisis", "resolve", reason="over")
    status, shown = press(client, "/alerts/al_crisis", "snooze", minutes="30")
    told, possible = REFUSED[code]
    said = words(shown)
    assert status == 409 and told in said and possible in said, said
    assert "cannot" not in said and "version" not in said
    answer = client.get("/v1/alerts/nope")
    problem = answer.json()
    assert problem["type"] == "urn:tocsin:problem:not-found" and answer.headers["content-language"] == code
    assert problem["detail"] == LANGUAGES[code].say(
        Sentence("no alert {id}; `tocsin alerts list` shows those there are", id="'nope'")
    )
    assert problem["title"] == LANGUAGES[code].translate("Not found") != "Not found"


@pytest.mark.parametrize("code", OTHERS)
def test_what_stands_before_the_routes_refuses_in_the_readers_language(night: SeededApp, code: str) -> None:
    """A body that is too large, a name that is not ours, what takes too long and what nobody caught were English."""
    stranger, asked = visitor(night), {"accept-language": f"{code}, en;q=0.5"}
    name = stranger.get("/v1/alerts", headers={**asked, "host": "elsewhere.example"})
    large = {**asked, "content-length": "9000000"}
    body = night.loop.run(stranger._client.request("POST", "/v1/monitors", headers=large))

    async def slow(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(60)

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("nobody caught it")

    def answer(app: ASGIApp) -> tuple[int, dict[str, Any], dict[bytes, bytes]]:
        told: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(message: Message) -> None:
            told.append(message)

        headers = [(name.encode(), value.encode()) for name, value in asked.items()]
        scope = {"type": "http", "app": night.app, "method": "GET", "path": "/v1/alerts", "headers": headers}
        night.loop.run(app({**scope, "state": {"request_id": "r"}}, receive, send))
        return told[0]["status"], json.loads(told[1]["body"]), dict(told[0]["headers"])

    late, gone = answer(TimeBound(slow, seconds=0.01)), answer(Outermost(broken, Metrics()))
    said = [
        (name.status_code, name.json(), name.headers["content-language"]),
        (body.status_code, body.json(), body.headers["content-language"]),
        *((status, shown, headers[b"content-language"].decode()) for status, shown, headers in (late, gone)),
    ]
    language = LANGUAGES[code]
    for (status, shown, spoken), (expected, slug, detail) in zip(said, BEFORE_THE_ROUTES, strict=True):
        assert (status, spoken, shown["type"]) == (expected, code, f"urn:tocsin:problem:{slug}")
        assert shown["detail"] == language.say(detail) != detail
        assert shown["title"] == language.translate(TITLES[status]) != TITLES[status]


BEFORE_THE_ROUTES: Final = (
    (
        421,
        "unknown-host",
        Sentence("this name is not one of ours: set api.public_url, or add it to api.allowed_hosts"),
    ),
    (413, "too-large", Sentence("a body may have {most} bytes here", most=str(SMALL_BODY_BYTES))),
    (503, "too-slow", Sentence("this took longer than {seconds} s", seconds="0.01")),
    (500, "internal", INTERNAL),
)


def test_programs_hear_english_unless_they_ask_for_another_language(night: SeededApp) -> None:
    stranger = visitor(night)
    plain = stranger.get("/v1/alerts").json()
    assert plain["title"] == "Unauthorized" and plain["detail"].startswith("sign in (tocsin signin")
    asked = stranger.get("/v1/alerts", headers={"accept-language": "ro, en;q=0.5"}).json()
    assert asked["detail"].startswith("conectați-vă") and asked["type"] == plain["type"]
