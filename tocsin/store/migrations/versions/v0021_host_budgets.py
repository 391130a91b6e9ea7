"""The requests that hosts still take, shared by all processes."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0021"
down_revision = "0020"
READS = 1

DDL = """
CREATE TABLE host_budgets (
  host VARCHAR(255) NOT NULL,
  state TEXT NOT NULL,
  idle_at BIGINT NOT NULL,
  PRIMARY KEY (host)
);
CREATE INDEX host_budgets_idle ON host_budgets (idle_at);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
