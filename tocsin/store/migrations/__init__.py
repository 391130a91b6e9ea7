"""The migrations of the schema: one file for each in `versions/`, run by `tocsin.store.migrations.upgrade`.

A migration is never changed once a version with it was released. `READS` in each migration is the oldest schema whose code
still works with the store after it (docs/operations.md, "Upgrade"). So a migration only adds. Tables and columns that it
makes superfluous go one release later.
"""
