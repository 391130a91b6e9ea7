"""Leases: who holds a task that only one worker may do at a time."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0002"
down_revision = "0001"
READS = 1

LEASES = """
CREATE TABLE IF NOT EXISTS leases (
  name VARCHAR(300) NOT NULL,
  owner VARCHAR(256) NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (name)
);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(LEASES, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
