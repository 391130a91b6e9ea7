"""Secrets that people type on the page: written to a file of their own in the data folder, and named by `file:PATH` ever after.

Definitions, exports and the audit then hold the path. The roles `alerts` and `ingest` read the file, so where they run on another
machine, the data folder must be shared; a code that never arrives says so before anything depends on it.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.core.text import unseen
from tocsin.definitions.folders import require_allowed_reference
from tocsin.settings import Settings
from tocsin.settings.secrets import REFERENCES

FOLDER: Final = "secrets"
LONGEST: Final = 2000


def kept(settings: Settings, text: str, *, may_name: bool) -> str:
    """A reference to this secret. A text that is a reference already (`env:NAME`, `file:PATH`) is returned where this person
    `may_name` one and may read it from afar. Raises `WrongInput` otherwise, and for a text that is no line.
    """
    if text.startswith(REFERENCES):
        if not may_name:
            raise WrongInput(
                Sentence("only an administrator may name a secret of the machine: type the secret itself")
            )
        require_allowed_reference(text, (*settings.ingest.allowed_folders, str(settings.data / FOLDER)))
        return text
    if not text or len(text) > LONGEST or unseen(text):
        raise WrongInput(
            Sentence("a secret is one line of at most {n} characters that can be seen", n=LONGEST)
        )
    return f"file:{_written(settings.data / FOLDER, text)}"


def is_kept(settings: Settings, reference: object) -> bool:
    """Whether this refers to a secret that was typed on the page."""
    text = reference if isinstance(reference, str) else ""
    return text.startswith("file:") and Path(text[5:]).parent == (settings.data / FOLDER).resolve()


def forget(settings: Settings, reference: str | None) -> None:
    """Remove the file of a secret that was typed on the page. A secret that the machine's own files hold is none of ours."""
    if reference is not None and is_kept(settings, reference):
        with suppress(OSError):
            Path(reference[5:]).unlink()


def _written(folder: Path, text: str) -> Path:
    """The file, which only this account can read. Its name says nothing of the secret."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = (folder / secrets.token_hex(16)).resolve()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path
