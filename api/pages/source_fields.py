"""The form of a source, made of the typed settings of its kind: one field for each, and back to settings.

Names and hints are the connector's own, in English: connectors come from many hands, also from plugins. The page shows the
hints of Tocsin's own, and what their settings are called (`api.pages.source_labels`), in the reader's language.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

PREFIX: Final = "s."
"""Before the names of the settings in the form, so that none is mistaken for a field of its own."""

Widget = Literal["text", "number", "checkbox", "select", "lines", "json", "secret"]
REFERRING: Final = "^(env|file):."
"""The pattern by which a setting says that it refers to a secret (`ingest.sources.places.Secret`)."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. `value` is what stands in it; of a secret only a reference that a person typed ever does."""

    name: str
    widget: Widget
    value: str
    hint: str
    required: bool
    choices: tuple[str, ...] = ()


def fields_of(model: type[BaseModel], typed: Mapping[str, str] | None = None) -> list[FormField]:
    """The fields of the form. Fields that must be filled in come first. `typed` is what a person has written already."""
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    found = []
    for name, of in schema.get("properties", {}).items():
        plain = _plain(of, schema.get("$defs", {}))
        widget = _widget(plain)
        default = _written(of.get("default"), widget)
        value = default if typed is None else typed.get(PREFIX + name, "")
        hint = str(of.get("description", ""))
        choices = tuple(str(one) for one in plain.get("enum", ()))
        found.append(FormField(name, widget, value, hint, name in required, choices))
    return sorted(found, key=lambda one: not one.required)


def typed_of(model: type[BaseModel], settings: Mapping[str, Any]) -> dict[str, str]:
    """The texts that a person would type into the form to get these settings."""
    return {
        PREFIX + one.name: _written(settings[one.name], one.widget) if one.name in settings else one.value
        for one in fields_of(model)
    }


def settings_from(model: type[BaseModel], typed: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the form describes. An empty field is a setting that is left out, and a text that is no JSON a text."""
    settings: dict[str, Any] = {}
    for one in fields_of(model, typed):
        text = one.value.strip()
        if one.widget == "checkbox":
            settings[one.name] = text == "1"
        elif text and one.widget == "lines":
            settings[one.name] = _lines(text)
        elif text:
            settings[one.name] = _json(text) if one.widget == "json" else text
    return settings


def secrets_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The settings that refer to a secret, by name."""
    return tuple(one.name for one in fields_of(model) if one.widget == "secret")


def _plain(of: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a setting without its null, its reference and its only choice."""
    choices = [one for one in of.get("anyOf", ()) if one.get("type") != "null"]
    if len(choices) == 1:
        return _plain(choices[0], definitions)
    reference = str(of.get("$ref", "")).rpartition("/")[2]
    if reference in definitions:
        return _plain(definitions[reference], definitions)
    if "const" in of:
        return {"enum": [of["const"]]}
    return of


def _widget(plain: Mapping[str, Any]) -> Widget:
    if "enum" in plain:
        return "select"
    kind = plain.get("type")
    if plain.get("pattern") == REFERRING:
        return "secret"
    if kind == "array":
        items = plain.get("items", {})
        return (
            "lines" if isinstance(items, Mapping) and items.get("type") in ("string", "integer") else "json"
        )
    table: Mapping[Any, Widget] = {
        "boolean": "checkbox",
        "integer": "number",
        "number": "number",
        "string": "text",
    }
    return table.get(kind, "json")


def _written(value: Any, widget: Widget) -> str:
    """A default as it stands in the form."""
    if value is None:
        return ""
    if widget == "checkbox":
        return "1" if value else ""
    if widget == "lines" and isinstance(value, Sequence):
        return "\n".join(str(one) for one in value)
    return json.dumps(value, ensure_ascii=False) if widget == "json" else str(value)


def _lines(text: str) -> list[str]:
    return [line for one in text.splitlines() if (line := one.strip())]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
