"""Corrections of labels, the models that are learnt from them, and how a match came by its label."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0006"
down_revision = "0005"
READS = 1

DDL = """
CREATE TABLE corrections (
  monitor_id VARCHAR(64) NOT NULL,
  source VARCHAR(256) NOT NULL,
  id VARCHAR(256) NOT NULL,
  label VARCHAR(8) NOT NULL,
  was VARCHAR(8) NOT NULL,
  at BIGINT NOT NULL,
  actor VARCHAR(256) NOT NULL,
  PRIMARY KEY (monitor_id, source, id)
);
CREATE TABLE brand_models (
  monitor_id VARCHAR(64) NOT NULL,
  version INTEGER NOT NULL,
  at BIGINT NOT NULL,
  actor VARCHAR(256) NOT NULL,
  model TEXT NOT NULL,
  figures TEXT NOT NULL,
  active BOOLEAN NOT NULL,
  PRIMARY KEY (monitor_id, version)
);
ALTER TABLE matches ADD COLUMN scored_by VARCHAR(64);
"""


def upgrade() -> None:
    """Make the tables and the column."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)
