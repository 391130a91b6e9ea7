"""Names in the texts of settings stand between backticks, for the command line and the docs: the page shows them as code."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from api.pages.formatting import Formatter
from api.pages.i18n import Languages
from api.pages.source_fields import fields_of
from ingest.kinds import KINDS
from tests.api.visits import night as night
from tests.api.visits import page, signed_in
from tests.browser.night import NOW
from tests.browser.served import SeededApp
from tocsin.definitions.source_kinds import SOURCE_KINDS

FORMATTERS = {code: Formatter(Languages()[code], ZoneInfo("UTC"), NOW) for code in Languages().codes}


def test_a_name_between_backticks_is_code_and_all_else_stays_as_it_is() -> None:
    fmt = FORMATTERS["en"]
    assert fmt.coded("`url` and `<b>`") == "<code>url</code> and <code>&lt;b&gt;</code>"
    assert fmt.coded("**a** [b](c) ``d` <i>`e</i>") == ("**a** [b](c) `<code>d</code> &lt;i&gt;`e&lt;/i&gt;")
    assert [fmt.coded(one) for one in ("one ` alone", "`two\nlines`")] == ["one ` alone", "`two\nlines`"]
    assert FORMATTERS["nl"].hint("How many `<frogs>`.") == (
        '<span lang="en">How many <code>&lt;frogs&gt;</code>.</span>'
    )


@pytest.mark.parametrize("language", sorted(FORMATTERS))
def test_no_hint_of_a_source_shows_a_backtick(language: str) -> None:
    fmt = FORMATTERS[language]
    hints = [field.hint for model, _ in KINDS.values() for field in fields_of(model)]
    hints += [text for kind in SOURCE_KINDS.values() for text in (kind.price, kind.limit)]
    named = [text for text in hints if "`" in text]
    assert len(named) >= 3
    assert [text for text in named if "`" in fmt.hint(text) or "<code>" not in fmt.hint(text)] == []


def test_the_form_of_a_source_shows_names_as_code(night: SeededApp) -> None:
    client = signed_in(night, "p_root")
    for where, shown in (
        ("/sources/new?kind=x", "ask for; <code>query</code> then narrows it."),
        ("/sources/new?kind=imap", "token: <code>password</code> is an access token"),
        ("/sources/new", "needs the extra <code>news</code>"),
    ):
        found = page(client, where)
        assert shown in found and "`" not in found.split("<main")[1]
