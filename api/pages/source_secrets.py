"""Secrets that are typed into the form of a source: written to a file, named by the definition, and in no page again.

A secret that was typed stays as long as no other setting of its source changes, as one that was defined on the machine does
(`tocsin.definitions.folders`): with another address it would be sent elsewhere, so it must be typed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from api.kept_secrets import FOLDER, forget, is_kept, kept
from api.pages.source_fields import PREFIX, REFERENCES, secrets_of
from tocsin.definitions.models import SourceDef
from tocsin.settings import Settings

FORGET: Final = "forget."
STANDS_IN: Final = "env:TYPED_HERE"
"""What stands for a secret while the rest of the form is checked."""


@dataclass(frozen=True, slots=True)
class TypedSecrets:
    """The form without what was typed as a secret: `shown` for a page, `read` with references, and the secrets by setting: those
    that were typed now, and those that stay.
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


class InForce:
    """A definition with its typed secrets in files. They go with the block, unless it is `taken`."""

    def __init__(self, settings: Settings, definition: SourceDef) -> None:
        self.definition, self.taken = definition, False
        folders = (*settings.ingest.allowed_folders, str(settings.data / FOLDER))
        ingest = settings.ingest.model_copy(update={"allowed_folders": folders})
        self.settings = settings.model_copy(update={"ingest": ingest})
        """Those by which the files that were just written may be read."""


@contextmanager
def in_force(settings: Settings, definition: SourceDef, fresh: Mapping[str, str]) -> Iterator[InForce]:
    """Write the secrets. Raises `WrongInput` for one that is no line, and leaves no file then."""
    if not fresh:
        one = InForce(settings, definition)
        one.settings = settings
        yield one
        return
    written: dict[str, str] = {}
    taken = False
    try:
        for name, text in fresh.items():
            written[name] = kept(settings, text, may_name=False)
        one = InForce(settings, SourceDef.model_validate(definition.model_dump(mode="json") | written))
        yield one
        taken = one.taken
    finally:
        for reference in () if taken else written.values():
            forget(settings, reference)
