"""Secrets that people type on the page: written to a file of their own in the data folder, and named by `file:PATH` ever after.

Definitions, exports and the audit then hold the path. The role `alerts` reads the file, so where it runs on another machine, its
data folder must be shared; a code that never arrives says so before anything depends on it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.core.text import unseen
from tocsin.definitions.folders import require_allowed_reference
from tocsin.settings import Settings

FOLDER: Final = "secrets"
LONGEST: Final = 2000


def kept(settings: Settings, text: str, *, may_name: bool) -> str:
    """A reference to this secret. A text that is a reference already (`env:NAME`, `file:PATH`) is returned where this person
    `may_name` one and may read it from afar. Raises `WrongInput` otherwise, and for a text that is no line.
    """
    if text.startswith(("env:", "file:")):
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


def _written(folder: Path, text: str) -> Path:
    """The file, which only this account can read. Its name says nothing of the secret."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = (folder / secrets.token_hex(16)).resolve()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path
