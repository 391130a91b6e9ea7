"""The connectors of the registered kinds of sources: this module resolves the names in `tocsin/definitions/source_kinds.py`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from ingest.budget import HostBudget
from ingest.source import Source, SourceContext
from tocsin.core.clock import Clock, SystemClock
from tocsin.core.errors import WrongInput
from tocsin.core.faults import WORDS, fault_of
from tocsin.core.patterns import ENV_OR_FILE
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import SOURCE_KINDS, SourceKind
from tocsin.settings import Ingest

Parts = tuple[type[BaseModel], type[Any]]
"""The model of the settings, and the connector, of a kind."""


_NUMBERS: Mapping[Any, str] = {
    int: WORDS["int_type"],
    int | None: WORDS["int_type"],
    tuple[int, ...]: WORDS["int_type"],
    float: WORDS["float_type"],
}
"""What is said of a value that is no number, by the type of a setting."""


def resolved(kind: SourceKind) -> Parts:
    """The parts that the entry names. Raises `ImportError` or `AttributeError` where there is none of that name."""
    return pkgutil.resolve_name(kind.settings), pkgutil.resolve_name(kind.connector)


KINDS: dict[str, Parts] = {kind: resolved(one) for kind, one in SOURCE_KINDS.items()}


def add(kind: SourceKind, parts: Parts) -> None:
    """Take in a further kind, of a plugin."""
    SOURCE_KINDS[kind.kind] = kind
    KINDS[kind.kind] = parts


def make_source(
    definition: SourceDef,
    ingest: Ingest,
    clock: Clock | None = None,
    budget: HostBudget | None = None,
    queries: Callable[[], Sequence[str]] = tuple,
) -> Source:
    """The source that the definition describes. The worker gives its clock, the budget that all its sources share, and the
    monitors' queries.

    Raises `WrongInput` that names the kind or setting, the value and the choices.
    """
    settings = settings_of(definition)
    _, factory = KINDS[definition.kind]
    context = SourceContext(definition.name, ingest, clock or SystemClock(), budget or HostBudget(), queries)
    source: Source = factory(context, settings)
    return source


def settings_of(definition: SourceDef) -> BaseModel:
    """The connector's own settings in this definition. Raises `WrongInput` as `make_source` does; reads and asks nothing."""
    if definition.kind not in KINDS:
        raise WrongInput(
            Sentence(
                "source {name}: unknown kind {kind}; known: {choices}",
                name=repr(definition.name),
                kind=repr(definition.kind),
                choices=", ".join(sorted(KINDS)),
            )
        )
    model, _ = KINDS[definition.kind]
    _require_no_switch_for_a_number(definition, model)
    try:
        return model.model_validate(definition.settings)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "settings"
        known = ", ".join(sorted(model.model_fields)) or "none"
        if first["type"] == "extra_forbidden":
            what: str = Sentence(
                "unknown setting {key}; a {kind} knows: {known}",
                key=repr(key),
                kind=definition.kind,
                known=known,
            )
        elif first["type"] == "missing":
            what = Sentence(
                "the setting {key} is missing; a {kind} knows: {known}",
                key=repr(key),
                kind=definition.kind,
                known=known,
            )
        elif (first.get("ctx") or {}).get("pattern") == ENV_OR_FILE:
            # What was typed may be the secret itself.
            what = Sentence("{field}: {what}", field=key, what=fault_of(first))
        else:
            given = repr(str(first["input"])[:80])
            what = Sentence("{key} = {given}: {what}", key=key, given=given, what=fault_of(first))
        raise WrongInput(Sentence("source {name}: {what}", name=repr(definition.name), what=what)) from None


def _require_no_switch_for_a_number(definition: SourceDef, model: type[BaseModel]) -> None:
    """Raise `WrongInput` for true or false where a number is asked for: pydantic takes them for 1 and 0."""
    for key, value in definition.settings.items():
        field = model.model_fields.get(key)
        kind = _NUMBERS.get(field.annotation) if field is not None else None
        if kind is not None and any(
            isinstance(one, bool) for one in (value if isinstance(value, list) else (value,))
        ):
            what = Sentence(
                "{key} = {given}: {what}", key=key, given=repr(str(value)[:80]), what=Sentence(kind)
            )
            raise WrongInput(Sentence("source {name}: {what}", name=repr(definition.name), what=what))
