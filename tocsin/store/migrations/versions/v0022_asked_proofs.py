"""The channels that came from afar, by page or API, and wait for a proof before they page."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0022"
down_revision = "0021"
READS = 1

DDL = """
ALTER TABLE contact_proofs ADD COLUMN asked_at BIGINT;
"""


def upgrade() -> None:
    """Make the column. What stood before is vouched for: no channel that paged falls silent."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
