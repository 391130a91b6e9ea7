"""What a process that reads strangers' bytes can see of ours; `ingest.apart` calls it there."""

from __future__ import annotations

import os
from pathlib import Path


def everything(_data: bytes, _told: str) -> dict[str, list[str]]:
    """The names in its environment, and what its open files lead to."""
    held = Path("/dev/fd")
    files = [str(one.readlink()) for one in held.iterdir() if one.is_symlink() and one.exists()]
    return {"environment": sorted(os.environ), "files": files}
