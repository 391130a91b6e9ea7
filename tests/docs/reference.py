"""The pages of the documentation that the code writes: `make reference` writes them anew."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer

from api.app import create_app
from api.auth.rules import API, SERVICE, AccessRule
from ops.program import build_app
from ops.runtime import open_runtime
from tests.docs.pages import ROOT
from tocsin.definitions.models import Role
from tocsin.settings import example_file, known_settings

# Options of nearly every command, which mean the same in each of them.
COMMON: Final = ("--config", "--data", "--store", "--stream")
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


def commands_page() -> str:
    """Every command with its options, as `--help` has them."""
    root: Any = typer.main.get_command(build_app())
    leaves = [(path, one) for path, one in commands_of(root) if not getattr(one, "commands", None)]
    lines = [
        "# Commands",
        "",
        "Every command with its arguments and options, in the words of `--help`; [operations](operations.md)",
        "explains when to use which. A command ends with 0 for done, 1 for a problem that it found, 2 for wrong use or input.",
        WRITTEN,
    ]
    lines += ["Before a command may stand:", "", *_table(root.params), ""]
    common = {one.opts[0]: one for _, command in leaves for one in command.params if _is_common(one)}
    lines += [
        "Most commands know some of these, and name them:",
        "",
        *_table([common[name] for name in COMMON]),
        "",
    ]
    for path, command in sorted(leaves):
        shown = " ".join(("tocsin", *path))
        required = (_given(one) for one in command.params if one.required and one.param_type_name == "option")
        arguments = (
            _given(one) if one.required or _given(one).startswith("[") else f"[{_given(one)}]"
            for one in command.params
            if one.param_type_name == "argument"
        )
        lines += [f"## {shown}", ""]
        for part in command.help.strip().split("\n\n"):
            lines += [_prose(part), ""]
        lines += ["```text", " ".join((shown, *required, *arguments)), "```", ""]
        lines += _parameters(command)
        example = [line.strip() for line in (command.epilog or "").splitlines()]
        lines += ["```text", *example, "```", ""] if example else []
    return "\n".join(lines).rstrip() + "\n"


def commands_of(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group below this one, with the words that call it."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands_of(inner, (*path, name))


def _is_common(parameter: Any) -> bool:
    return parameter.opts[0] in COMMON and parameter.default is None and not parameter.required


def _parameters(command: Any) -> list[str]:
    own = [one for one in command.params if not _is_common(one)]
    common = [f"`{one.opts[0]}`" for one in command.params if _is_common(one)]
    also = [f"It knows {', '.join(common)}.", ""] if common else []
    return [*_table(own), "", *also] if own else also


def _table(parameters: Iterable[Any]) -> list[str]:
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for one in parameters:
        default = (
            one.default if one.default not in (None, False, (), []) and not callable(one.default) else ""
        )
        lines.append(f"| `{_cell(_given(one))}` | {_default(str(default))} | {_cell(one.help or '')} |")
    return lines


def _given(parameter: Any) -> str:
    """How it is typed: `--name NAME`, `--yes`, or the argument's own name."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper() + ("..." if parameter.nargs == -1 else ""))
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {parameter.name.upper().strip('_')}"


def _prose(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def pages(description: Mapping[str, Any]) -> dict[str, Callable[[], str]]:
    """The pages that the code writes, by name."""
    return {
        "docs/settings.md": settings_page,
        "docs/commands.md": commands_page,
        "docs/routes.md": lambda: routes_page(description),
    }


def _description() -> Mapping[str, Any]:
    """What a running Tocsin says of its own routes."""
    with tempfile.TemporaryDirectory() as folder, open_runtime(data=Path(folder), durable=False) as runtime:
        described: Mapping[str, Any] = create_app(runtime).openapi()
        return described


if __name__ == "__main__":
    for name, make in pages(_description()).items():
        (ROOT / name).write_text(make(), encoding="utf-8")
