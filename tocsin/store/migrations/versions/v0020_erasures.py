"""Erasures that a person asked for, as jobs."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0020"
down_revision = "0019"
READS = 1

DDL = """
CREATE TABLE erasures (
  id VARCHAR(64) NOT NULL,
  at BIGINT NOT NULL,
  actor VARCHAR(256) NOT NULL,
  role VARCHAR(32) NOT NULL,
  what VARCHAR(8) NOT NULL,
  subject TEXT,
  target VARCHAR(64) NOT NULL,
  expected INTEGER NOT NULL,
  state VARCHAR(16) NOT NULL,
  beat_at BIGINT NOT NULL,
  message TEXT,
  counts TEXT NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX erasures_by_state ON erasures (state, at);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
