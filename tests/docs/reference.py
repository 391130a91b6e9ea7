"""The pages of the documentation that the code writes: `make reference` writes them anew."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from api.app import create_app
from api.auth.rules import API, SERVICE, AccessRule
from ops.runtime import open_runtime
from tests.docs.pages import ROOT
from tocsin.definitions.models import Role
from tocsin.settings import example_file, known_settings

WRITTEN: Final = "`make reference` writes this page, and a test compares it with the code.\n"


def settings_page() -> str:
    """Every setting, with its meaning, default and variable."""
    defaults = dict(_defaults())
    lines = [
        "# Settings",
        "",
        "Each setting stands in a file (`--config FILE` or `TOCSIN_CONFIG`) or in its variable, which wins.",
        "Settings are read at the start.",
        WRITTEN,
    ]
    lines += ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for key, (description, _) in known_settings().items():
        variable = "TOCSIN_" + key.upper().replace(".", "__")
        lines.append(f"| `{key}` | `{variable}` | {_default(defaults[key])} | {_cell(description)} |")
    return "\n".join(lines) + "\n"


def _defaults() -> list[tuple[str, str]]:
    section, found = "", []
    for line in example_file().splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif line.startswith("# ") and " = " in line and line[2:].partition(" = ")[0].isidentifier():
            name, _, value = line[2:].partition(" = ")
            found.append((section + name, "" if value.startswith('"..."') else value))
    return found


def _default(value: str) -> str:
    return f"`{_cell(value)}`" if value else ""


def routes_page(description: Mapping[str, Any]) -> str:
    """Every route of the API, with what it does and who may; `description` is the OpenAPI description."""
    lines = [
        "# Routes",
        "",
        "Every route outside the page, what it does and who may. [api](api.md) explains them,",
        "and `/docs` of a running Tocsin has each field.",
        WRITTEN,
    ]
    lines += ["| route | does | who may | scope of a key |", "|---|---|---|---|"]
    for (method, path), rule in sorted((API | SERVICE).items(), key=lambda one: (one[0][1], one[0][0])):
        told = description["paths"].get(path, {}).get(method.lower(), {})
        lines.append(
            f"| `{method} {path}` | {_cell(told.get('summary', ''))} | {_who(rule)} | {_scope(rule)} |"
        )
    return "\n".join(lines) + "\n"


def _who(rule: AccessRule) -> str:
    if rule.anonymous == "allowed":
        return "anybody"
    named = (
        "every role" if rule.roles == frozenset(Role) else ", ".join(sorted(one.value for one in rule.roles))
    )
    return named + ("; anybody on this machine" if rule.anonymous == "loopback" else "")


def _scope(rule: AccessRule) -> str:
    return "" if rule.anonymous == "allowed" else rule.scope


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def pages(description: Mapping[str, Any]) -> dict[str, Callable[[], str]]:
    """The pages that the code writes, by name."""
    return {"docs/settings.md": settings_page, "docs/routes.md": lambda: routes_page(description)}


def _description() -> Mapping[str, Any]:
    """What a running Tocsin says of its own routes."""
    with tempfile.TemporaryDirectory() as folder, open_runtime(data=Path(folder), durable=False) as runtime:
        described: Mapping[str, Any] = create_app(runtime).openapi()
        return described


if __name__ == "__main__":
    for name, make in pages(_description()).items():
        (ROOT / name).write_text(make(), encoding="utf-8")
