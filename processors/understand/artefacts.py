"""The files of models: numbers and names that numpy reads with `allow_pickle=False`, held against the checksum of the card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from tocsin.core.errors import TocsinError

FOLDER: Final = Path(__file__).with_name("models")
"""The models that come with Tocsin."""


def read_arrays(path: Path, sha256: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an artefact tells of itself, and its arrays by name.

    Raises `TocsinError` where the file is missing, damaged, or not the one of its card.
    """
    try:
        if sha256 is not None:
            _refuse_other(path, sha256)
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        told: dict[str, Any] = json.loads(arrays.pop("told").tobytes())
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise _unreadable(path, error) from error
    return told, arrays


def _refuse_other(path: Path, sha256: str) -> None:
    """Raise `ValueError` for a file that is not the one with this checksum."""
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ValueError("its checksum is not that of its card")


def _unreadable(path: Path, error: Exception) -> TocsinError:
    return TocsinError(f"the model {path.name} cannot be read: {error}; reinstall tocsin")


def write_arrays(path: Path, told: Mapping[str, Any], **arrays: npt.NDArray[Any]) -> None:
    """Write an artefact that tells this of itself and holds these arrays. Equal models give equal bytes."""
    line = np.frombuffer(json.dumps(told, sort_keys=True).encode(), dtype=np.uint8)
    kept: dict[str, Any] = {**arrays, "told": line}
    with path.open("wb") as file:
        np.savez_compressed(file, **kept)


def faults(languages: Collection[str]) -> Iterator[str]:
    """What is wrong with the files in `FOLDER`: a card without its model, a damaged one, or none for one of `languages`."""
    cards = {path.name: path for path in sorted(FOLDER.glob("*.json"))}
    for kind in ("facets", "sentiment"):
        for language in sorted(languages):
            if f"{kind}-{language}.json" not in cards:
                yield f"the model {kind}-{language} is not there; reinstall tocsin"
    for card in cards.values():
        path = card.with_suffix(".npz")
        try:
            # A file with the checksum of its card is whole: unpacking it, too, took nine tenths of the time.
            _refuse_other(path, checksum_of(card))
        except TocsinError as error:
            yield str(error)
        except (OSError, ValueError) as error:
            yield str(_unreadable(path, error))


def checksum_of(card: Path) -> str:
    """The checksum that a card names. Raises `TocsinError` where the card cannot be read."""
    return str(card_of(card)["sha256"])


def card_of(path: Path) -> dict[str, Any]:
    """What a card says. Raises `TocsinError` where it cannot be read, or names no checksum."""
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        card["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TocsinError(
            f"the card {path.name} of a model cannot be read: {error}; reinstall tocsin"
        ) from error
    return card
