"""The statements that SQLAlchemy has compiled, for all stores of the process.

SQLAlchemy keeps them by dialect, and makes a dialect for each engine. The dialects of our stores (`sqlite/dialect.py`,
`postgres/dialect.py`) are equal where they compile alike. So what was compiled for one store serves the others (a replay beside
the live store, the target of a copy, the next store of a test), and a store's reader and its writer serve each other. Compiling
takes ten times as long as the query.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.util import LRUCache

COMPILED: Final[LRUCache[Any, Any]] = LRUCache(2000)
