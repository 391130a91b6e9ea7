"""Why a part of Tocsin does not work is known by its pattern, whatever made it, so that the page can say it in four languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from api.pages.formatting import Formatter
from api.pages.i18n import Languages
from tests.docs.pages import ROOT
from tocsin.core.loop import WorkerLoop
from tocsin.core.sentences import Sentence
from tocsin.health.troubles import ADVICE, trouble_of
from tocsin.store.postgres.errors import ADVICE as OF_POSTGRES

MADE_WITH: Final = (
    "StoreUnavailable",
    "StoreRefused",
    "OutcomeUnknown",
    "StreamUnavailable",
    "StreamFull",
    "kind",
)
ROOMS: Final = ("tocsin/store", "tocsin/stream")
AT_THE_START: Final = ("tocsin/store/sqlite/before_upgrade.py",)
"""Said on the command line, before a part works at all."""

LANGUAGES: Final = Languages()
OTHERS: Final = tuple(code for code in LANGUAGES.codes if code != "en")


def formatter(code: str) -> Formatter:
    return Formatter(LANGUAGES[code], ZoneInfo("UTC"), datetime(2026, 11, 29, tzinfo=UTC))


def troubles() -> Iterator[tuple[str, str]]:
    """Every message of an engine that is away, with its file and an example in each place."""
    for path in sorted(one for room in ROOMS for one in (ROOT / room).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MADE_WITH and node.args:
                yield file, _example(node.args[0])


def _example(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr), ast.unparse(node)
    filled = [str(one.value) if isinstance(one, ast.Constant) else _place(one) for one in node.values]
    return "".join(filled)


def _place(node: ast.expr) -> str:
    name = ast.unparse(node)
    if "advice" in name or "RESTORE" in name:
        return ADVICE[0]
    if "_full" in name:
        return "half of the 9 bytes that partition 0 of mentions may keep"
    return "1024" if any(part in name for part in ("bytes", "BYTES", "replicas")) else "here"


def test_every_trouble_of_an_engine_is_known_by_its_pattern() -> None:
    found = list(troubles())
    assert len(found) > 20
    assert [one for one in found if trouble_of(one[1]) is None and one[0] not in AT_THE_START] == []
    assert set(OF_POSTGRES.values()) <= set(ADVICE), "what PostgreSQL's errors advise"


TOLD: Final = (
    "the store /data/store.db cannot be used just now: database or disk is full",
    "the store db:5432/tocsin cannot be used just now: out of shared memory; it is out of memory",
    "no broker of the stream kafka://broker:9092 answers (KafkaTimeoutError)",
    "the stream /data/stream.db cannot be used just now: attempt to write a readonly database",
    "cannot use /data/store.db as a store: [Errno 13] Permission denied: '/data'; check the folder's rights and space",
    "half of the 1024 bytes that the stream may keep is unread: try again when processing caught up",
    "OSError: [Errno 28] No space left on device",
    "the story Lumo (volume) cannot be handled and waits: KeyError: 'x'",
    "2 stories cannot be handled and wait, such as Lumo (volume): KeyError: 'x'",
    "ada cannot be reached by webhook: the environment has no TOKEN",
    "alerts fails: the store /data/store.db cannot be used just now: database is locked",
)


@pytest.mark.parametrize("code", OTHERS)
def test_a_trouble_is_said_in_the_readers_language_and_others_words_are_marked(code: str) -> None:
    fmt = formatter(code)
    said = {told: str(fmt.trouble(told)) for told in TOLD}
    for told, shown in said.items():
        ours = told.partition(": ")[0].partition("/data")[0]
        assert shown != told and not shown.startswith(f'<span lang="en">{ours}'), shown
        for english in (
            "cannot be",
            "just now",
            "as a store",
            "Permission",
            "disk is full",
            "locked",
            "unread",
            "fails",
        ):
            assert english not in shown, (shown, english)
    assert '<span lang="en">out of shared memory</span>' in said[TOLD[1]]
    assert "KafkaTimeoutError" in said[TOLD[2]] and "OSError" in said[TOLD[6]]
    assert str(formatter("en").trouble(TOLD[6])) == TOLD[6]
    # What has no pattern stays as it came, and is no markup.
    assert fmt.trouble("<b>who knows</b>") == '<span lang="en">&lt;b&gt;who knows&lt;/b&gt;</span>'


def test_what_a_loop_keeps_of_an_error_that_nobody_expected_is_known() -> None:
    loop = WorkerLoop("a")

    def breaks() -> float:
        raise PermissionError(13, "Permission denied", "/data")

    loop.round(breaks)
    assert loop.trouble == "PermissionError: [Errno 13] Permission denied: '/data'"
    dutch = str(formatter("nl").trouble(loop.trouble))
    assert dutch == "een onverwachte fout, PermissionError: geen toestemming: &#39;/data&#39;"
    assert isinstance(trouble_of("database is locked"), Sentence)
