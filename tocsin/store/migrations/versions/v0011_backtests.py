"""Back-tests that people asked for, and those behind a proposal."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0011"
down_revision = "0010"
READS = 1

DDL = """
CREATE TABLE backtests (
  id VARCHAR(64) NOT NULL,
  monitor_id VARCHAR(64) NOT NULL,
  at BIGINT NOT NULL,
  actor VARCHAR(256) NOT NULL,
  state VARCHAR(16) NOT NULL,
  beat_at BIGINT NOT NULL,
  progress INTEGER NOT NULL,
  message TEXT,
  change TEXT,
  because TEXT,
  result TEXT,
  decided VARCHAR(16),
  decided_by VARCHAR(256),
  PRIMARY KEY (id)
);
CREATE INDEX backtests_by_monitor ON backtests (monitor_id, at);
CREATE INDEX backtests_by_state ON backtests (state, at);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
