"""The table of all contract suites: `python -m tests.ingest.networks`."""

from __future__ import annotations

import tests.contracts.networks as contract
from tests.ingest.networks import NETWORKS


def main() -> None:
    """Print, for each connector, the tests of the contract that it is held to, those that do not apply, and its documentation."""
    names = [name for name in vars(contract) if name.startswith("test_")]
    print("| connector | tests | not here | shapes come from |")
    print("|---|---|---|---|")
    for kind, network in sorted(NETWORKS.items()):
        apart = "; ".join(f"{test}: {reason}" for test, reason in sorted(network.not_here.items()))
        print(
            f"| {kind} | {len(names) - len(network.not_here)} of {len(names)} | {apart} | {network.shapes} |"
        )


if __name__ == "__main__":
    main()
