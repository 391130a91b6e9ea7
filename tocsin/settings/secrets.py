"""Secrets: settings hold references to secrets, and a reference is read when it is used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence

REFERENCES: Final = ("env:", "file:")
"""The beginnings of a text that refers to a secret. Any other text may be the secret itself."""


def reveal(reference: str) -> str:
    """The secret behind `env:NAME` or `file:PATH`. Raises `WrongInput` that names the reference, never the secret."""
    scheme, _, rest = reference.partition(":")
    if scheme == "env":
        if rest not in os.environ:
            raise WrongInput(
                Sentence(
                    "the environment has no {rest}, which {reference} names",
                    rest=rest,
                    reference=repr(reference),
                )
            )
        return os.environ[rest]
    if scheme == "file":
        try:
            return Path(rest).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise WrongInput(
                Sentence(
                    "cannot read the secret that {reference} names: {strerror}",
                    reference=repr(reference),
                    strerror=error.strerror,
                )
            ) from None
    raise WrongInput(Sentence("a secret must be given as env:NAME or file:PATH, not in plain text"))


def require_reference(name: str, value: object) -> str:
    """`value` if it refers to a secret. Raises `WrongInput` with the field and without the value, which may be the secret."""
    if not isinstance(value, str) or not value.startswith(REFERENCES) or value.endswith(":"):
        raise WrongInput(
            Sentence("`{name}` must be given as env:NAME or file:PATH, not in plain text", name=name)
        )
    return value
