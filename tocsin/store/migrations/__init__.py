"""How the schema came to be what it is: one file a step in `versions/`, run by `tocsin.store.migrating`.

A step is never changed once a version with it was released. Each says in `READS` the oldest schema whose code still works
with the store after it (docs/operations.md, "Upgrading"): a step adds, and what it makes superfluous goes one release later.
"""
