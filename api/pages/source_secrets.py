"""Secrets that are typed into the form of a source: written to a file, named by the definition, and in no page again.

A secret that was typed stays as long as no other setting of its source changes, as one that was defined on the machine does
(`tocsin.definitions.folders`): with another address it would be sent elsewhere, so it must be typed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from api.kept_secrets import is_kept
from api.pages.source_fields import PREFIX, secrets_of
from api.source_secrets import STANDS_IN
from tocsin.definitions.models import SourceDef
from tocsin.settings import Settings
from tocsin.settings.secrets import REFERENCES

FORGET: Final = "forget."


@dataclass(frozen=True, slots=True)
class TypedSecrets:
    """The form without the secrets that were typed: `shown` for a page, `read` with references; and the secrets by setting, the
    ones typed now and the ones that stay.
    """

    shown: Mapping[str, str]
    read: Mapping[str, str]
    fresh: Mapping[str, str]
    stay: tuple[str, ...]


def apart(
    settings: Settings, model: type[BaseModel], typed: Mapping[str, str], present: SourceDef | None
) -> TypedSecrets:
    """What was typed, its secrets set apart. An empty field keeps the secret that is stored, unless it is to be forgotten."""
    shown, read, fresh, stay = dict(typed), dict(typed), {}, []
    for name in secrets_of(model):
        text, key = typed.get(PREFIX + name, "").strip(), PREFIX + name
        stored = present.settings.get(name) if present is not None else None
        if text and not text.startswith(REFERENCES):
            shown[key], read[key], fresh[name] = "", STANDS_IN, text
        elif not text and is_kept(settings, stored) and typed.get(FORGET + name) != "1":
            read[key] = str(stored)
            stay.append(name)
    return TypedSecrets(shown, read, fresh, tuple(stay))


def stored_secrets(settings: Settings, source: SourceDef | None) -> tuple[str, ...]:
    """The settings of a stored source whose secret was typed on the page."""
    return () if source is None else tuple(k for k, v in source.settings.items() if is_kept(settings, v))
