"""Every registered component is on its page: sources, signals, scorers, notifiers, suppressions, routes, metrics, roles."""

from __future__ import annotations

import ast
import re

import pytest

from alerts.notifiers.registry import KINDS as NOTIFIERS
from alerts.suppression.order import ORDER
from api.auth.rules import API, PAGES, SERVICE
from api.metrics import NAMES
from ingest.kinds import KINDS as SOURCES
from ops.run.roles import ROLES
from processors.understand import default_scorers
from tests.docs.pages import files, text
from tocsin.core.signal_kinds import SIGNAL_KINDS


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_source_has_its_section(kind: str) -> None:
    assert f"\n### {kind}\n" in text("docs/sources.md")


@pytest.mark.parametrize("kind", [one.kind for one in SIGNAL_KINDS.judged])
def test_every_signal_has_its_section(kind: str) -> None:
    assert f"\n## {kind.capitalize()}\n" in text("docs/detection.md")


@pytest.mark.parametrize("model", [scorer.model for scorer in default_scorers()])
def test_every_scorer_and_its_model_are_named(model: str) -> None:
    assert f"`{model}`" in text("docs/understanding.md") + text("docs/languages.md")


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_every_notifier_is_named(kind: str) -> None:
    assert re.search(rf"\b{kind}\b", text("docs/alerting.md"))


@pytest.mark.parametrize("name", [judge.__name__ for judge in ORDER])
def test_every_suppression_is_named(name: str) -> None:
    assert f"| {name} |" in text("docs/alerting.md")


@pytest.mark.parametrize("path", sorted({path for _, path in API}))
def test_every_part_of_every_route_is_named(path: str) -> None:
    page = text("docs/api.md")
    words = [part for part in path.split("/") if part and part != "v1" and not part.startswith("{")]
    missing = [
        word for word in words if not re.search(rf"\b{word.replace('-', '[ -]')}\b", page, re.IGNORECASE)
    ]
    assert missing == []


@pytest.mark.parametrize("path", sorted({path for _, path in SERVICE}))
def test_every_route_outside_v1_is_named(path: str) -> None:
    assert f"`{path}`" in text("docs/api.md")


@pytest.mark.parametrize(
    "path", sorted({path for method, path in PAGES if method == "GET" and path != "/static"})
)
def test_every_address_of_the_page_is_named(path: str) -> None:
    assert f"`{path}`" in text("docs/page.md")


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_is_explained(name: str) -> None:
    assert f"| `{name}` | {NAMES[name]} |" in text("docs/api.md")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_of_a_process_is_in_the_architecture(role: str) -> None:
    table = text("docs/architecture.md").split("## Processes and roles")[1].split("\n## ")[0]
    assert re.search(rf"\b{role}\b", table)


def test_the_registers_that_this_file_walks_are_not_empty() -> None:
    assert all(map(len, (SOURCES, SIGNAL_KINDS.judged, NOTIFIERS, ORDER, API, SERVICE, PAGES, NAMES, ROLES)))


def _asked_by_name(module: str) -> list[str]:
    """The places where a module compares a `kind` with the name of a registered signal, source or notifier."""
    names = {one.kind for one in SIGNAL_KINDS} | set(SOURCES) | set(NOTIFIERS)
    said = text(module)
    if not (re.search(r"\bVOLUME\b|\bNEGATIVITY\b", said) or any(f'"{name}"' in said for name in names)):
        # No name stands in it, so the file need not be parsed.
        return []
    found = []
    for node in ast.walk(ast.parse(said)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            of_a_kind = any(re.search(r"\bkind\b", ast.unparse(side)) for side in sides)
            constants = [
                one.value for side in sides for one in ast.walk(side) if isinstance(one, ast.Constant)
            ]
            if of_a_kind and names.intersection(value for value in constants if isinstance(value, str)):
                found.append(f"{module}:{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Name) and node.id in ("VOLUME", "NEGATIVITY"):
            found.append(f"{module}:{node.lineno}: {node.id}")
    return found


@pytest.mark.slow("reads all code")
def test_no_code_asks_for_a_signal_a_source_or_a_notifier_by_its_name() -> None:
    """Their entries say by traits what other code must know, so a new one is one file and one line."""
    own = ("tocsin/", "ingest/", "processors/", "alerts/", "api/", "ops/")
    code = [name for name in files() if name.endswith(".py") and name.startswith(own)]
    assert [
        line for name in code if name != "tocsin/core/signal_kinds.py" for line in _asked_by_name(name)
    ] == []
