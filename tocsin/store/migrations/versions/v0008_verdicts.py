"""What people said of alerts afterwards."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0008"
down_revision = "0007"
READS = 1

DDL = """
CREATE TABLE verdicts (
  alert_id VARCHAR(64) NOT NULL,
  monitor_id VARCHAR(64) NOT NULL,
  kind VARCHAR(32) NOT NULL,
  verdict VARCHAR(16) NOT NULL,
  at BIGINT NOT NULL,
  actor VARCHAR(256) NOT NULL,
  PRIMARY KEY (alert_id)
);
CREATE INDEX verdicts_by_monitor ON verdicts (monitor_id, at);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
