"""Imports of recorded mentions, as jobs."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0018"
down_revision = "0017"
READS = 1

DDL = """
CREATE TABLE imports (
  id VARCHAR(64) NOT NULL,
  seq INTEGER NOT NULL,
  kind VARCHAR(16) NOT NULL,
  undoes VARCHAR(64),
  at BIGINT NOT NULL,
  actor VARCHAR(256) NOT NULL,
  state VARCHAR(16) NOT NULL,
  beat_at BIGINT NOT NULL,
  progress INTEGER NOT NULL,
  message TEXT,
  file VARCHAR(256) NOT NULL,
  mapping TEXT,
  teach BOOLEAN NOT NULL,
  position BIGINT NOT NULL,
  counts TEXT NOT NULL,
  reasons TEXT NOT NULL,
  first_at BIGINT,
  last_at BIGINT,
  PRIMARY KEY (id),
  UNIQUE (seq)
);
CREATE INDEX imports_by_state ON imports (state, at);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
