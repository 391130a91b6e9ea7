"""A channel that was asked for on the page and waits for its code, beside its proof."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0014"
down_revision = "0013"
READS = 1

DDL = """
ALTER TABLE contact_proofs ADD COLUMN pending TEXT;
"""


def upgrade() -> None:
    """Make the column."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
