"""How the schema came to be what it is: one file a migration in `versions/`, run by `tocsin.store.migrations.upgrade`.

A migration is never changed once a version with it was released. Each says in `READS` the oldest schema whose code still works
with the store after it (docs/operations.md, "Upgrading"): a migration adds, and what it makes superfluous goes one release later.
"""
