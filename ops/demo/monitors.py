"""The demo's definitions: what it watches and whom it would wake. They are read from monitors.yaml when asked for."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml


def demo_setup() -> dict[str, list[dict[str, Any]]]:
    """The whole file, in the form that `tocsin apply` takes: `monitors`, `people`, `policies`."""
    text = resources.files("ops.demo").joinpath("monitors.yaml").read_text(encoding="utf-8")
    setup: dict[str, list[dict[str, Any]]] = yaml.safe_load(text)
    return setup
