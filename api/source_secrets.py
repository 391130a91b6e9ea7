"""Secrets of sources that come with a definition, from the form or over the API: written to a file, named by the definition, and
shown to nobody again.

A secret stays as long as no other setting of its source changes (`tocsin.definitions.folders`): with another address it would be
sent elsewhere, so it must be given again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

from api.defining import require_allowed
from api.kept_secrets import FOLDER, forget, kept
from api.pages.source_fields import secrets_of
from ingest.kinds import KINDS
from tocsin.definitions.models import Definition, SourceDef
from tocsin.settings import Settings
from tocsin.settings.secrets import REFERENCES

STANDS_IN: Final = "env:TYPED_HERE"
"""The text that stands for a secret while the rest of the definition is checked."""

D = TypeVar("D", bound=Definition)


class InForce(Generic[D]):
    """A definition with its typed secrets in files. They go with the block, unless it is `taken`."""

    def __init__(self, settings: Settings, definition: D) -> None:
        self.definition, self.taken = definition, False
        folders = (*settings.ingest.allowed_folders, str(settings.data / FOLDER))
        ingest = settings.ingest.model_copy(update={"allowed_folders": folders})
        self.settings = settings.model_copy(update={"ingest": ingest})
        """Those by which the files that were just written may be read."""


@contextmanager
def in_force(
    settings: Settings, definition: SourceDef, fresh: Mapping[str, str]
) -> Iterator[InForce[SourceDef]]:
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


@contextmanager
def given_secrets(
    settings: Settings, value: D, present: Definition | None = None
) -> Iterator[InForce[D] | InForce[SourceDef]]:
    """The definition as it is stored: what a caller of the API gave as a secret, and not as a reference to one, lies in a file of
    its own. The files go with the block, unless it is `taken`. Raises `WrongInput` where the source may not be read from afar.
    """
    fresh = _given(value)
    if not isinstance(value, SourceDef) or not fresh:
        one = InForce(settings, value)
        one.settings = settings
        yield one
        return
    rest = SourceDef.model_validate(value.model_dump(mode="json") | dict.fromkeys(fresh, STANDS_IN))
    # By the caller's own rights: a secret that was given reads no other one that lies beside it.
    require_allowed(settings, rest, present)
    with in_force(settings, rest, fresh) as made:
        yield made


def _given(value: Definition) -> dict[str, str]:
    """The secrets that stand in this definition themselves, by setting."""
    if not isinstance(value, SourceDef) or value.kind not in KINDS:
        return {}
    found = {name: value.settings.get(name) for name in secrets_of(KINDS[value.kind][0])}
    return {
        name: text
        for name, text in found.items()
        if isinstance(text, str) and text and not text.startswith(REFERENCES)
    }
