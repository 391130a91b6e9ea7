"""What people said of the new normal of a monitor."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0007"
down_revision = "0006"
READS = 1

DDL = """
CREATE TABLE acceptances (
  monitor_id VARCHAR(64) NOT NULL,
  seq INTEGER NOT NULL,
  action VARCHAR(16) NOT NULL,
  series VARCHAR(64) NOT NULL,
  at BIGINT NOT NULL,
  actor VARCHAR(256) NOT NULL,
  role VARCHAR(32) NOT NULL,
  outcome VARCHAR(16),
  first_window BIGINT,
  before TEXT,
  PRIMARY KEY (monitor_id, seq)
);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
