"""When a removal was first told since it was last done: a network that shows its deleted posts tells of them at every reading.

A removal that was noted before, or by older code meanwhile, has no such time and goes by the last one.
"""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0024"
down_revision = "0023"
READS = 1

DDL = """
ALTER TABLE removals ADD COLUMN first_told_at BIGINT;
CREATE INDEX removals_by_first_time ON removals (first_told_at);
"""


def upgrade() -> None:
    """Add the column with its index."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
