"""What a process that reads strangers' bytes can see of ours; `ingest.apart` calls it there."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def everything(_data: bytes, _told: str) -> dict[str, list[str]]:
    """The names in its environment, what its open files lead to, and the packages that it has imported."""
    held = Path("/dev/fd")
    files = [str(one.readlink()) for one in held.iterdir() if one.is_symlink() and one.exists()]
    packages = {name.partition(".")[0] for name in sys.modules}
    return {"environment": sorted(os.environ), "files": files, "packages": sorted(packages)}
