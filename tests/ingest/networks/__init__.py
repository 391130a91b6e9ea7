"""The fakes of the networks, one file for each kind of source: `NETWORK` in `KIND.py`. `NETWORKS` has them all, by kind."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tests.contracts.loopback import Network

NETWORKS: dict[str, Network] = {
    found.name: import_module(f"{__name__}.{found.name}").NETWORK
    for found in pkgutil.iter_modules(__path__)
    if found.name != "__main__"
}
