"""The files and secrets that a source may read when it is defined from afar.

Who runs the command line reads what the machine's account may read anyway. An admin of the API shall not: the lines of
a file become mentions and dead letters, which others see, and a secret goes to whatever address the source names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import source_kind
from tocsin.settings.secrets import REFERENCES

_OWN_VARIABLES = "TOCSIN_"


def require_allowed_file(source: SourceDef, allowed: Sequence[str], present: SourceDef | None = None) -> None:
    """Raise `WrongInput` where the source reads a file outside of these folders, links followed. The file of `present` may
    stay.
    """
    if not source_kind(source.kind).reads_files:
        return
    path = source.settings.get("path")
    if present is not None and (present.kind, present.settings.get("path")) == (source.kind, path):
        return
    if not isinstance(path, str) or "\0" in path or not _within(Path(path), allowed):
        folders = ", ".join(allowed) or Sentence("none is")
        raise WrongInput(
            Sentence(
                "path: from here a source may read absolute paths in the folders that ingest.allowed_folders names ({folders}); "
                "add the folder there, or define the source on the machine itself with: tocsin apply",
                folders=folders,
            )
        )


def require_allowed_secrets(
    source: SourceDef, allowed: Sequence[str], present: SourceDef | None = None
) -> None:
    """Raise `WrongInput` where the source takes a secret from a file outside of these folders, or from Tocsin's own environment.

    A source that was defined on the machine may keep such a secret, as long as no setting of it changes.
    """
    if present is not None and (present.kind, present.settings) == (source.kind, source.settings):
        return
    for reference in _references(source.settings):
        require_allowed_reference(reference, allowed)


def require_allowed_reference(reference: str, allowed: Sequence[str]) -> None:
    """Raise `WrongInput` where a person may not name this secret from afar: a file outside of these folders, or a variable of
    Tocsin's own.
    """
    scheme, _, rest = reference.partition(":")
    if scheme == "file" and not ("\0" not in rest and _within(Path(rest), allowed)):
        raise WrongInput(
            Sentence(
                "from here a source may take secrets from files in the folders that ingest.allowed_folders names; "
                "add the folder there, or define the source on the machine itself with: tocsin apply"
            )
        )
    if scheme == "env" and rest.upper().startswith(_OWN_VARIABLES):
        raise WrongInput(
            Sentence(
                "{rest} is a variable of Tocsin's own, which no source may send away: give the secret another name",
                rest=repr(rest[:80]),
            )
        )


def _references(value: Any) -> Iterator[str]:
    """The texts in a setting that may refer to a secret."""
    if isinstance(value, str) and value.startswith(REFERENCES):
        yield value
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _references(one)


def _within(path: Path, allowed: Sequence[str]) -> bool:
    if not path.is_absolute():
        return False
    try:
        real = path.resolve()
        # Where links lead in a circle, Python 3.13 and later raise nothing and leave a link in the path.
        if any(part.is_symlink() for part in (real, *real.parents)):
            return False
        return any(real.is_relative_to(Path(folder).resolve()) for folder in allowed)
    except (OSError, RuntimeError):
        # A loop of links, or a name that the system does not take.
        return False
