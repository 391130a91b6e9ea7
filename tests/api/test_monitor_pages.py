"""The form of a monitor: its query, its trial, and two who edit it."""

from __future__ import annotations

import re
from html import unescape

from tests.api.visits import (
    CSRF,
    Visitor,
    everything,
    page,
    send,
    signed_in,
)
from tests.api.visits import night as night
from tests.browser.served import SeededApp
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find


def test_a_wrong_query_is_pointed_at_and_nothing_typed_is_lost(night: SeededApp) -> None:
    client = signed_in(night)
    token = CSRF.search(page(client, "/monitors/new"))
    assert token
    form = {
        "csrf": token[1],
        "name": "Café <Ürün>",
        "query": 'orvane OR "baby',
        "languages": "tr, ro",
        "timezone": "Mars/Base",
        "policy": "default",
        "false_alerts_per_week": "0,5",
        "influential_followers": "many",
        "tier1": "",
        "enabled": "1",
    }
    status, shown = send(client, "/monitors/new", form)
    assert status == 422 and "never closed" in shown and re.search(r"<pre[^>]*>.*\n +\^</pre>", shown)
    assert "unknown time zone" in unescape(shown) and "a whole number is needed" in shown
    assert 'value="Café &lt;Ürün&gt;"' in shown and 'value="tr, ro"' in shown
    form |= {"query": "orvane OR café", "timezone": "Europe/Istanbul", "influential_followers": "5000"}
    status, shown = send(client, "/monitors/new", form)
    assert status == 303 and "Saved." in shown and "Café" in shown and "0.5" in shown
    assert send(client, "/monitors/new", form)[0] == 409


def test_a_query_can_be_tried_before_it_is_saved(night: SeededApp) -> None:
    client = signed_in(night)
    token = CSRF.search(page(client, "/monitors/new"))
    assert token
    before = everything(night)
    form = {"csrf": token[1], "name": "", "query": "plastic OR plastik", "languages": "nl", "try": "1"}
    status, shown = send(client, "/monitors/new", form)
    assert (
        status == 200
        and "What it would hear" in shown
        and 'verbrand <mark class="hit">plastic</mark>' in shown
        and "Kuzey" not in shown
    )
    assert (
        '<mark class="hit">plastic</mark>' in shown and '<ul class="warnings" id="warnings" hidden>' in shown
    )
    warned = send(client, "/monitors/new", {**form, "query": "<b> plastic or\nplastik"})[1]
    assert "the operator is written OR." in unescape(warned) and 'aria-describedby="warnings"' in warned
    assert "Line 1, column 13:" in warned
    assert '<code dir="auto">&lt;b&gt; plastic <mark class="hit">or</mark>\nplastik</code>' in warned
    assert everything(night) == before
    assert send(client, "/monitors/new", {**form, "query": "NOT x"})[0] == 422


def test_two_who_edit_one_monitor_do_not_overwrite_each_other(night: SeededApp) -> None:
    def filled(client: Visitor, **change: str) -> dict[str, str]:
        shown = page(client, "/monitors/m_lidra/edit")
        fields = {
            name: unescape(value)
            for name, value in re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', shown)
        }
        query = re.search(r"<textarea[^>]*>([^<]*)</textarea>", shown)
        assert query
        return {**fields, "query": unescape(query[1]), "policy": "default", **change}

    ada, robin = signed_in(night), signed_in(night, "p_root")
    slow = filled(ada, query="lidra OR lidrawater")
    assert send(robin, "/monitors/m_lidra", filled(robin, tier1="kuzeyhaber.example"))[0] == 303
    status, shown = send(ada, "/monitors/m_lidra", slow)
    assert status == 409 and "lidra OR lidrawater" in shown and "Robin Admin changed it at" in shown
    proposed = dict(re.findall(r'name="take\.(\w+)" value="(\w+)" required checked', shown))
    assert proposed == {"tier1": "theirs", "query": "mine"}
    version = re.search(r'name="version" value="(\d+)"', shown)[1]  # type: ignore[index]
    chosen = {"version": version, "read_at": slow["version"]} | {
        f"take.{field}": side for field, side in proposed.items()
    }
    assert send(ada, "/monitors/m_lidra", {**slow, **chosen})[0] == 303
    with night.store.read() as conn:
        both = find(conn, Monitor, "m_lidra").value
    assert (both.query, both.tier1) == ("lidra OR lidrawater", ("kuzeyhaber.example",))


def test_a_fault_of_a_list_names_the_part_that_is_wrong(night: SeededApp) -> None:
    client = signed_in(night)
    token = CSRF.search(page(client, "/monitors/new"))
    assert token
    form = {
        "csrf": token[1],
        "name": "lamp",
        "query": "lamp",
        "countries": "NL, Holland",
        "languages": "nl, Dutch",
    }
    status, shown = send(client, "/monitors/new", form)
    assert status == 422 and "'HOLLAND' is no country in two capital letters" in unescape(shown)
    assert "'Dutch' is no language; write its code, such as en or pt-BR" in unescape(shown)
