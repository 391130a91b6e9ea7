"""The table of all contract suites: `python -m tests.ingest.networks`. It stands in docs/coverage.md, too."""

from __future__ import annotations

import tests.contracts.networks as of_networks
import tests.contracts.sources as of_sources
from tests.ingest.networks import NETWORKS

# Kinds that speak no HTTP: the files that test them besides the contract of sources, and where their shapes come from.
OTHERS = {
    "file": ("tests/ingest/test_files.py", "JSON lines and CSV, as [sources](sources.md) describes them"),
    "imap": (
        "tests/ingest/test_imap.py",
        "RFC 3501 and RFC 9051 (IMAP), RFC 2177 (IDLE), RFC 5322 and RFC 2045 to 2047 (letters and MIME)",
    ),
    "kafka": (
        "tests/ingest/test_kafka_topic.py",
        "the mapping that you write; Apache Kafka's protocol through kafka-python",
    ),
    "push": (
        "tests/api/test_push.py",
        "Standard Webhooks; the mention as [sources](sources.md) describes it",
    ),
}


def table() -> list[str]:
    """For each connector: its tests of the contracts, those that do not apply with the reason, and its documentation."""
    source, network = (
        [name for name in vars(one) if name.startswith("test_")] for one in (of_sources, of_networks)
    )
    lines = [
        "| connector | held by | tests of contracts | does not apply | shapes come from |",
        "|---|---|---|---|---|",
    ]
    for kind, one in sorted(NETWORKS.items()):
        apart = "; ".join(
            f"{test.removeprefix('test_').replace('_', ' ')}: {reason}"
            for test, reason in sorted(one.not_here.items())
        )
        count = len(source) + len(network) - len(one.not_here)
        lines.append(
            f"| {kind} | `tests/ingest/networks/{kind}.py` | {count} of {len(source) + len(network)} | {apart} | {one.shapes} |"
        )
    for kind, (file, shapes) in OTHERS.items():
        lines.append(f"| {kind} | `{file}` | {len(source)} of {len(source)} | | {shapes} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table()))
