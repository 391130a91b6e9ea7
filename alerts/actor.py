"""Who did it: a person, or the engine itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is a person's (or key's) id, `name` what the timeline shows, `role` one of
    `tocsin.definitions.models.Role`.
    """

    id: str
    name: str
    role: str


ENGINE = Actor("engine", "Tocsin", "engine")
AUDITOR = Actor("auditor", "Tocsin auditor", "engine")
