"""The script that Alembic runs to migrate, on our connection, in the transaction that `tocsin.store.migrations.upgrade` has
begun.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
