"""Who asks: a person with a session, or a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tocsin.definitions.models import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody known. `scopes` limits a key further (None: everything its role may); `source` fixes what a push key pushes."""

    kind: Literal["person", "key"]
    id: str
    name: str
    role: Role
    scopes: frozenset[str] | None = None
    source: str | None = None
    csrf: str | None = None  # of the session; None for a key

    @property
    def label(self) -> str:
        """How the audit and timelines name it; people and keys cannot be taken for each other."""
        return self.name if self.kind == "person" else f"key {self.name}"
