"""The one folder from which files of history are taken, and where uploads are put. A file is named by its name alone."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from tocsin.core.errors import Conflict, WrongInput
from tocsin.core.sentences import Sentence

SHOWN: Final = 200
UPLOADED: Final = "uploaded-"
"""How the name of an uploaded file begins. An upload goes once its import is done."""
_NAME: Final = re.compile(r"[\w][\w .()+-]{0,150}", re.ASCII)


class Folder:
    """The folder, made when it is first needed. Only its owner may look into it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """The names of the files in it, sorted; at most `SHOWN`."""
        if not self.path.is_dir():
            return []
        found = (
            one.name
            for one in self.path.iterdir()
            if _NAME.fullmatch(one.name) and one.is_file() and not one.is_symlink()
        )
        return sorted(found)[:SHOWN]

    def file(self, name: str) -> Path:
        """The path of a file in it. Raises `WrongInput` for any other."""
        path = self.path / name
        if not _NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise WrongInput(
                Sentence(
                    "there is no file {name} in {path}: put it there, or upload it",
                    name=repr(name[:80]),
                    path=str(self.path),
                )
            )
        return path

    @contextmanager
    def new(self, name: str) -> Iterator[tuple[str, IO[bytes]]]:
        """A new file for an upload of this name: the name that it gets, and the open file. After an error nothing is left.

        Raises `Conflict` where there are too many files already.
        """
        plain = UPLOADED + (
            re.sub(r"[^\w.-]+", "-", Path(name).name, flags=re.ASCII).strip("-.")[-100:] or "file"
        )
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(self.names()) >= SHOWN:
            raise Conflict(
                Sentence("there are {n} files in {path} already: remove some", n=SHOWN, path=str(self.path))
            )
        part = self.path / f".{plain}.{os.getpid()}.part"
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                yield plain, file
            part.replace(self.path / plain)
        finally:
            part.unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Remove an uploaded file. A file that somebody put there stays."""
        if name.startswith(UPLOADED) and _NAME.fullmatch(name):
            with contextlib.suppress(OSError):
                (self.path / name).unlink()
