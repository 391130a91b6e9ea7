"""Every table has an owner, the one package whose code names it. Other code asks the owner. Code that does not yet is a debt.

`tocsin/store` holds the tables and may name all of them. A debt is a mention of a table (`s.alerts`, `dead_letters`) in a file
outside the table's owner. The list may only shrink: a paid debt must leave it, and no debt may be added or grow.
"""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache

import pytest

from tests.docs.pages import files, text
from tocsin.store.schema import metadata

STOREYS = ("tocsin", "ingest", "processors", "alerts", "api", "ops")

OWNERS = {
    "acceptances": "processors",
    "action_tokens": "tocsin.access",
    "alert_events": "alerts",
    "alert_timeline": "alerts",
    "alerts": "alerts",
    "amendments": "processors",
    "api_keys": "api",
    "audit": "tocsin.store",
    "backtests": "api",
    "barriers": "processors",
    "batches": "tocsin.intake",
    "brand_models": "processors",
    "contact_proofs": "alerts",
    "corrections": "processors",
    "dead_letters": "tocsin.intake",
    "definition_versions": "tocsin.definitions",
    "definitions": "tocsin.definitions",
    "detector_state": "processors",
    "erasures": "api",
    "escalation_entries": "alerts",
    "escalations": "alerts",
    "gaps": "tocsin.store",
    "health": "tocsin.health",
    "host_budgets": "ingest",
    "idempotency": "api",
    "imports": "api",
    "leases": "ingest",
    "matches": "processors",
    "mention_versions": "processors",
    "mentions": "processors",
    "meta": "tocsin.store",
    "notices": "alerts",
    "offsets": "tocsin.store",
    "passkey_challenges": "api",
    "passkeys": "api",
    "readings": "processors",
    "receipts": "alerts",
    "removals": "tocsin.intake",
    "retention_runs": "processors",
    "samples": "processors",
    "second_opinions": "api",
    "seen": "processors",
    "sessions": "api",
    "signals": "alerts",
    "signin_links": "tocsin.access",
    "source_gaps": "tocsin.health",
    "source_state": "ingest",
    "tallies": "processors",
    "tally_parts": "processors",
    "verdicts": "alerts",
}

# For each file, the tables that it names without owning them, and how often.
DEBTS: dict[str, dict[str, int]] = {
    # Health stands beside the definitions, and neither may import the other. The rule of silence needs each source as it was
    # defined and when it ended, in one statement for all of them.
    "tocsin/health/sources.py": {"definitions": 1},
    # Intake may not import the API, which owns the keys. A letter is read again as it first was: under the one source to which
    # its push key is bound.
    "tocsin/intake/redeliver.py": {"api_keys": 1},
}


def owned(path: str, table: str) -> bool:
    """Whether the file belongs to the table's owner, or to the store itself."""
    module = path.removesuffix(".py").replace("/", ".")
    return any(module.startswith(f"{package}.") for package in ("tocsin.store", OWNERS[table]))


@cache
def spoken_of(path: str) -> Counter[str]:
    """How often the file names each table: as `s.TABLE` of the schema, or by the table's name imported from it."""
    if "tocsin.store" not in text(path):
        # Nothing of the schema is imported, so the file need not be parsed.
        return Counter()
    tree = ast.parse(text(path))
    schemas: set[str] = set()
    tables: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "tocsin.store":
            schemas |= {alias.asname or alias.name for alias in node.names if alias.name == "schema"}
        if isinstance(node, ast.ImportFrom) and node.module == "tocsin.store.schema":
            tables |= {alias.asname or alias.name: alias.name for alias in node.names}
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in schemas:
            found[node.attr.replace("mention_columns", "mentions")] += 1
        elif isinstance(node, ast.Name) and node.id in tables:
            found[tables[node.id]] += 1
    return Counter({name: count for name, count in found.items() if name in metadata.tables})


def debts() -> dict[str, dict[str, int]]:
    """The present debts, by file and table."""
    found = {}
    for path in sorted(files()):
        if path.endswith(".py") and path.split("/")[0] in STOREYS:
            foreign = {name: count for name, count in spoken_of(path).items() if not owned(path, name)}
            if foreign:
                found[path] = dict(sorted(foreign.items()))
    return found


def test_every_table_has_an_owner() -> None:
    assert sorted(OWNERS) == sorted(metadata.tables)


@pytest.mark.parametrize("table", sorted(OWNERS))
def test_the_owner_speaks_of_its_table(table: str) -> None:
    """An owner that never names its table would make every statement on it a debt."""
    folder = OWNERS[table].replace(".", "/") + "/"
    if folder != "tocsin/store/":
        assert any(
            spoken_of(path)[table] for path in files() if path.startswith(folder) and path.endswith(".py")
        )


def test_no_debt_was_added_and_what_was_paid_left_the_list() -> None:
    found = debts()
    grown = {
        f"{path}: {table}": f"{DEBTS.get(path, {}).get(table, 0)} -> {count}"
        for path, tables in found.items()
        for table, count in tables.items()
        if count > DEBTS.get(path, {}).get(table, 0)
    }
    assert grown == {}, "ask the owner of the table (OWNERS) instead, or give it a function for this"
    paid = {
        f"{path}: {table}": f"{count} -> {found.get(path, {}).get(table, 0)}"
        for path, tables in DEBTS.items()
        for table, count in tables.items()
        if count > found.get(path, {}).get(table, 0)
    }
    assert paid == {}, "well done: write the smaller number into DEBTS"
