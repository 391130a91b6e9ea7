"""The author of a change: a person, or the engine itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is the id of a person or key, `name` is shown in the timeline, `role` is one of `tocsin.definitions.models.Role`."""

    id: str
    name: str
    role: str


ENGINE = Actor("engine", "Tocsin", "engine")
