"""Runs of retention, with what each took out."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0019"
down_revision = "0018"
READS = 1

DDL = """
CREATE TABLE retention_runs (
  id VARCHAR(64) NOT NULL,
  at BIGINT NOT NULL,
  beat_at BIGINT NOT NULL,
  ended_at BIGINT,
  asked_by VARCHAR(256),
  pieces INTEGER NOT NULL,
  due TEXT NOT NULL,
  taken TEXT NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX retention_runs_by_time ON retention_runs (at);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
