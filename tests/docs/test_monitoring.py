"""The Grafana dashboard and the Prometheus rules ask for metrics and labels that a scrape has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Metric, generate_latest
from sqlalchemy import insert

from api.metrics import _FAMILIES, NAMES, Metrics, _one
from tests.browser.night import NOW
from tests.browser.seed import fill
from tests.docs.pages import ROOT, text
from tests.stores import embedded_at, filled_at
from tocsin.core.clock import minute_of
from tocsin.store import schema as s

DASHBOARD, RULES = "deploy/grafana/tocsin.json", "deploy/prometheus/tocsin.rules.yml"
UNIT_TESTS = "deploy/prometheus/tocsin.rules.test.yml"
PROMTOOL = shutil.which("promtool")
WITH_PROMTOOL = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not here (apt-get install prometheus)"
)
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


@pytest.mark.live
@WITH_PROMTOOL
def test_promtool_takes_the_rules_the_queries_and_a_scrape(tmp_path: Path) -> None:
    """Prometheus' own tool parses what is shipped: the rules as they are, each query of the dashboard as a rule, and a scrape."""
    queries = _queries()
    asked = [{"record": f"dashboard:{n}", "expr": query} for n, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": asked}]}))
    files = [str(ROOT / RULES), str(tmp_path / "queries.yml")]
    checked = _promtool("check", "rules", *files)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(asked)} rules found" in checked.stdout
    told = _scraped(tmp_path)
    linted = _promtool("check", "metrics", given=generate_latest(_Told(told)).decode())
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.live
@WITH_PROMTOOL
def test_each_rule_fires_in_trouble_and_in_trouble_alone() -> None:
    done = _promtool("test", "rules", str(ROOT / UNIT_TESTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [one for test in yaml.safe_load(text(UNIT_TESTS))["tests"] for one in test["alert_rule_test"]]
    for fires in (True, False):
        assert {one["alertname"] for one in cases if bool(one["exp_alerts"]) is fires} == {
            rule["alert"] for rule in rules()
        }


@pytest.mark.live
@WITH_PROMTOOL
def test_each_query_of_the_dashboard_finds_something_in_a_scrape(tmp_path: Path) -> None:
    """The series of a scrape stand for an hour in Prometheus' own engine, which then answers each query."""
    series = [
        {"series": f"{one.name}{_labelled(one.labels)}", "values": f"{one.value:g}+1x60"}
        for family in _scraped(tmp_path)
        for one in family.samples
        if not one.name.endswith("_created")
    ]
    answered = [
        {
            "expr": f"clamp_max(count({query}), 1)",
            "eval_time": "1h",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for query in _queries(dashboard=True)
    ]
    asked = {
        "rule_files": [],
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": answered}],
    }
    (tmp_path / "asked.yml").write_text(yaml.safe_dump(asked))
    done = _promtool("test", "rules", str(tmp_path / "asked.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def _queries(*, dashboard: bool = False) -> list[str]:
    """What is asked, with what Grafana fills in before it asks: an interval, and everything where one may choose."""
    shipped = {rule["expr"] for rule in rules()} if dashboard else set()
    filled = {re.sub(r"\$__\w+", "5m", query) for query, _ in _asked() if query not in shipped}
    return sorted({re.sub(r"\$\w+", ".*", query) for query in filled})


def _promtool(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run(
        [PROMTOOL, *words], input=given, capture_output=True, text=True, timeout=60, check=False
    )


def _scraped(folder: Path) -> list[Metric]:
    """What a scrape of a night with a crisis has: a page answered, mentions pushed, mail that fails, anger in the last hour."""
    store, counted = filled_at(folder / "night.db", "a night", fill), Metrics()
    anger = {"dimension": "emotion", "value": "anger", "count": 3, "negative": 3}
    at = {"monitor_id": "m_orvane", "minute": minute_of(NOW), "partition": 0}
    with store.write() as conn:
        conn.execute(insert(s.tally_parts), {**at, **anger})
    counted.request("GET", "/", 200, 0.1)
    counted.pushed(1, 1)
    with store.read() as conn:
        families = [family for make in _FAMILIES for family in make(conn, NOW)]
    store.close()
    up = [_one(name, 1) for name in ("tocsin_store_up", "tocsin_stream_up", "tocsin_stream_lag_records")]
    return [*families, *up, *counted._registry.collect()]


def _labelled(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


class _Told(CollectorRegistry):
    """Families that were collected already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__()
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


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
