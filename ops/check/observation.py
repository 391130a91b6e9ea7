"""The outcome of one check of `tocsin doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Observation:
    """The outcome of one check. A `bad` outcome needs a person; a `note` is worth knowing."""

    state: Literal["ok", "note", "bad"]
    text: str
    advice: str = ""

    @property
    def mark(self) -> str:
        return {"ok": "ok  ", "note": "note", "bad": "BAD "}[self.state]

    @property
    def needs_a_person(self) -> bool:
        return self.state == "bad"
