"""Definitions as the YAML file that `tocsin apply` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml
from sqlalchemy import Connection

from ops.transfer.apply import SECTIONS
from tocsin.definitions.models import Definition
from tocsin.definitions.repository import listed

WIDEST: Final = 120


def stored_sections(conn: Connection) -> dict[str, list[Definition]]:
    """Every definition in the store, by section, the sections in the order in which they are applied."""
    return {name: [one.value for one in listed(conn, model)] for name, model in SECTIONS.items()}


def written(sections: Mapping[str, Sequence[Definition]]) -> str:
    """The file with these definitions. Fields at their defaults are left out. Secrets stand as what names them.

    Applying the file where these definitions are changes nothing.
    """
    document = {name: [_plain(one) for one in values] for name, values in sections.items() if values}
    if not document:
        return ""
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=WIDEST)


def _plain(one: Definition) -> dict[str, Any]:
    # A source's and a channel's own settings are extra fields: they have no defaults, and all of them are written.
    return {"name": one.name} | one.model_dump(mode="json", exclude_defaults=True)
