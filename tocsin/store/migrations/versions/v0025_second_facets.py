"""What the second opinion tells of an alert's mentions: kinds of crisis and harm. An opinion of older code has none."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0025"
down_revision = "0024"
READS = 1

DDL = """
ALTER TABLE second_opinions ADD COLUMN facets TEXT;
"""


def upgrade() -> None:
    """Add the column."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
