"""Settings as people read them: each with its meaning, its value without secrets, and an example file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tocsin.settings.sections import Section, Settings


def known_settings() -> dict[str, tuple[str, Any]]:
    """Every setting as `section.name`, with its description and default."""
    known: dict[str, tuple[str, Any]] = {}
    for name, info in Settings.model_fields.items():
        default = info.get_default(call_default_factory=True)
        if isinstance(default, Section):
            for inner, field in type(default).model_fields.items():
                known[f"{name}.{inner}"] = (field.description or "", field.get_default())
        else:
            known[name] = (info.description or "", default)
    return known


def masked(key: str, value: Any) -> Any:
    """The value of a setting as it may be shown: without a secret, and without the password in a URL."""
    section, _, name = key.rpartition(".")
    if section:
        extra = type(Settings.model_fields[section].default).model_fields[name].json_schema_extra
        if value and isinstance(extra, dict) and extra.get("secret"):
            return "(set)"
    if not isinstance(value, str):
        return value
    value = re.sub(r"^(\w+://[^:/@]*):.*@", r"\1:(set)@", value)
    return re.sub(r"([?&]\w*pass\w*=)[^&]*", r"\1(set)", value)


def example_file() -> str:
    """A TOML file that explains every setting and sets none: each line is a default, commented out."""
    lines = [
        "# Settings of Tocsin. Every line is a default; take the # away to change it.",
        "# They are read at the start: after a change, start Tocsin again.",
        "",
    ]
    section = None
    for key, (description, default) in known_settings().items():
        head, _, name = key.rpartition(".")
        if head != (section or ""):
            section = head
            lines += ["", f"[{head}]"]
        lines += [f"# {description}", f"# {name} = {_toml(default)}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if value is None:
        return '"..."  # unset'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    if isinstance(value, Path):
        return '"..."  # the platform\'s folder for user data'
    return f'"{value}"'
