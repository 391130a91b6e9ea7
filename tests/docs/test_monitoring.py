"""The Grafana dashboard and the Prometheus rules ask for metrics and labels that a scrape has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from api.metrics import _FAMILIES, NAMES, Metrics, _one
from tests.docs.pages import text
from tests.stores import embedded_at

DASHBOARD, RULES = "deploy/grafana/tocsin.json", "deploy/prometheus/tocsin.rules.yml"
FUNCTIONS = "sum count min max rate increase absent vector histogram_quantile"
WORDS = frozenset(f"{FUNCTIONS} by without or on and unless".split())
NAME = re.compile(r"(?<![\w$\"])[a-zA-Z_]\w*(?![\w\"])")
STRING = re.compile(r'"[^"]*"')
SPAN = re.compile(r"\[[^\]]*\]")
LISTED = re.compile(r"\b(?:by|without|on)\s*\(([^)]*)\)")
CHOSEN = re.compile(r"(\w+)\s*\{([^}]*)\}")
SUFFIXES = {"summary": ("_sum", "_count"), "histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    """Every series that a scrape may have, with its labels."""
    store, counted = embedded_at(tmp_path_factory.mktemp("scrape") / "store.db"), Metrics()
    counted.request("GET", "/", 200, 0.1)
    counted.pushed(1, 1)
    with store.read() as conn:
        families = [family for make in _FAMILIES for family in make(conn, datetime(2031, 3, 5, tzinfo=UTC))]
    store.close()
    families += [
        _one(name, 0) for name in ("tocsin_store_up", "tocsin_stream_up", "tocsin_stream_lag_records")
    ]
    families += list(counted._registry.collect())
    found: dict[str, frozenset[str]] = {}
    for family in families:
        own = set(getattr(family, "_labelnames", ())) | {
            name for one in family.samples for name in one.labels
        }
        for suffix in SUFFIXES.get(family.type, ("",)):
            found[family.name + suffix] = frozenset(own)
    return found


def _asked() -> Iterator[tuple[str, str]]:
    dashboard = json.loads(text(DASHBOARD))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"], target["legendFormat"]
    for one in dashboard["annotations"]["list"]:
        yield one["expr"], one["titleFormat"]
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            metric, label = re.findall(r"\((\w+), (\w+)\)", one["definition"])[0]
            yield f"sum by ({label}) ({metric})", ""
    for rule in rules():
        yield rule["expr"], json.dumps(rule["annotations"])


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(text(RULES))["groups"]
    return list(group["rules"])


@pytest.mark.parametrize(("query", "said"), sorted(set(_asked())))
def test_every_query_asks_for_series_and_labels_that_there_are(
    query: str, said: str, labels: dict[str, frozenset[str]]
) -> None:
    listed = {name.strip() for names in LISTED.findall(query) for name in names.split(",")}
    bare = STRING.sub("", SPAN.sub("", LISTED.sub("", query)))
    series = set(NAME.findall(re.sub(r"\{[^}]*\}", "", bare))) - WORDS
    assert series and series <= set(labels), series - set(labels)
    known = frozenset.union(*(labels[name] for name in series))
    assert listed <= known, listed - known
    for name, choices in CHOSEN.findall(STRING.sub('""', query)):
        assert set(re.findall(r"(\w+)\s*[=!]", choices)) <= labels[name], name
    shown = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", said))
    assert shown <= (listed or known), shown


def test_every_metric_is_on_the_dashboard_and_every_rule_says_what_to_do() -> None:
    asked = " ".join(query for query, _ in _asked())
    assert [name for name in NAMES if name not in asked] == []
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert (
            set(rule["annotations"]) == {"summary", "description"}
            and rule["for"]
            and rule["labels"]["severity"]
        )
    page = text("docs/operations.md")
    assert DASHBOARD in page and RULES in page
