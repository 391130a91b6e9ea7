"""The files that a source may read when it is defined from afar.

Who runs the command line reads what the machine's account may read anyway. An admin of the API shall not: the lines of
a file become mentions and dead letters, which others see.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tocsin.core.errors import WrongInput
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import source_kind


def require_allowed_file(source: SourceDef, allowed: Sequence[str], present: SourceDef | None = None) -> None:
    """Raise `WrongInput` where the source reads a file outside of these folders, links followed. What is `present` may stay."""
    if not source_kind(source.kind).reads_files:
        return
    path = source.settings.get("path")
    if present is not None and (present.kind, present.settings.get("path")) == (source.kind, path):
        return
    if not isinstance(path, str) or "\0" in path or not _within(Path(path), allowed):
        folders = ", ".join(allowed) or "none is"
        raise WrongInput(
            f"path: from here a source may read absolute paths in the folders that ingest.allowed_folders names ({folders}); "
            "add the folder there, or define the source on the machine itself with: tocsin apply"
        )


def _within(path: Path, allowed: Sequence[str]) -> bool:
    if not path.is_absolute():
        return False
    try:
        real = path.resolve()
        return any(real.is_relative_to(Path(folder).resolve()) for folder in allowed)
    except (OSError, RuntimeError):
        # A loop of links, or a name that the system does not take.
        return False
