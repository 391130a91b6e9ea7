"""docs/architecture.md agrees with the code: tables, files, imports, and the parts that are not there yet."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, files, marked, prose, text
from tocsin.core import signal_kinds
from tocsin.core.errors import WrongInput
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store.opening import open_store
from tocsin.store.port import Store
from tocsin.store.schema import metadata
from tocsin.stream.opening import open_stream
from tocsin.stream.port import Consumer, Stream

PAGE = "docs/architecture.md"
STOREYS = ("tocsin", "ingest", "processors", "alerts", "api", "ops")


def tables_by_group() -> str:
    """The table of tables, made from the headings and definitions of `tocsin/store/schema.py`, in their order."""
    groups: dict[str, list[str]] = {}
    group = ""
    for line in text("tocsin/store/schema.py").splitlines():
        if heading := re.match(r"# -- (.+?) -+$", line):
            group = heading[1]
        elif table := re.match(r"(\w+) = _?[tT]able\(", line):
            groups.setdefault(group, []).append(table[1])
    assert sorted(chain.from_iterable(groups.values())) == sorted(metadata.tables)
    rows = [f"| {name} | {', '.join(f'`{table}`' for table in tables)} |" for name, tables in groups.items()]
    return "\n".join(["| group | tables |", "|---|---|", *rows]) + "\n"


def test_the_tables_of_the_store_are_those_of_the_schema() -> None:
    assert marked(PAGE, "tables") == tables_by_group()


def test_every_file_and_folder_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:tocsin|ingest|processors|alerts|api|ops|tests)/[\w/.]*)`", prose(PAGE)))
    assert len(named) > 30
    # This folder exists only in the wheel.
    assert {name for name in named if not (ROOT / name).exists()} == {"tocsin/_services/"}


def test_every_file_in_the_drawn_line_is_there() -> None:
    (drawn,) = re.findall(r"```\n( files, feeds.*?)```", text(PAGE), re.DOTALL)
    named = re.findall(r"\b((?:tocsin|ingest|processors|alerts|api|ops)/[\w/]+\.py)\b", drawn)
    assert len(named) > 12
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_place_where_something_is_registered_is_there() -> None:
    table = text(PAGE).split("## Adding to it")[1].split("\n## ")[0]
    rows = re.findall(r"^\| \w+ \| .*? \| (.*? in `[\w/.]+\.py`.*?) \|", table, re.MULTILINE)
    assert len(rows) >= 6
    for row in rows:
        names, _, rest = row.partition(" in `")
        source = text(rest.partition("`")[0])
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"\b{name}\b", source), (name, row)


@pytest.mark.parametrize("port", [Store, Stream, Consumer])
def test_every_method_of_a_port_is_named(port: type) -> None:
    section = text(PAGE).split("## Ports and engines")[1].split("\n## ")[0]
    methods = {
        name for name in vars(port) if not name.startswith("_") and name not in ("close", "url", "cluster")
    }
    assert len(methods) > 3
    assert {name for name in methods if f"`{name}`" not in section} == set()


def test_the_engines_that_the_page_names_are_those_that_a_wrong_one_is_refused_with(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="known: sqlite"):
        open_stream("pigeons://127.0.0.1:9092", tmp_path)
    with pytest.raises(WrongInput, match="known: sqlite, postgresql://"):
        open_store("oracle://127.0.0.1/tocsin", tmp_path)
    for engine in ("`tocsin/store/sqlite/engine.py`", "`tocsin/store/postgres/engine.py`"):
        assert engine in text(PAGE)


@pytest.mark.slow("parses every module")
def test_the_plugin_door_is_there_and_nothing_of_ours_goes_through_it() -> None:
    assert "tocsin.plugin" not in text(PAGE).split("## What is missing")[1]
    known = modules()
    through = {path for path in known.values() if "tocsin.plugin" in imported(path, known)}
    assert through == {"ops/plugins.py"}


def modules() -> dict[str, str]:
    """Every module of ours by its dotted name, with its file."""
    return {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
        for path in files()
        if path.endswith(".py") and path.split("/")[0] in STOREYS
    }


def imported(path: str, known: Collection[str]) -> set[str]:
    """The modules of ours that a file imports anywhere: at its top, inside a function, for the type checker alone."""
    found: set[str] = set()
    for module, names in imports(path):
        found |= {f"{module}.{name}" for name in names if f"{module}.{name}" in known} or {module}
    return {one for one in found if one in known}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement, however deep, without its expressions: those are nearly all of a tree, and no import stands in one."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(tree, name, ()):
            yield node
            yield from statements(node)


@cache
def imports(path: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a file imports anywhere: each module, with the names that it takes from it."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in statements(ast.parse(text(path))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.Import):
            found += [(alias.name, ()) for alias in node.names]
    return tuple(found)


@pytest.mark.slow("reads all code")
def test_no_module_imports_itself_in_a_circle() -> None:
    known = modules()
    graph = {name: imported(path, known) - {name} for name, path in known.items()}
    assert sum(map(len, graph.values())) > 500
    # This raises CycleError, which names the circle.
    TopologicalSorter(graph).prepare()


def at_the_start(path: str) -> set[str]:
    """The modules, ours and others, that a file imports when it is imported itself."""
    found: set[str] = set()
    for node in ast.parse(text(path)).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_the_process_of_tocsin_up_itself_loads_no_web_framework() -> None:
    """It waits for its children as long as Tocsin runs. The service alone needs what the service is made of."""
    known, loaded, ahead = modules(), set[str](), ["ops.commands.up", "ops.run.up"]
    while ahead:
        name = ahead.pop()
        if name not in loaded:
            loaded.add(name)
            ahead += at_the_start(known[name]) if name in known else []
    assert {"api.auth.sessions", "api.listening", "sqlalchemy"} <= loaded
    assert {name for name in loaded if name.split(".")[0] in {"fastapi", "starlette", "uvicorn"}} == set()
    assert "api.app" not in loaded


def test_the_ground_imports_nothing_above_it() -> None:
    known = modules()
    above = {
        name: sorted(one for one in imported(path, known) if not one.startswith("tocsin"))
        for name, path in known.items()
        # The door for outside packages gathers the ports of all storeys, and nothing of the ground imports it.
        if name.startswith("tocsin") and name != "tocsin.plugin"
    }
    assert {name: found for name, found in above.items() if found} == {}


def test_no_dialect_is_spoken_outside_the_store() -> None:
    """The differences between the engines stand in `tocsin/store`. No other code asks which engine it is."""
    asking = [
        path
        for path in modules().values()
        if not path.startswith("tocsin/store/")
        and re.search(
            r"\.dialect\b|sqlalchemy\.dialects|tocsin\.store\.(?:postgres|sqlite)\.(?!engine)", text(path)
        )
    ]
    assert asking == []


def test_no_code_asks_for_a_signal_by_its_name() -> None:
    """Only the register and a kind's own files name it. The auditor writes that a source is not heard: it detects that."""
    kinds = {one.kind for one in SIGNAL_KINDS}
    constants = {
        name for name, value in vars(signal_kinds).items() if name.isupper() and value in list(kinds)
    }
    assert len(constants) == len(kinds)
    asking = set()
    for path in modules().values():
        own = path.startswith("processors/signals/") or path == "tocsin/core/signal_kinds.py"
        if own or not ("signal_kinds" in text(path) or any(f'"{kind}"' in text(path) for kind in kinds)):
            continue
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.ImportFrom) and node.module == "tocsin.core.signal_kinds":
                asking |= {path for alias in node.names if alias.name in constants}
            elif isinstance(node, ast.Attribute) and node.attr in constants:
                asking |= {path} if ast.unparse(node.value) == "signal_kinds" else set()
            elif isinstance(node, ast.Compare) and "kind" in ast.unparse(node.left):
                # A silence is also what a person defines.
                named = {one.value for one in node.comparators if isinstance(one, ast.Constant)}
                asking |= {path} if named & (kinds - {"silence"}) else set()
    # The page leaves out the auditor's findings of this kind, which are no signals: the sources say it themselves.
    assert asking == {"alerts/auditor.py", "api/pages/models.py"}


def test_a_field_of_a_mention_is_named_in_few_places() -> None:
    """These places are the model, the table, the readers and the API's answer.

    Rows, exports, previews and back-tests follow the model. Connectors give the fields the values of their networks.
    """
    naming = sorted(
        path
        for path in modules().values()
        # Each connector says which words of its network are which field.
        if not path.startswith(("ops/demo/", "ingest/sources/")) and re.search(r"\bin_reply_to\b", text(path))
    )
    assert naming == [
        "api/routes/mentions.py",
        "tocsin/core/mention.py",
        "tocsin/reading/lines.py",
        "tocsin/reading/mention.py",
        "tocsin/store/schema.py",
    ]
