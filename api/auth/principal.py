"""The caller of a request: a person with a session, or a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tocsin.definitions.models import OF_A_KEY, Role


@dataclass(frozen=True, slots=True)
class Principal:
    """A known caller. `scopes` limits a key further (None: everything its role may); a push key pushes for its `source` only."""

    kind: Literal["person", "key"]
    id: str
    name: str
    role: Role
    scopes: frozenset[str] | None = None
    source: str | None = None
    # The token of the session against forged forms; None for a key.
    csrf: str | None = None

    @property
    def label(self) -> str:
        """The name in the audit and in timelines, in which a key cannot be taken for a person."""
        return self.name if self.kind == "person" else f"{OF_A_KEY}{self.name}"

    @property
    def may_read(self) -> bool:
        """Whether this caller may read what is stored; a key that only pushes may not."""
        return self.source is None and (self.scopes is None or "read" in self.scopes)
